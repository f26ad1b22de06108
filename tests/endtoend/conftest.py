from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endtoend.house import House, build
from tests.endtoend.made import Made, made_house, tiny_base
from tests.endtoend.server import Endpoint, endpoint


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Look at it, and change nothing in it."""
    return made_house(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.getbasetemp())


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as state:
        yield state


@pytest.fixture
def house(made: Made, server: Endpoint, tmp_path: Path) -> House:
    """A copy of the made house, its teacher behind `server`."""
    copy = made.house.copy(tmp_path / "house")
    copy.env["SOLVER_URL"] = server.url
    return copy


@pytest.fixture
def new_house(base: Path, server: Endpoint, tmp_path: Path) -> House:
    """The same before anything is made."""
    folder = tmp_path / "house"
    folder.mkdir()
    return build(folder, base, server.url)
