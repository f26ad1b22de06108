"""What processes do at the same time in the tests of concurrency. Each raises when it sees what must not be."""

from __future__ import annotations

import os
import time
from pathlib import Path

import polars as pl

from resources.artifacts import ArtifactStore
from tests.resources.artifacts.making import AIME, R1, publish, requests


def write_alone(root: str, work: str, first: int, versions: int) -> None:
    """Publishes versions; nobody else may be inside the block of the same partition meanwhile."""
    store, inside = ArtifactStore(root, work=Path(work)), Path(work) / "inside"
    for rows in range(first, first + versions):
        with store.publication("trace_requests", AIME, code_version="1") as out:
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            for start in range(rows):
                out.write(requests(1, start=start))
            time.sleep(0.002)
            inside.unlink()
            out.publish()
    Path(work, f"done-{first}").touch()


def read(root: str, work: str, writers: list[int]) -> None:
    """Looks until all writers are done: what is current is always whole."""
    looks, rows = 0, 0
    while not all(Path(work, f"done-{writer}").exists() for writer in writers) or looks < 5:
        found = ArtifactStore(root, work=Path(work)).current("trace_requests", AIME)
        assert found is not None
        assert found.verify() == []
        frame = found.read()
        assert frame.equals(requests(found.manifest.rows_out).select(frame.columns))
        looks, rows = looks + 1, len(frame)
    assert rows > 0


def derive(root: str, work: str, versions: int) -> None:
    """Publishes versions made from whatever is current, reading it slowly."""
    store = ArtifactStore(root, work=Path(work))
    for version in range(versions):
        with store.publication("traces", R1, code_version=str(version)) as out:
            source = out.open("trace_requests", AIME)
            time.sleep(0.01)
            assert source.verify() == []
            out.write(source.read().with_columns(version=pl.lit(version)))
            out.publish()
    Path(work, "done-0").touch()


def collect(root: str, work: str) -> None:
    """Collects garbage until the deriving is done."""
    removed = 0
    while not Path(work, "done-0").exists():
        report = ArtifactStore(root, work=Path(work)).gc(delete=True, grace_hours=0)
        assert report.failed == ()
        removed += len(report.items)
        time.sleep(0.005)
    assert removed > 0


def supersede(root: str, work: str) -> None:
    """Publishes versions until the deriving is done."""
    store, rows = ArtifactStore(root, work=Path(work)), 1
    while not Path(work, "done-0").exists():
        rows += 1
        publish(store, rows)
