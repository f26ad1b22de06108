"""A crash at any instant: the version before stays current, nothing half is visible, the next publication works.

Twice: as states of the disk (a copy of the store is taken before every act on a file and in the middle of every write,
which is all that a crash can leave), and as real processes that die of kill -9, at every act and at random moments.
"""

import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.artifacts import ArtifactStore, Manifest, disk, hashing
from tests.resources.artifacts.forks import Forker, is_act
from tests.resources.artifacts.making import AIME, publish


def open_store(root: Path, kind: str = "local") -> ArtifactStore:
    return ArtifactStore(root if kind == "local" else f"dir::file://{root}", work=root / "work")


def check_state(root: Path, allowed: list[Manifest], rows: int, kind: str = "local") -> str:
    """Everything that must hold of a store in which a writer died; tells which version was current."""
    store = open_store(root, kind)
    found = store.current("trace_requests", AIME)
    assert found is not None and found.manifest.content_hash in {m.content_hash for m in allowed}
    assert found.verify() == [] and found.read().height == found.manifest.rows_out
    for manifest in store.history("trace_requests", AIME):
        assert store.get("trace_requests", AIME, manifest.artifact_id).verify() == []
    seen = found.artifact_id
    following = publish(store, rows)
    assert store.current_id("trace_requests", AIME) == following.artifact_id
    assert store.gc(delete=True, grace_hours=-1).failed == ()
    folder = root / "trace_requests" / "source=aime"
    left = {path.name for path in folder.iterdir() if not path.is_dir() or any(path.iterdir())}
    assert left == {"CURRENT", following.artifact_id}
    found = store.current("trace_requests", AIME)
    assert found is not None and found.verify() == []
    return seen


_watchers: list[Callable[[str, tuple[Any, ...]], None]] = []


@pytest.fixture
def watch() -> Iterator[list[Callable[[str, tuple[Any, ...]], None]]]:
    """Functions in this list are told every audit event. An audit hook can never be removed, so it stays and is empty."""
    if not getattr(sys, "_artifact_watch", False):
        sys.addaudithook(lambda event, args: [each(event, args) for each in list(_watchers)] and None)
        sys._artifact_watch = True  # type: ignore[attr-defined]
    yield _watchers
    _watchers.clear()


@pytest.mark.parametrize("case", ["new version", "same content", "damaged before"])
def test_every_state_that_a_crash_can_leave(
    tmp_path: Path,
    watch: list[Callable[[str, tuple[Any, ...]], None]],
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    root = tmp_path / "store"
    store = ArtifactStore(root)
    after = publish(store, 4) if case != "new version" else None
    before = publish(store, 3)
    if case == "damaged before":
        assert after is not None
        (Path(store.get("trace_requests", AIME, after.artifact_id).path) / "part-00000.parquet").write_bytes(b"x")
    states: list[Path] = []

    def snapshot() -> None:
        kept, _watchers[:] = list(_watchers), []
        states.append(tmp_path / f"state-{len(states)}")
        shutil.copytree(root, states[-1], symlinks=True)
        _watchers[:] = kept

    def on_event(event: str, args: tuple[Any, ...]) -> None:
        if is_act(event, args, str(root)):
            snapshot()

    def torn(handle: int, data: bytes) -> None:
        view = memoryview(data).cast("B")
        os.write(handle, view[: len(view) // 2])
        snapshot()
        os.write(handle, view[len(view) // 2 :])

    monkeypatch.setattr(disk, "write_all", torn)
    monkeypatch.setattr(hashing, "write_all", torn)
    watch.append(on_event)
    after = publish(store, 4)
    watch.clear()
    monkeypatch.undo()
    states.append(root)
    if case == "damaged before":  # the damaged one is not current in any state, but the history is not whole either
        for state in states[:-1]:
            assert ArtifactStore(state).current_id("trace_requests", AIME) in {before.artifact_id, after.artifact_id}
        states = states[-1:]
    seen = [check_state(state, [before, after], rows=5) for state in states]
    assert seen[-1] == after.artifact_id and seen == sorted(seen, key=[before.artifact_id, after.artifact_id].index)
    if case == "new version":
        assert len(states) > 12 and seen[0] == before.artifact_id


@pytest.mark.parametrize("kind", ["local", pytest.param("dir", marks=pytest.mark.slow)])
def test_kill_9_before_every_act(tmp_path: Path, forked: Forker, kind: str) -> None:
    (tmp_path / "base").mkdir()
    before = publish(open_store(tmp_path / "base", kind), 3)
    after = publish(ArtifactStore(tmp_path / "after"), 4)
    for at in range(1, 100):
        root = tmp_path / f"root-{at}"
        shutil.copytree(tmp_path / "base", root)
        url = str(root) if kind == "local" else f"dir::file://{root}"
        ended = forked.run(root=str(root), url=url, rows=4, at=at)
        check_state(root, [before, after], rows=5, kind=kind)
        if ended == 0:
            break
        assert ended == -9
    assert at > 8


def test_kill_9_at_random_moments(tmp_path: Path, forked: Forker) -> None:
    root, chance = tmp_path / "store", random.Random(7)
    publish(ArtifactStore(root), 1)
    rows = 2
    for _ in range(10):
        assert forked.run(root=str(root), rows=rows, after=chance.uniform(0, 0.1)) == -9
        store = ArtifactStore(root)
        found = store.current("trace_requests", AIME)
        assert found is not None and found.verify() == [] and found.read().height == found.manifest.rows_out
        history = store.history("trace_requests", AIME)
        assert all(store.get(m.asset, m.key, m.artifact_id).verify() == [] for m in history)
        rows = found.manifest.rows_out
    # Each of the ten wrote at least the version after the one it found.
    assert rows >= 2 + 10
    check_state(root, [found.manifest], rows=rows + 50)


def test_everything_is_synced_before_the_pointer_moves(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut cannot be tried here; the order of the syncs can be read."""
    synced: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def moved(self: Path, target: Path) -> Path:
        synced.append(f"{Path(target).name} replaced")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", moved)
    with local.publication("student_model", AIME, code_version="1") as out:
        staging = str(out.folder())
        (out.folder() / "sub").mkdir()
        (out.folder() / "sub" / "weights").write_bytes(b"w")
        out.write(pl.DataFrame({"a": [1]}))
        out.publish()
    shelf = f"{local.root}/student_model/source=aime"
    at = synced.index("CURRENT replaced")
    for path in ("part-00000.parquet", "sub/weights", "manifest.json", "sub", ""):
        assert f"{staging}/{path}".rstrip("/") in synced[:at]
    renamed = synced.index(shelf)
    assert (
        synced.index(staging) < renamed < at
        and f"{local.root}/student_model" in synced[:at]
        and local.root in synced[:at]
    )
    assert synced[at - 1].startswith(f"{shelf}/.tmp-") and synced[at + 1] == shelf
