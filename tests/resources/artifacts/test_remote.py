"""Object stores: what happens between the first upload and the pointer."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import polars as pl
import pytest

from resources.artifacts import ArtifactStore, TransferFailed
from resources.artifacts.remote import RemotePlace, without_password
from tests.resources.artifacts.making import AIME, R1, publish


@pytest.fixture
def url() -> Iterator[str]:
    root = f"memory://{uuid.uuid4().hex}"
    yield root
    fsspec.filesystem("memory").rm(root, recursive=True) if fsspec.filesystem("memory").exists(root) else None


class Flaky:
    """The memory file system, with an act that is called at each write (and may raise)."""

    def __init__(self, act: Callable[[int, str, str], None]) -> None:
        self._real = fsspec.filesystem("memory")
        self._act, self._count = act, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def put_file(self, source: str, target: str) -> None:
        self._count += 1
        self._act(self._count, "put", target)
        self._real.put_file(source, target)

    def pipe_file(self, target: str, data: bytes) -> None:
        self._count += 1
        self._act(self._count, "pipe", target)
        self._real.pipe_file(target, data)


def with_acts(url: str, work: Path, act: Callable[[int, str, str], None]) -> ArtifactStore:
    store = ArtifactStore(url, work=work)
    assert isinstance(store.place, RemotePlace)
    store.place._system = Flaky(act)
    return store


def test_uploads_data_then_manifest_then_pointer(url: str, tmp_path: Path) -> None:
    order: list[str] = []
    store = with_acts(url, tmp_path, lambda n, kind, path: order.append(path.rpartition("/")[2]))
    with store.publication("traces", R1, code_version="1") as out:
        out.write(pl.DataFrame({"a": [1]}))
        out.annotate("README.md", "x")
        out.drop(pl.DataFrame({"row_id": ["x"], "rule": ["y"]}))
        out.publish()
    assert order == ["part-00000.parquet", "part-00000.parquet", "README.md", "manifest.json", "CURRENT"]
    order.clear()
    publish(store)
    assert order == ["part-00000.parquet", "manifest.json", "CURRENT"]
    order.clear()
    publish(store)
    assert order == []  # it is there, and current


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_connection_that_breaks_leaves_the_version_before(url: str, tmp_path: Path, nth: int) -> None:
    def act(n: int, kind: str, path: str) -> None:
        if n == nth:
            raise ConnectionResetError("reset by peer")

    before = publish(ArtifactStore(url, work=tmp_path), 3)
    with pytest.raises(
        TransferFailed, match="was not taken, and nothing was published: ConnectionResetError: reset by peer"
    ) as told:
        publish(with_acts(url, tmp_path, act), 4)
    assert url in str(told.value)
    fresh = ArtifactStore(url, work=tmp_path)
    assert (found := fresh.current("trace_requests", AIME)) and found.manifest == before and found.verify() == []
    assert fresh.gc(delete=True, grace_hours=0).failed == ()
    names = fsspec.filesystem("memory").find(url)
    assert sum("manifest.json" in n for n in names) == 1 and len(names) == 3
    assert publish(fresh, 4).rows_out == 4 and fresh.current_id("trace_requests", AIME) != before.artifact_id


def test_a_bucket_that_is_not_there(url: str, tmp_path: Path) -> None:
    def act(n: int, kind: str, path: str) -> None:
        raise FileNotFoundError("The specified bucket does not exist")

    with pytest.raises(TransferFailed, match=r"was not taken.*bucket does not exist"):
        publish(with_acts(url, tmp_path, act))


def test_readers_see_whole_artifacts_at_every_moment(url: str, tmp_path: Path) -> None:
    """A reader looks between any two writes of ten publications."""
    seen: list[int] = []

    def look(n: int, kind: str, path: str) -> None:
        found = ArtifactStore(url, work=tmp_path).current("trace_requests", AIME)
        if found is not None:
            assert found.read().height == found.manifest.rows_out
            seen.append(found.manifest.rows_out)

    store = with_acts(url, tmp_path, look)
    for rows in range(1, 11):
        publish(store, rows)
    assert seen == sorted(seen) and set(seen) == set(range(1, 10))


def test_upload_that_was_cut_is_told(url: str, tmp_path: Path) -> None:
    store = ArtifactStore(url, work=tmp_path)
    assert isinstance(store.place, RemotePlace)
    system = Flaky(lambda n, kind, path: None)
    system.put_file = lambda source, target: system._real.pipe_file(target, b"short")  # type: ignore[method-assign]
    store.place._system = system
    with pytest.raises(TransferFailed, match="has 5 bytes after the upload of"):
        publish(store)
    assert store.current("trace_requests", AIME) is None


def test_a_pointer_that_is_seen_half_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = ArtifactStore(f"dir::file://{tmp_path}/store", work=tmp_path)
    manifest = publish(store)
    pointer = tmp_path / "store" / "trace_requests" / "source=aime" / "CURRENT"
    pointer.write_bytes(b"")  # as a file system shows it that writes in place
    mend = threading.Timer(0.06, lambda: pointer.write_text(manifest.artifact_id))
    mend.start()
    assert store.current_id("trace_requests", AIME) == manifest.artifact_id
    mend.join()


def test_copies_are_made_once_and_collected_when_unused(url: str, tmp_path: Path) -> None:
    publish(ArtifactStore(url, work=tmp_path), 3)
    store = ArtifactStore(url, work=tmp_path)
    found = store.current("trace_requests", AIME)
    assert found is not None and found.read().height == 3
    copy = found.file("part-00000.parquet")
    made = copy.stat().st_ino
    assert found.file("part-00000.parquet").stat().st_ino == made
    assert store.gc(delete=True).items == () and copy.exists()
    report = store.gc(delete=True, grace_hours=-1)
    assert [item.kind for item in report.items] == ["copy"] and not copy.exists()
    assert found.read().height == 3


def test_what_other_machines_may_read_is_spared_for_a_while(url: str, tmp_path: Path) -> None:
    publish(ArtifactStore(url, work=tmp_path), 3)
    publish(ArtifactStore(url, work=tmp_path), 4)
    elsewhere = ArtifactStore(url, work=tmp_path / "elsewhere")
    report = elsewhere.gc(delete=True)
    assert report.items == () and [item.kind for item in report.spared] == ["superseded"]
    time.sleep(0.01)
    assert [item.kind for item in elsewhere.gc(delete=True, grace_hours=0).items] == ["superseded"]


def test_passwords_are_not_shown() -> None:
    assert without_password("ftp://me:secret@host/x") == "ftp://me:***@host/x"
    assert without_password("s3://bucket/a:b@c") == "s3://bucket/a:b@c"
