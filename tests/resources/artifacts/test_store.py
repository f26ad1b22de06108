"""Finding artifacts, and what is told of those that cannot be read."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.artifacts import ArtifactStore, DamagedArtifact, MissingArtifact, Partition
from resources.errors import UserError
from tests.resources.artifacts.making import AIME, R1, publish

GSM = Partition({"source": "gsm8k"})


def folder_of(store: ArtifactStore, partition: Partition = AIME) -> Path:
    return Path(store.root) / "trace_requests" / partition.path()


def test_an_empty_store(reopen: Callable[[], ArtifactStore]) -> None:
    store = reopen()
    assert store.current("traces", R1) is None and store.find("0" * 20) is None
    assert (store.assets(), store.partitions("traces"), store.history("traces", R1)) == ([], [], [])
    assert store.gc() == store.gc(delete=True).__class__(deleted=False)
    with pytest.raises(MissingArtifact, match="it has: none"):
        store.get("traces", R1, "0" * 20)


def test_opening_a_store_touches_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "a" / "b")
    assert store.current("traces", R1) is None and store.assets() == [] and store.gc().items == ()
    assert not (tmp_path / "a").exists()


def test_listing(reopen: Callable[[], ArtifactStore]) -> None:
    store = reopen()
    for asset, partition in (("traces", R1), ("traces", GSM), ("trace_requests", GSM), ("leaderboard", Partition())):
        publish(store, asset=asset, partition=partition)
    for seen in (store, reopen()):
        assert seen.assets() == ["leaderboard", "trace_requests", "traces"]
        assert seen.partitions("traces") == [R1, GSM]
        assert seen.partitions("leaderboard") == [Partition()] and seen.partitions("verdicts") == []


def test_versions_by_id(reopen: Callable[[], ArtifactStore]) -> None:
    store = reopen()
    first, second = publish(store, 1), publish(store, 2)
    for seen in (store, reopen()):
        assert seen.get("trace_requests", AIME, first.artifact_id).manifest == first
        assert (found := seen.find(first.artifact_id)) and found.read().height == 1
        assert (found := seen.find(second.artifact_id)) and (found.asset, found.partition) == ("trace_requests", AIME)
        assert seen.history("trace_requests", AIME) == [second, first]
        assert seen.find("0" * 20) is None and seen.find("../../x") is None
    with pytest.raises(MissingArtifact) as told:
        store.get("trace_requests", AIME, "0" * 20)
    assert first.artifact_id in str(told.value)
    third = publish(reopen(), 3)  # another process's, after this one looked
    assert store.find(third.artifact_id) is not None and store.history("trace_requests", AIME)[0] == third


def test_thousands_of_artifacts_are_found_without_reading_them(
    local: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = publish(local)
    whole = folder_of(local) / manifest.artifact_id / "manifest.json"
    for n in range(3000):
        other = folder_of(local, Partition({"source": f"s{n % 300}"})) / f"{n:020x}"
        other.mkdir(parents=True)
        (other / "manifest.json").write_text("never read")
    read: list[str] = []
    real = local.place.read
    fresh = ArtifactStore(local.root)
    monkeypatch.setattr(fresh.place, "read", lambda path: read.append(path) or real(path))
    walks: list[int] = []
    shelves = fresh.place.shelves
    monkeypatch.setattr(fresh.place, "shelves", lambda *a: walks.append(1) or shelves(*a))
    for _ in range(50):
        assert fresh.find(manifest.artifact_id) is not None
    assert read == [str(whole.relative_to(local.root))] and len(walks) == 1


def test_an_artifact_without_a_manifest_is_invisible(local: ArtifactStore, caplog: pytest.LogCaptureFixture) -> None:
    first, second = publish(local, 1), publish(local, 2)
    (folder_of(local) / second.artifact_id / "manifest.json").unlink()
    assert local.current("trace_requests", AIME) is None and second.artifact_id in caplog.text
    assert local.history("trace_requests", AIME) == [first] and local.find(second.artifact_id) is None
    assert publish(local, 2).content_hash == second.content_hash  # made again in its place
    assert (found := local.current("trace_requests", AIME)) and found.verify() == []


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (b"", "EOF"),
        (b'{"format": 1', "EOF"),
        (b"\xff\xfe\0", "expected"),
        (b"[]", "object"),
        (b'{"format": 1}', "asset: Field required"),
    ],
)
def test_a_damaged_manifest_is_named(local: ArtifactStore, damage: bytes, word: str) -> None:
    manifest = publish(local)
    path = folder_of(local) / manifest.artifact_id / "manifest.json"
    path.write_bytes(damage)
    with pytest.raises(DamagedArtifact) as told:
        local.current("trace_requests", AIME)
    assert str(path) in str(told.value) and word in str(told.value) and "→" in str(told.value)
    assert publish(ArtifactStore(local.root)).content_hash == manifest.content_hash  # the advice helps
    assert (found := local.current("trace_requests", AIME)) and found.verify() == []


def test_unknown_formats_and_strangers(local: ArtifactStore) -> None:
    manifest = publish(local)
    path = folder_of(local) / manifest.artifact_id / "manifest.json"
    path.write_bytes(manifest.model_copy(update={"format": 3}).to_json())
    with pytest.raises(DamagedArtifact, match="format 3, this release reads formats 1 to 2"):
        local.current("trace_requests", AIME)
    path.write_bytes(manifest.model_copy(update={"asset": "other"}).to_json())
    with pytest.raises(DamagedArtifact, match="it is the manifest of other"):
        local.current("trace_requests", AIME)


@pytest.mark.parametrize("text", [b"", b"hello", b"../../etc/passwd", b"\0" * 20, b"f" * 21])
def test_a_damaged_pointer_is_named(local: ArtifactStore, text: bytes) -> None:
    manifest = publish(local)
    (folder_of(local) / "CURRENT").write_bytes(text)
    with pytest.raises(DamagedArtifact, match="CURRENT is damaged"):
        local.current("trace_requests", AIME)
    publish(local)
    assert local.current_id("trace_requests", AIME) == manifest.artifact_id


def test_verify_names_every_file_that_changed(reopen: Callable[[], ArtifactStore]) -> None:
    store = reopen()
    with store.publication("student_model", R1, code_version="1") as out:
        for name in ("same", "cut", "flipped", "gone"):
            (out.folder() / name).write_bytes(b"0123456789")
        manifest = out.publish()
    spoil = {"cut": b"012345678", "flipped": b"0123456788"}
    base = f"student_model/{R1.path()}/{manifest.artifact_id}"
    if store.place.remote:
        system, root = store.place._system, store.place._root  # type: ignore[attr-defined]
        for name, data in spoil.items():
            system.pipe_file(f"{root}/{base}/{name}".lstrip("/"), data)
        system.rm_file(f"{root}/{base}/gone".lstrip("/"))
    else:
        for name, data in spoil.items():
            (Path(store.root) / base / name).write_bytes(data)
        (Path(store.root) / base / "gone").unlink()
    found = reopen().current("student_model", R1)
    assert found is not None
    assert [line.removeprefix(found.path + "/") for line in found.verify()] == [
        "cut has 9 bytes, was published with 10",
        "flipped has other content than was published (its sha256 differs)",
        "gone is missing",
    ]
    assert found.file("same").read_bytes() == b"0123456789"
    with pytest.raises(DamagedArtifact, match="missing"):
        found.file("gone")
    with pytest.raises(DamagedArtifact):
        found.folder()
    if store.place.remote:
        with pytest.raises(DamagedArtifact, match="has 9 bytes"):
            found.file("cut")


def test_reading_damaged_rows_names_the_file(local: ArtifactStore) -> None:
    manifest = publish(local, 500)
    part = folder_of(local) / manifest.artifact_id / "part-00000.parquet"
    whole = part.read_bytes()
    found = local.current("trace_requests", AIME)
    assert found is not None
    for spoilt in (whole[:-100], b"\0" * len(whole), whole[:20] + b"\xff" * 200 + whole[220:]):
        part.write_bytes(spoilt)
        for look in (found.read, lambda: list(found.batches())):
            with pytest.raises(DamagedArtifact, match=r"part-00000\.parquet"):
                look()
    part.write_bytes(whole)
    assert found.read().height == 500


def test_publishing_again_mends_what_was_damaged(local: ArtifactStore) -> None:
    manifest = publish(local)
    part = folder_of(local) / manifest.artifact_id / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert (found := local.current("trace_requests", AIME)) and len(found.verify()) == 1
    publish(local)
    assert (found := local.current("trace_requests", AIME)) and found.verify() == []
    part.unlink()
    publish(local)
    assert (found := local.current("trace_requests", AIME)) and found.verify() == []


@pytest.mark.parametrize("root", ["", "  ", "nosuch://bucket/x"])
def test_roots_that_are_none(root: str) -> None:
    with pytest.raises(UserError):
        ArtifactStore(root)


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    store = ArtifactStore(tmp_path / "file")
    with pytest.raises(UserError, match=str(tmp_path / "file")):
        publish(store)


def test_a_root_that_may_not_be_written(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(shelf: str) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied", f"{local.root}/{shelf}")

    monkeypatch.setattr(local.place, "stage", refuse)  # the user that runs the tests may be one that may write anywhere
    with pytest.raises(UserError, match=r"source=aime: Permission denied"):
        publish(local)
    monkeypatch.undo()
    publish(local)  # the lock was let go


def test_roots_that_are_local_and_caches_that_are_looked_through(tmp_path: Path) -> None:
    assert ArtifactStore(f"file://{tmp_path}/x").root == f"{tmp_path}/x"
    assert ArtifactStore("memory://").root == "memory://"
    cached = ArtifactStore("simplecache::memory://cached", work=tmp_path)
    first, second = publish(cached, 1), publish(ArtifactStore("memory://cached", work=tmp_path), 2)
    assert first != second and cached.current_id("trace_requests", AIME) == second.artifact_id


def test_a_store_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        ArtifactStore("ftp://me:hunter2@127.0.0.1:9/none", work=tmp_path)
    assert "ftp://me:***@127.0.0.1:9/none cannot be opened: ConnectionRefusedError" in str(told.value)
