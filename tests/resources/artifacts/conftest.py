"""Stores of every kind, and small, valid rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resources.artifacts import ArtifactStore
from tests.resources.artifacts.forks import Forker, forker


@pytest.fixture
def local(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


@pytest.fixture(params=["local", "memory", "dir"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], ArtifactStore]:
    """Opens the same store again, as another process would: nothing is remembered."""
    url = {
        "local": str(tmp_path / "store"),
        "memory": f"memory://{uuid.uuid4().hex}/store",
        "dir": f"dir::file://{tmp_path / 'store'}",
    }[request.param]
    if request.param == "dir":
        (tmp_path / "store").mkdir()
    return lambda: ArtifactStore(url, work=tmp_path / "work")


@pytest.fixture
def store(reopen: Callable[[], ArtifactStore]) -> ArtifactStore:
    return reopen()


@pytest.fixture(scope="session")
def forked() -> Iterator[Forker]:
    """A process that forks others; started once."""
    with forker() as running:
        yield running
