"""The Parquet parts of one table: written, or taken from the version before.

What belongs here: where one part ends and the next begins, how a row group becomes bytes, and which parts need not be
written. A new version of a large table often begins with the same rows as the one before (a recipe that takes one more
source behind the others): a part whose row groups are all the same is linked and not written again, which saves its time and
its room. Contract: the files are, byte for byte, those that writing makes; a part of the version before is read and compared
with its sha256 before it counts. Memory: a row group, as it came and as it is written, and one of the version before. Fails
with OSError when the disk does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from resources.artifacts.hashing import HashedFile, file_problem
from resources.artifacts.manifest import FileInfo

PART_ROWS = 100_000
PART_BYTES = 64 * 2**20
_COMPRESSION, _VERSION = "zstd", "2.6"


class Earlier:
    """The parts of a table's version before; `folder` is that artifact's own."""

    def __init__(self, folder: Path, files: Iterable[FileInfo]) -> None:
        self._folder = folder
        self._files = list(files)
        self._by_first = {file.groups[0]: file for file in reversed(self._files) if file.groups}

    def starting_with(self, mark: str) -> FileInfo | None:
        """A part that begins with this row group and is as it was published."""
        file = self._by_first.get(mark)
        if file is not None and not self._is_whole(file):
            del self._by_first[mark]  # whoever makes a damaged artifact anew wants whole files
            return None
        return file

    def _is_whole(self, file: FileInfo) -> bool:
        try:
            return not file_problem(self.path(file), file)
        except OSError:  # it cannot be read
            return False

    def path(self, file: FileInfo) -> Path:
        """Where it lies."""
        return self._folder / file.path

    def goes_on(self, file: FileInfo) -> bool:
        """Whether it ended where it did because it was full. PART_ROWS was then what it is now: a fingerprint says so."""
        return file is not self._files[-1] or (file.rows or 0) >= PART_ROWS


class Parts:
    """Takes row groups of one table in order and leaves files under `staging`. With `earlier` None no part is taken, and none
    is marked to be taken later.
    """

    def __init__(self, staging: Path, table: str, earlier: Earlier | None = None) -> None:
        self.done: list[FileInfo] = []
        self._staging = staging
        self._table = table
        self._marked = earlier is not None
        self._earlier = earlier or Earlier(staging, [])
        self._open: _Part | None = None
        self._like: FileInfo | None = None
        self._same = 0
        """Row groups of the part in the making that are those of `_like`, and not written yet."""

    def write(self, group: pl.DataFrame) -> None:
        """Adds a row group; the part ends with it when it is full."""
        table = plain_arrow(group)
        mark = fingerprint(table) if self._marked else ""
        if self._like is not None and self._groups(self._like)[self._same :][:1] != [mark]:
            self._write_after_all()
        if self._like is None and self._open is None:
            self._like = self._earlier.starting_with(mark)
        if self._like is None:
            self._encode(table, mark)
            return
        self._same += 1
        if self._same == len(self._groups(self._like)) and self._earlier.goes_on(self._like):
            self._take()

    def close(self) -> list[FileInfo]:
        """Ends the last part; all parts in order."""
        if self._like is not None and self._same == len(self._groups(self._like)):
            self._take()
        self._write_after_all()
        self._end()
        return self.done

    def abandon(self) -> None:
        """Lets go of an open part; what it holds stays as it is until the staging is removed."""
        if self._open is not None:
            self._open.abandon()

    def _take(self) -> None:
        """The part in the making is a part of the version before."""
        assert self._like is not None
        path = self._next()
        try:
            os.link(self._earlier.path(self._like), self._staging / path)
        except OSError:  # a disk without links, or with as many as it can have
            self._write_after_all()
            self._end()
            return
        self.done.append(self._like.model_copy(update={"path": path}))
        self._like, self._same = None, 0

    def _write_after_all(self) -> None:
        """Row groups that were held to be those of a part before are written, since the part goes on in another way."""
        like, same = self._like, self._same
        self._like, self._same = None, 0
        if like is None:
            return
        with pq.ParquetFile(self._earlier.path(like)) as before:
            for place, mark in enumerate(self._groups(like)[:same]):
                self._encode(plain_arrow(pl.DataFrame(before.read_row_group(place))), mark)

    def _encode(self, table: pa.Table, mark: str) -> None:
        if self._open is None:
            self._open = _Part(self._staging, self._next())
        self._open.write(table, mark)
        if self._open.rows >= PART_ROWS or self._open.bytes >= PART_BYTES:
            self._end()

    def _end(self) -> None:
        if self._open is not None:
            self.done.append(self._open.close())
            self._open = None

    def _next(self) -> str:
        name = f"part-{len(self.done):05d}.parquet"
        (self._staging / self._table).mkdir(parents=True, exist_ok=True)
        return f"{self._table}/{name}" if self._table else name

    @staticmethod
    def _groups(file: FileInfo) -> list[str]:
        return file.groups or []


class _Part:
    """One Parquet file."""

    def __init__(self, staging: Path, path: str) -> None:
        self._path = path
        self._file = HashedFile(staging / path)
        self._writer: Any = None
        self._marks: list[str] = []
        self.rows = 0

    @property
    def bytes(self) -> int:
        return self._file.tell()

    def write(self, table: pa.Table, mark: str) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, compression=_COMPRESSION, version=_VERSION)
        self._writer.write_table(table, row_group_size=max(len(table), 1))
        self._marks += [mark] if mark else []
        self.rows += len(table)

    def close(self) -> FileInfo:
        self._writer.close()
        size, digest = self._file.finish()
        return FileInfo(path=self._path, bytes=size, sha256=digest, rows=self.rows, groups=self._marks or None)

    def abandon(self) -> None:
        self._file.abandon()


def fingerprint(table: pa.Table) -> str:
    """32 hex digits of a row group and of how it is written: the same only for the same bytes in the file, and the same for the
    same values however they were cut and put together.
    """
    how = [pa.__version__, _COMPRESSION, _VERSION, PART_ROWS, PART_BYTES]
    digest = hashlib.sha256(repr(how).encode())
    digest.update(table.schema.serialize())
    for batch in _without_rests(table).to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()[:32]


def _without_rests(table: pa.Table) -> pa.Table:
    """The same, with nothing left in the bits that fill up the last byte of a bitmap; a copy where there may be such bits."""
    if not len(table) % 8 and not any(pa.types.is_nested(field.type) for field in table.schema):
        return table
    half = len(table) // 2
    columns = [column.combine_chunks() for column in table.columns]
    whole = [c if isinstance(c, pa.Array) else pa.concat_arrays(c.chunks) for c in columns]
    return pa.table([pa.concat_arrays([c.slice(0, half), c.slice(half)]) for c in whole], schema=table.schema)


def plain_arrow(frame: pl.DataFrame) -> pa.Table:
    """The frame as Arrow in one piece, in the plain types that every reader knows: string and list, not their large or view
    forms. Where pieces end, pages of the file would end.
    """
    table = frame.to_arrow()
    plain = pa.schema([pa.field(f.name, _plain(f.type), f.nullable) for f in table.schema])
    return table.cast(plain).combine_chunks()


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return pa.list_(pa.field("element", _plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _plain(f.type), f.nullable) for f in kind])
    return kind
