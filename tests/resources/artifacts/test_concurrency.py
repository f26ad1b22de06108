"""Several processes at once: writers of one partition take turns, readers see whole artifacts only."""

from pathlib import Path

import pytest

from resources.artifacts import ArtifactStore
from tests.resources.artifacts.forks import Forker
from tests.resources.artifacts.making import AIME, R1, publish


@pytest.mark.parametrize("kind", ["local", pytest.param("dir", marks=pytest.mark.slow)])
def test_readers_and_writers(tmp_path: Path, kind: str, forked: Forker) -> None:
    (tmp_path / "store").mkdir()
    root = str(tmp_path / "store") if kind == "local" else f"dir::file://{tmp_path / 'store'}"
    work = str(tmp_path / "work")
    store = ArtifactStore(root, work=Path(work))
    publish(store, 1)
    Path(work).mkdir(exist_ok=True)
    crowd = [["write_alone", root, work, first, 4] for first in (2, 102)] + [["read", root, work, [2, 102]]] * 2
    assert forked.run(together=crowd) == 0
    history = store.history("trace_requests", AIME)
    assert {m.rows_out for m in history} == {1, *range(2, 6), *range(102, 106)}
    assert (found := store.current("trace_requests", AIME)) and found.manifest.rows_out in (5, 105)
    assert not [path for shelf in store.place.shelves() for path in shelf.stagings]


def test_collecting_while_others_read_and_publish(tmp_path: Path, forked: Forker) -> None:
    root, work = str(tmp_path / "store"), str(tmp_path)
    store = ArtifactStore(root)
    publish(store, 1)
    assert forked.run(together=[["derive", root, work, 15], ["collect", root, work], ["supersede", root, work]]) == 0
    found = store.current("traces", R1)
    assert found is not None and found.manifest.code_version == "14"
    (source,) = found.manifest.inputs
    assert (made_from := store.find(source.artifact_id)) and made_from.verify() == []
    assert store.gc(grace_hours=0).kept <= 3
