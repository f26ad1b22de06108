"""Hashes of files: while they are written, and again when somebody doubts them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from resources.artifacts.disk import write_all
from resources.artifacts.manifest import FileInfo


class Written(NamedTuple):
    """Size and sha256 of a file that was written."""

    bytes: int
    sha256: str


class HashedFile:
    """A new file that knows its own size and sha256, and is on the disk when it is finished.

    It has what pyarrow asks of a file to write to. Nothing is buffered, so a disk that is full says so at the write.
    """

    closed = False

    def __init__(self, path: Path) -> None:
        self._handle: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._path = path
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        """Appends; OSError names the file, and in `needed` the bytes that found no room."""
        count = memoryview(data).nbytes
        if self._handle is None:
            return count  # abandoned: a writer that is collected later may still want to end its file
        try:
            write_all(self._handle, data)
        except OSError as error:
            error.filename = str(self._path)
            raise
        self._hash.update(data)
        self._size += count
        return count

    def finish(self) -> Written:
        """Syncs and closes."""
        assert self._handle is not None
        os.fsync(self._handle)
        self.abandon()
        return Written(self._size, self._hash.hexdigest())

    def abandon(self) -> None:
        """Closes without a word; later writes go nowhere."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def tell(self) -> int:
        """Bytes written."""
        return self._size

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Nothing: `finish` does it."""

    def readable(self) -> bool:
        """No."""
        return False

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """No."""
        return False


def sha256_file(path: Path) -> str:
    """sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_problem(path: Path, expected: FileInfo) -> str:
    """In words, how a file differs from what was published; empty when it does not."""
    if problem := size_problem(path, expected):
        return problem
    if sha256_file(path) != expected.sha256:
        return "has other content than was published (its sha256 differs)"
    return ""


def size_problem(path: Path, expected: FileInfo) -> str:
    """As `file_problem`, without reading the file."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    return "" if size == expected.bytes else f"has {size} bytes, was published with {expected.bytes}"
