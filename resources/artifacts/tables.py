"""One table of an artifact on its way to disk: zstd Parquet in parts.

What belongs here: from frames to checked row groups to Parquet parts, hashed as they are written. Memory is bounded by one row group.
Fails with ValidationFailed at the first row group that breaks the table's schema; nothing of the staging is visible to anyone.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from resources.artifacts.chunks import Chunker, Limits
from resources.artifacts.errors import ValidationFailed
from resources.artifacts.manifest import FileInfo, TableInfo
from resources.artifacts.validation import problems
from schemas.base import DataSchema

PART_ROWS = 100_000
PART_BYTES = 64 * 2**20


class TableWriter:
    """Writes one table under `folder`; `name` is the table's sub-folder, empty for the main one."""

    def __init__(self, staging: Path, name: str, schema: type[DataSchema] | None, limits: Limits | None = None) -> None:
        self.name = name
        self.rows = 0
        self.groups = 0
        self._staging = staging
        self._schema = schema
        self._chunker = Chunker(limits)
        self._columns: pl.Schema | None = None
        self._parts: list[FileInfo] = []
        self._part: _Part | None = None

    @property
    def schema(self) -> type[DataSchema] | None:
        """The schema that every row group is checked against."""
        return self._schema

    def write(self, frame: pl.DataFrame) -> None:
        """Takes rows in order; writes the row groups that are full."""
        for group in self._chunker.push(self._shaped(frame)):
            self._write_group(group)

    def close(self) -> TableInfo:
        """Writes what is left, ends the last part, and says what the table is."""
        if self._columns is None:
            self._shaped(self._schema.empty() if self._schema else pl.DataFrame())
        assert self._columns is not None
        if len(self._chunker) or not self.groups:
            rest = self._chunker.flush()
            self._write_group(rest if rest.width else pl.DataFrame(schema=self._columns))
        self._end_part()
        return TableInfo(rows=self.rows, files=self._parts, columns={c: str(t) for c, t in self._columns.items()})

    def _shaped(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame in the table's columns and order; a column of nothing but nulls takes the table's type."""
        if self._columns is None:
            self._columns = _first_columns(frame, self._schema)
        known = self._columns
        if set(known) != set(frame.columns):
            missing, more = sorted(set(known) - set(frame.columns)), sorted(set(frame.columns) - set(known))
            raise ValidationFailed(
                f"table {self.name or 'main'!r}: a frame has other columns than the first",
                [f"missing {missing}, unknown {more}"],
            )
        frame = frame.select(pl.col(c).cast(t) if frame.schema[c] == pl.Null else pl.col(c) for c, t in known.items())
        wrong = [f"{c}: {frame.schema[c]}, expected {t}" for c, t in known.items() if frame.schema[c] != t]
        if wrong:
            raise ValidationFailed(f"table {self.name or 'main'!r}: a column has another type", wrong)
        return frame

    def _write_group(self, group: pl.DataFrame) -> None:
        if self._schema is not None and (found := problems(self._schema, group, self.rows)):
            raise ValidationFailed(
                f"table {self.name or 'main'!r} breaks {self._schema.__name__} in rows {self.rows}..{self.rows + len(group) - 1}",
                found,
            )
        if self._part is None:
            self._part = _Part(self._staging, self.name, len(self._parts))
        self._part.write(group)
        self.rows += len(group)
        self.groups += 1
        if self._part.rows >= PART_ROWS or self._part.bytes >= PART_BYTES:
            self._end_part()

    def _end_part(self) -> None:
        if self._part is not None:
            self._parts.append(self._part.close())
            self._part = None


class _Part:
    """One Parquet file, hashed while it is written."""

    def __init__(self, staging: Path, table: str, number: int) -> None:
        self._path = f"{table}/part-{number:05d}.parquet" if table else f"part-{number:05d}.parquet"
        target = staging / self._path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file = HashedFile(target)
        self._writer: Any = None
        self.rows = 0

    @property
    def bytes(self) -> int:
        return self._file.tell()

    def write(self, group: pl.DataFrame) -> None:
        table = plain_arrow(group)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, compression="zstd", version="2.6")
        self._writer.write_table(table, row_group_size=max(len(group), 1))
        self.rows += len(group)

    def close(self) -> FileInfo:
        self._writer.close()
        size, digest = self._file.finish()
        return FileInfo(path=self._path, bytes=size, sha256=digest, rows=self.rows)


class HashedFile:
    """A file to write, that knows its own size and sha256 and is on the disk when it is finished."""

    closed = False

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=2**20)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self._size += len(data)
        return self._file.write(data)

    def finish(self) -> tuple[int, str]:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._size, self._hash.hexdigest()

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing: `finish` flushes."""

    def close(self) -> None:
        """Nothing: pyarrow closes what it is given, `finish` does the rest."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def plain_arrow(frame: pl.DataFrame) -> pa.Table:
    """The frame as Arrow in the plain types that every reader knows: string and list, not their large or view forms."""
    table = frame.to_arrow()
    return table.cast(pa.schema([pa.field(f.name, _plain(f.type), f.nullable) for f in table.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return pa.list_(pa.field(kind.value_field.name, _plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _plain(f.type), f.nullable) for f in kind])
    return kind


def _first_columns(frame: pl.DataFrame, schema: type[DataSchema] | None) -> pl.Schema:
    """The table's columns: as the schema declares them, then what the first frame has besides."""
    declared = schema.dtypes() if schema else {}
    present = {c: t for c, t in declared.items() if c in frame.columns}
    return pl.Schema({**present, **{c: t for c, t in frame.schema.items() if c not in declared}})
