"""One table of an artifact on its way to disk: zstd Parquet in parts.

What belongs here: from frames to checked row groups to Parquet parts, hashed as they are written. A row group is encoded
and written while the next one is gathered and checked, so memory is bounded by a few of them. Fails with ValidationFailed at
the first row group that breaks the table's schema, and with OSError when the disk does, which may come one row group
late; nothing of the staging is visible to anyone.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

from resources.artifacts.chunks import Chunker, Limits
from resources.artifacts.errors import ValidationFailed
from resources.artifacts.manifest import CheckRecord, TableInfo
from resources.artifacts.parts import Earlier, Parts
from resources.artifacts.validation import UniqueKey, problems
from resources.behind import Behind
from schemas.base import DataSchema


class TableWriter:
    """Writes one table under `staging`; `name` is the table's sub-folder, empty for the main one; `earlier` is its version
    before, whose parts are taken where they are the same.
    """

    def __init__(
        self,
        staging: Path,
        name: str,
        schema: type[DataSchema] | None,
        limits: Limits | None = None,
        earlier: Earlier | None = None,
    ) -> None:
        self.name = name
        self.rows = 0
        self._staging = staging
        self._schema = schema
        self._unique = UniqueKey(schema.unique_key()) if schema and schema.unique_key() else None
        self._chunker = Chunker(limits)
        self._columns: pl.Schema | None = None
        self._groups = 0
        self._parts = Parts(staging, name, earlier)
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
        parts = self._parts.close()
        if self._unique and (found := self._unique.repeated(self._staging / part.path for part in parts)):
            raise ValidationFailed(f"{self._shown} breaks {self._rules} over all {self.rows} rows", found)
        return TableInfo(rows=self.rows, files=parts, columns={c: str(t) for c, t in self._columns.items()})

    def verdict(self) -> CheckRecord | None:
        """The record of the schema's check, which holds when `close` returned; None without a schema."""
        if self._schema is None:
            return None
        name = f"schema:{self.name}" if self.name else "schema"
        return CheckRecord(name=name, passed=True, detail=f"{self._rules} holds for {self.rows} rows")

    def abandon(self) -> None:
        """Lets go of an open part; what it holds stays as it is until the staging is removed."""
        self._behind.stop()
        self._parts.abandon()

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
        if frame.schema == known:
            return frame
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
        self._parts.write(group)
        if self._unique:
            self._unique.add(group)


def _first_columns(frame: pl.DataFrame, schema: type[DataSchema] | None) -> pl.Schema:
    """The table's columns: as the schema declares them, then, where it allows more, what the first frame has besides."""
    declared = schema.dtypes() if schema else {}
    strict = bool(schema and schema.to_schema().strict)
    more = {} if strict else {c: t for c, t in frame.schema.items() if c not in declared}
    return pl.Schema({**declared, **more})
