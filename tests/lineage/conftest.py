from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lineage_house import House

from resources.artifacts import chunks, tables


@pytest.fixture(scope="session", autouse=True)
def small_parts() -> Iterator[None]:
    """Parts of 50 rows, so that small tables have several files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "ROW_GROUP_ROWS", 50)
        patch.setattr(tables, "PART_ROWS", 50)
        yield


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, small_parts: None) -> House:
    """A whole store that tests only read."""
    return House(tmp_path_factory.mktemp("lineage") / "artifacts").build()


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    """A copy of it that a test may change."""
    shutil.copytree(built.root, tmp_path / "artifacts")
    return House(tmp_path / "artifacts")
