"""What nothing points to goes; what something points to stays, however far back."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.artifacts import ArtifactStore, DamagedArtifact, GcReport, Partition
from resources.artifacts.locks import hold
from tests.resources.artifacts.making import AIME, R1, publish

OLD = time.time() - 1_000_000


def kinds(report: GcReport) -> list[str]:
    return sorted(item.kind for item in report.items)


def whole(store: ArtifactStore) -> set[str]:
    return {name for shelf in store.place.shelves() for name in shelf.whole}


def chain(store: ArtifactStore, rows: int) -> list[str]:
    """Three artifacts: sourced <- screened <- traces, each made from the one before."""
    ids = [publish(store, rows, asset="sourced").artifact_id]
    ids.append(publish(store, rows, asset="screened", inputs=[("sourced", AIME)]).artifact_id)
    ids.append(publish(store, rows, asset="traces", partition=R1, inputs=[("screened", AIME)]).artifact_id)
    return ids


def test_lineage_of_what_is_current_stays(reopen: Callable[[], ArtifactStore]) -> None:
    store = reopen()
    first = chain(store, 1)
    newer = publish(store, 2, asset="sourced").artifact_id
    assert store.gc(delete=True, grace_hours=0).kept == 4  # `traces` was still made from the old ones
    assert whole(reopen()) == {*first, newer}
    middle = publish(store, 2, asset="screened", inputs=[("sourced", AIME)]).artifact_id
    assert store.gc(delete=True, grace_hours=0).items == () and whole(reopen()) == {*first, newer, middle}
    last = publish(store, 2, asset="traces", partition=R1, inputs=[("screened", AIME)]).artifact_id
    dry = store.gc(grace_hours=0)
    assert not dry.deleted and {i.artifact_id for i in dry.items} == set(first) and dry.kept == 3
    assert whole(reopen()) == {*first, newer, middle, last}
    done = store.gc(delete=True, grace_hours=0)
    assert done.deleted and {i.artifact_id for i in done.items if i.kind != "copy"} == set(first)
    assert done.bytes == dry.bytes > 0 and all(i.reason and i.bytes and i.path for i in done.items)
    assert whole(reopen()) == {newer, middle, last}
    assert store.find(first[0]) is None and (found := store.find(last)) and found.verify() == []
    assert kinds(store.gc(delete=True, grace_hours=0)) == []


def test_a_published_version_without_a_pointer_goes(local: ArtifactStore) -> None:
    publish(local, 1)
    (Path(local.root) / "trace_requests" / "source=aime" / "CURRENT").unlink()
    (item,) = local.gc(delete=True).items
    assert item.kind == "superseded" and "before the pointer" in item.reason


def test_leftovers_of_dead_writers_go_after_the_grace(local: ArtifactStore) -> None:
    kept = publish(local, 1)
    shelf = Path(local.root) / "trace_requests" / "source=aime"
    staging, half, pointer = shelf / ".tmp-dead", shelf / ("a" * 20), shelf / ".tmp-pointer"
    for folder in (staging, half):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_bytes(b"12345")
    pointer.write_text("half")
    other = Path(local.root) / "never" / ".tmp-x"
    other.mkdir(parents=True)
    report = local.gc(delete=True)
    assert report.items == () and sorted(i.kind for i in report.spared) == ["half", "staging", "staging", "staging"]
    for top in (staging, half, pointer, other):
        for path in [top, *top.rglob("*")]:
            os.utime(path, (OLD, OLD))
    report = local.gc(delete=True)
    assert kinds(report) == ["half", "staging", "staging", "staging"] and report.bytes == 14 and report.spared == ()
    assert {p.name for p in shelf.iterdir()} == {"CURRENT", kept.artifact_id} and not other.exists()


def test_a_living_writer_keeps_its_staging_and_what_it_reads(local: ArtifactStore) -> None:
    publish(local, 1)
    with local.publication("traces", R1, code_version="1") as out:
        opened = out.open("trace_requests", AIME)
        publish(local, 2)
        (Path(out.folder()) / "x").write_text("x")
        for path in out.folder().rglob("*"):
            os.utime(path, (OLD, OLD))
        os.utime(out.folder(), (OLD, OLD))
        report = ArtifactStore(local.root).gc(delete=True, grace_hours=0)
        assert report.items == () and [i.reason for i in report.spared] == ["it is being written now"]
        out.write(opened.read())
        manifest = out.publish()
    assert manifest.inputs[0].artifact_id == opened.artifact_id
    assert local.gc(delete=True).items == () and local.find(opened.artifact_id) is not None


def test_input_that_is_replaced_while_it_is_opened_is_opened_again(
    local: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the pointer and pinning, another version comes and the old one is collected."""
    publish(local, 1)
    real, raced = local.current, []

    def slow(asset: str, partition: Partition) -> object:
        found = real(asset, partition)
        if not raced:
            raced.append(True)
            publish(ArtifactStore(local.root), 2)
            assert kinds(ArtifactStore(local.root).gc(delete=True)) == ["superseded"]
        return found

    with local.publication("traces", R1, code_version="1") as out:
        monkeypatch.setattr(local, "current", slow)
        assert out.open("trace_requests", AIME).read().height == 2


def test_nothing_is_published_during_a_sweep(local: ArtifactStore) -> None:
    import threading

    publish(local, 1)
    with hold(local.place.locks / "gc.lock", "the clean-up"):
        thread = threading.Thread(target=publish, args=(ArtifactStore(local.root), 2))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert (found := local.current("trace_requests", AIME)) and found.manifest.rows_out == 1
    thread.join()
    assert (found := local.current("trace_requests", AIME)) and found.manifest.rows_out == 2


def test_nothing_goes_while_a_manifest_that_counts_cannot_be_read(local: ArtifactStore) -> None:
    first = chain(local, 1)
    chain(local, 2)
    current = local.current("traces", R1)
    assert current is not None
    path = Path(current.path) / "manifest.json"
    text = path.read_bytes()
    path.write_bytes(text[:50])
    with pytest.raises(DamagedArtifact, match=str(path)):
        local.gc(delete=True)
    assert set(first) <= whole(local)
    path.write_bytes(text)
    old = Path(local.get("traces", R1, first[2]).path) / "manifest.json"
    old.write_text("damaged, but nothing points to it")
    assert {i.artifact_id for i in local.gc(delete=True).items} == set(first)


def test_pins_that_a_crash_cut_are_no_pins(local: ArtifactStore) -> None:
    first = publish(local, 1)
    publish(local, 2)
    staging = Path(local.root) / "traces" / ".tmp-dead"
    staging.mkdir(parents=True)
    line = json.dumps(["trace_requests", AIME.as_dict(), first.artifact_id])
    for text in (line[:-3], "7\n", '["a", {"B": "c"}, "x"]\n', "\0"):
        (staging / ".pins.jsonl").write_text(text)
        assert [i.artifact_id for i in local.gc().items] == [first.artifact_id]
    (staging / ".pins.jsonl").write_text(line + "\n" + line[:5])
    assert local.gc().items == ()


def test_what_cannot_be_removed_is_told(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(local, 1)
    publish(local, 2)

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(local.place, "remove", refuse)
    report = local.gc(delete=True)
    assert report.items == () and "Permission denied" in report.failed[0].reason
