from __future__ import annotations

from pathlib import Path

import pytest

from tests.endtoend.house import House
from tests.endtoend.made import made_house


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The house after a whole run: look at it, and change nothing in it."""
    return made_house(tmp_path_factory.getbasetemp()).house


@pytest.fixture
def house(made: House, tmp_path: Path) -> House:
    """A copy that may be changed."""
    return made.copy(tmp_path / "house")


@pytest.fixture
def empty(tmp_path: Path) -> House:
    """A house with nothing in it."""
    (tmp_path / "registry").mkdir()
    return House(tmp_path)
