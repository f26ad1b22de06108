from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endtoend.house import House
from tests.endtoend.server import Endpoint, endpoint
from tests.sourcing.written.writers import build, make, says


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as state:
        state.behaviour = says(lambda body: None)
        yield state


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose seed questions are made and screened. Copied, never changed."""
    house = build(tmp_path_factory.mktemp("written") / "house")
    with house.entered():
        assert make(house, "benchmark_questions", benchmark="exam") is None
        assert make(house, "sourced_questions", source="mine") is None
        assert make(house, "screened_questions", source="mine") is None
    return house


@pytest.fixture
def house(seeded: House, tmp_path: Path, server: Endpoint) -> Iterator[House]:
    """A copy of the seeded house, entered, its writer behind `server`."""
    copy = seeded.copy(tmp_path / "house")
    copy.env["SOLVER_URL"] = server.url
    with copy.entered():
        yield copy
