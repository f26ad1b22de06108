from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lineage_house import House


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A whole store that tests only read."""
    return House(tmp_path_factory.mktemp("lineage") / "artifacts").build()


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    """A copy of it that a test may change."""
    shutil.copytree(built.root, tmp_path / "artifacts")
    return House(tmp_path / "artifacts")
