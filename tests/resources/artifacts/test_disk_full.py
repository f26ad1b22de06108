"""A disk that fills up while publishing: one clear message, nothing left, the version before stays."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from resources.artifacts import ArtifactStore, DiskFull, TransferFailed, chunks, disk, hashing
from tests.resources.artifacts.making import AIME, publish, requests


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB, where this user may mount one."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 1
    if done:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def noise(megabytes: float, seed: int = 0) -> pl.DataFrame:
    """Rows that no compression makes small, and others for each seed."""
    data = np.random.default_rng(seed).bytes(int(megabytes * 2**20))
    return pl.DataFrame({"data": [data[start : start + 1000] for start in range(0, len(data), 1000)]})


def expect_full(store: ArtifactStore, *words: str) -> None:
    folder = Path(store.root)
    before = publish(store, 3)
    kept = sorted(str(path) for path in (folder / "trace_requests").rglob("*"))
    with pytest.raises(DiskFull) as told, store.publication("trace_requests", AIME, code_version="1") as out:
        for seed in range(10):
            out.write(noise(1, seed))
        out.publish()
    text = str(told.value)
    assert all(word in text for word in (str(folder), ".parquet", "ot gc", "still current", *words))
    assert len(text) < 600
    assert sorted(str(path) for path in (folder / "trace_requests").rglob("*")) == kept
    assert (found := store.current("trace_requests", AIME)) and found.manifest == before and found.verify() == []
    assert publish(store, 4).rows_out == 4


def test_a_real_full_disk(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ROW_GROUP_ROWS", 100)
    expect_full(ArtifactStore(tiny / "store"), "no room is left on the disk", "needed,", "free;")


def test_a_real_full_disk_under_free_files(tiny: Path) -> None:
    store = ArtifactStore(tiny / "store")
    with (
        pytest.raises(DiskFull, match=r"model\.bin"),
        store.publication("student_model", AIME, code_version="1") as out,
    ):
        out.annotate("model.bin", b"\1" * 3 * 2**20)
    with (
        pytest.raises(DiskFull),
        store.publication("student_model", AIME, code_version="1") as out,
        (out.folder() / "model.bin").open("wb", buffering=0) as file,  # as a trainer writes, not through the store
    ):
        while True:
            file.write(b"\1" * 2**16)
    assert not [path for shelf in store.place.shelves() for path in shelf.stagings]
    publish(store)


def test_a_limit_on_file_size(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        expect_full(ArtifactStore(tmp_path / "store"), "larger than this process or disk allows")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_behind_the_last_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last row group is written behind, so its error comes out when publishing; there is no second try without it."""
    monkeypatch.setattr(chunks, "ROW_GROUP_ROWS", 2)
    store = ArtifactStore(tmp_path)
    before = publish(store, 3)

    def full(_handle: int, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    rows = requests(2)
    with store.publication("trace_requests", AIME, code_version="1") as out:
        with monkeypatch.context() as patch:
            patch.setattr(hashing, "write_all", full)
            out.write(rows)
            with pytest.raises(DiskFull):
                out.publish()
        with pytest.raises(DiskFull):
            out.publish()
    assert store.current_id("trace_requests", AIME) == before.artifact_id


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_every_write_and_sync_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """The nth call to the disk says that it is full, for every n of a whole publication."""
    store = ArtifactStore(tmp_path / "store")
    before = publish(store, 3)
    left = 0

    def fail() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(code, os.strerror(code))

    write_all, fsync = disk.write_all, os.fsync
    failing = lambda handle, data: (fail(), write_all(handle, data))[1]  # noqa: E731
    monkeypatch.setattr(disk, "write_all", failing)
    monkeypatch.setattr(hashing, "write_all", failing)
    monkeypatch.setattr(os, "fsync", lambda handle: (fail(), fsync(handle))[1])
    calls = 0
    for calls in range(1, 100):
        left = calls
        try:
            publish(store, 4)
        except DiskFull as told:
            assert str(tmp_path) in str(told)
            current = store.current_id("trace_requests", AIME)
            # Only the last sync comes after the pointer has moved.
            assert current == before.artifact_id or left == 0
            assert not [path for shelf in store.place.shelves() for path in shelf.stagings]
        else:
            break
        finally:
            left = 0
    assert calls > 10 and publish(store, 4).artifact_id == store.current_id("trace_requests", AIME)


def test_a_full_disk_here_while_reading_from_afar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(ArtifactStore("memory://full", work=tmp_path), 3)
    store = ArtifactStore("memory://full", work=tmp_path / "elsewhere")
    found = store.current("trace_requests", AIME)
    assert found is not None

    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", target)

    monkeypatch.setattr(store.place._system, "get_file", full)  # type: ignore[attr-defined]
    with pytest.raises(DiskFull, match=str(tmp_path)):
        found.read()


def test_other_errors_stay_what_they_are(local: ArtifactStore) -> None:
    with pytest.raises(TimeoutError), local.publication("trace_requests", AIME, code_version="1"):
        raise TimeoutError("not the disk's")
    with pytest.raises(TransferFailed), local.publication("trace_requests", AIME, code_version="1"):
        raise TransferFailed("as it is")
