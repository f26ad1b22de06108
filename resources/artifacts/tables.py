"""One table of an artifact on its way to disk: zstd Parquet in parts.

What belongs here: from frames to checked row groups to Parquet parts, hashed as they are written. A row group is encoded
and written while the next one is gathered and checked, so memory is bounded by two of them. Fails with ValidationFailed at
the first row group that breaks the table's schema, and with OSError when the disk does, which may come one row group
late; nothing of the staging is visible to anyone.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from resources.artifacts.chunks import Chunker, Limits
from resources.artifacts.errors import ValidationFailed
from resources.artifacts.hashing import HashedFile
from resources.artifacts.manifest import CheckRecord, FileInfo, TableInfo
from resources.artifacts.validation import UniqueKey, problems
from resources.behind import Behind
from schemas.base import DataSchema

PART_ROWS = 100_000
PART_BYTES = 64 * 2**20


class TableWriter:
    """Writes one table under `staging`; `name` is the table's sub-folder, empty for the main one."""

    def __init__(self, staging: Path, name: str, schema: type[DataSchema] | None, limits: Limits | None = None) -> None:
        self.name = name
        self.rows = 0
        self._staging = staging
        self._schema = schema
        self._unique = UniqueKey(schema.unique_key()) if schema and schema.unique_key() else None
        self._chunker = Chunker(limits)
        self._columns: pl.Schema | None = None
        self._groups = 0
        self._parts: list[FileInfo] = []
        self._part: _Part | None = None
        self._behind = Behind()

    def write(self, frame: pl.DataFrame) -> None:
        """Takes rows in order; writes the row groups that are full."""
        for group in self._chunker.push(self._shaped(frame)):
            self._check(group)
            self._behind.start(partial(self._encode, group))

    def close(self) -> TableInfo:
        """Writes what is left, ends the last part, checks what only the whole table shows, and says what the table is."""
        if self._columns is None:
            self._shaped(self._schema.empty() if self._schema else pl.DataFrame())
        assert self._columns is not None
        if len(self._chunker) or not self._groups:
            rest = self._chunker.flush()
            group = rest if rest.width else pl.DataFrame(schema=self._columns)
            self._check(group)
            self._behind.wait()
            self._encode(group)
        self._behind.wait()
        self._behind.stop()
        self._end_part()
        if self._unique and (found := self._unique.repeated(self._staging / part.path for part in self._parts)):
            raise ValidationFailed(f"{self._shown} breaks {self._rules} over all {self.rows} rows", found)
        return TableInfo(rows=self.rows, files=self._parts, columns={c: str(t) for c, t in self._columns.items()})

    def verdict(self) -> CheckRecord | None:
        """The record of the schema's check, which holds when `close` returned; None without a schema."""
        if self._schema is None:
            return None
        name = f"schema:{self.name}" if self.name else "schema"
        return CheckRecord(name=name, passed=True, detail=f"{self._rules} holds for {self.rows} rows")

    def abandon(self) -> None:
        """Lets go of an open part; what it holds stays as it is until the staging is removed."""
        self._behind.stop()
        if self._part is not None:
            self._part.abandon()

    @property
    def _shown(self) -> str:
        return f"table {self.name!r}" if self.name else "the main table"

    @property
    def _rules(self) -> str:
        return self._schema.__name__ if self._schema else "no schema"

    def _shaped(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame in the table's columns and order; a column of nothing but nulls takes the table's type."""
        if self._columns is None:
            self._columns = _first_columns(frame, self._schema)
        known = self._columns
        if not self._groups:  # a column of nothing but nulls has no type before its first value
            known.update({c: t for c, t in frame.schema.items() if known.get(c) == pl.Null})
        wrong = [f"{c}: missing" for c in known if c not in frame.columns]
        wrong += [f"{c}: unknown column" for c in frame.columns if c not in known]
        wrong += [
            f"{c}: {frame.schema[c]}, expected {t}"
            for c, t in known.items()
            if c in frame.columns and frame.schema[c] not in (t, pl.Null)
        ]
        if wrong:
            what = f"columns of {self._rules}" if self._schema else "columns of the first frame"
            raise ValidationFailed(f"{self._shown}: rows {self.rows}.. do not have the {what}", wrong)
        return frame.select(pl.col(c).cast(t) if frame.schema[c] == pl.Null else pl.col(c) for c, t in known.items())

    def _check(self, group: pl.DataFrame) -> None:
        if self._schema is not None and (found := problems(self._schema, group, self.rows)):
            last = self.rows + max(len(group) - 1, 0)
            raise ValidationFailed(f"{self._shown} breaks {self._rules} in rows {self.rows} to {last}", found)
        self.rows += len(group)
        self._groups += 1

    def _encode(self, group: pl.DataFrame) -> None:
        if self._part is None:
            self._part = _Part(self._staging, self.name, len(self._parts))
        self._part.write(group)
        if self._unique:
            self._unique.add(group)
        if self._part.rows >= PART_ROWS or self._part.bytes >= PART_BYTES:
            self._end_part()

    def _end_part(self) -> None:
        if self._part is not None:
            self._parts.append(self._part.close())
            self._part = None


class _Part:
    """One Parquet file."""

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

    def abandon(self) -> None:
        self._file.abandon()


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
        return pa.list_(pa.field("element", _plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _plain(f.type), f.nullable) for f in kind])
    return kind


def _first_columns(frame: pl.DataFrame, schema: type[DataSchema] | None) -> pl.Schema:
    """The table's columns: as the schema declares them, then, where it allows more, what the first frame has besides."""
    declared = schema.dtypes() if schema else {}
    strict = bool(schema and schema.to_schema().strict)
    more = {} if strict else {c: t for c, t in frame.schema.items() if c not in declared}
    return pl.Schema({**declared, **more})
