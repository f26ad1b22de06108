from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lineage_house import House

from resources.artifacts import chunks, parts


@pytest.fixture(autouse=True)
def small_parts() -> Iterator[None]:
    """Parts of 50 rows, so that small tables have several files; around each test and no longer, since other rooms' tests
    run in the same process.
    """
    with in_small_parts():
        yield


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A whole store that tests only read."""
    with in_small_parts():
        return House(tmp_path_factory.mktemp("lineage") / "artifacts").build()


@contextlib.contextmanager
def in_small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "ROW_GROUP_ROWS", 50)
        patch.setattr(parts, "PART_ROWS", 50)
        yield


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    """A copy of it that a test may change."""
    shutil.copytree(built.root, tmp_path / "artifacts")
    return House(tmp_path / "artifacts")
