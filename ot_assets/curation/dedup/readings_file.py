"""Files of readings: what is known of texts that were read before.

Belongs here: the format of one file (`Shelf`), and which files of a folder are joined. A file is never changed: it is
written beside its place, synced, then renamed, so a run that is killed leaves nothing that counts, and two processes at once
do no harm. It is a head of four numbers (rows, bytes of texts, and the checksums of both), the `RECORD`s by
ascending key, and the texts in UTF-8, to which the records point. Its name says the version of the rules. `opened` checks
the sums, and removes what does not hold, such as a file that a power cut tore; texts are read from the open file, so
another process may remove it meanwhile.

Small files are joined once there are more than a few, so that a million texts that came by thousands are not looked up
in a thousand files. Raises nothing for the cache's own troubles but `OSError` from `Shelf.written`.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ot_assets.curation.dedup import archives
from resources.artifacts.disk import sync_file

Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]

RECORD = np.dtype(
    [
        ("key", "<u8", 2),
        ("strict", "<u8", 2),
        ("normal", "<u8", 2),
        ("soft", "<u8", 2),
        ("at", "<u8"),
        ("bytes", "<u4"),
        ("soft_bytes", "<u4"),
        ("characters", "<u8"),
    ]
)
"""Of a text: the digests of itself and of the faces of its reading; where its normal text stands (at, bytes), behind which
its soft signs stand; and how many characters the normal text has.
"""

FEW = 4
"""So many small files are left as they are."""

_HEAD = 4 * 8
_AT_ONCE = 1 << 24
_GAP = 1 << 16


@dataclass(frozen=True)
class Shelf:
    """Records by ascending key, and their texts: in an open file or in memory."""

    records: Records
    texts: bytes | BinaryIO
    path: Path | None = None

    def close(self) -> None:
        """Closes the file."""
        if not isinstance(self.texts, bytes):
            self.texts.close()

    def found(self, keys: npt.NDArray[np.uint64]) -> Ints:
        """The place of each key among the records, -1 where it is not. Quick for keys in ascending order."""
        if not len(self.records):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self._first_words, keys[:, 0]), len(self.records) - 1)
        return np.where((self.records["key"][at] == keys).all(axis=1), at, -1)

    @cached_property
    def _first_words(self) -> npt.NDArray[np.uint64]:
        return np.ascontiguousarray(self.records["key"][:, 0])

    def read(self, start: int, end: int) -> bytes:
        """A stretch of the texts. OSError where the file has less."""
        if isinstance(self.texts, bytes):
            return self.texts[start:end]
        data = os.pread(self.texts.fileno(), end - start, _HEAD + self.records.nbytes + start)
        if len(data) != end - start:
            raise OSError(f"{self.path} is shorter than it was")
        return data

    def pieces(self, starts: Ints, sizes: Ints) -> list[bytes]:
        """Pieces of the texts, in the order asked for; neighbours are read together."""
        found = [b""] * len(starts)
        order = np.argsort(starts, kind="stable")
        begins, ends = starts[order], (starts + sizes)[order]
        jumps = (begins[1:] > ends[:-1] + _GAP) | (np.diff(begins // _AT_ONCE) > 0)
        for some in np.split(order, np.flatnonzero(jumps) + 1) if len(order) else []:
            first = int(starts[some[0]])
            data = self.read(first, int((starts[some] + sizes[some]).max()))
            for place, start, size in zip(
                some.tolist(), (starts[some] - first).tolist(), sizes[some].tolist(), strict=True
            ):
                found[place] = data[start : start + size]
        return found

    def written(self, folder: Path, prefix: str) -> Shelf:
        """The same in a file of the folder, open. OSError where it cannot be written."""
        assert isinstance(self.texts, bytes)
        return _write(folder, prefix, self.records, [self.texts], len(self.texts), zlib.crc32(self.texts))


def opened(folder: Path, prefix: str, left: Event | None = None) -> Iterator[Shelf]:
    """The files that hold, the largest first; others are removed. Once `left` is set no more are looked at."""
    shelves = []
    for path in _files(folder, prefix):
        with contextlib.suppress(OSError):
            try:
                shelves.append(_open(path, left))
            except ValueError:
                path.unlink()
    yield from sorted(shelves, key=lambda shelf: -len(shelf.records))


def join(folder: Path, prefix: str, shelves: Sequence[Shelf]) -> None:
    """Puts the small files together in one, where they are more than a few; the larger ones are left alone."""
    kept = sorted((shelf for shelf in shelves if shelf.path is not None), key=lambda shelf: len(shelf.records))
    sizes = [len(shelf.records) for shelf in kept]
    # As many as there are where the largest is no more than the others four times, so that a text is seldom copied.
    small = max(
        (count for count in range(1, len(kept) + 1) if sizes[count - 1] <= 4 * sum(sizes[: count - 1])), default=0
    )
    if small <= FEW:
        return
    with contextlib.suppress(OSError):
        _joined(folder, prefix, kept[:small]).close()
        for shelf in kept[:small]:
            assert shelf.path is not None
            shelf.path.unlink(missing_ok=True)
        archives.remove_torn(folder, prefix)


def _joined(folder: Path, prefix: str, shelves: Sequence[Shelf]) -> Shelf:
    sizes = [_size(shelf) for shelf in shelves]
    records = np.concatenate([shelf.records for shelf in shelves])
    records["at"] += np.repeat(np.cumsum([0, *sizes[:-1]]), [len(shelf.records) for shelf in shelves]).astype(np.uint64)
    order = np.lexsort((records["key"][:, 1], records["key"][:, 0]))
    records = records[order]
    repeated = (records["key"][1:] == records["key"][:-1]).all(axis=1)
    records = records[np.concatenate([[True], ~repeated])]
    checksum = 0
    for piece in _all_texts(shelves):
        checksum = zlib.crc32(piece, checksum)
    return _write(folder, prefix, records, _all_texts(shelves), sum(sizes), checksum)


def _all_texts(shelves: Sequence[Shelf]) -> Iterator[bytes]:
    for shelf in shelves:
        size = _size(shelf)
        for start in range(0, size, _AT_ONCE):
            yield shelf.read(start, min(size, start + _AT_ONCE))


def _size(shelf: Shelf) -> int:
    """Bytes of all texts."""
    if isinstance(shelf.texts, bytes):
        return len(shelf.texts)
    return os.fstat(shelf.texts.fileno()).st_size - _HEAD - shelf.records.nbytes


def _write(
    folder: Path, prefix: str, records: Records, texts: Sequence[bytes] | Iterator[bytes], size: int, checksum: int
) -> Shelf:
    name = f"{prefix}{os.getpid()}-{time.time_ns()}"
    beside = folder / f".{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            file.write(np.array([len(records), size, zlib.crc32(records.tobytes()), checksum], "<u8").tobytes())
            file.write(records.tobytes())
            file.writelines(texts)
        sync_file(beside)
        beside.replace(folder / name)
        return Shelf(records, (folder / name).open("rb"), folder / name)
    finally:
        beside.unlink(missing_ok=True)


def _open(path: Path, left: Event | None) -> Shelf:
    """A file whose sums hold; ValueError otherwise, and OSError where it cannot be looked at."""
    file = path.open("rb")
    try:
        rows, size, records_sum, texts_sum = np.frombuffer(file.read(_HEAD), "<u8").tolist()
        if not rows:
            raise ValueError("a file of nothing")
        if os.fstat(file.fileno()).st_size != _HEAD + rows * RECORD.itemsize + size:
            raise ValueError("another size than it says")
        records = np.fromfile(file, RECORD, rows)
        checksum, piece = 0, bytearray(min(size, _AT_ONCE))
        while size and (count := file.readinto(piece)):
            checksum = zlib.crc32(memoryview(piece)[:count], checksum)
            if left is not None and left.is_set():
                raise InterruptedError("nobody waits for it")
        if (zlib.crc32(records.data.cast("B")), checksum) != (records_sum, texts_sum):
            raise ValueError("not what was written")
    except BaseException:
        file.close()
        raise
    return Shelf(records, file, path)


def _files(folder: Path, prefix: str) -> list[Path]:
    """The folder's files with this beginning; none where it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(prefix))
    except OSError:
        return []
