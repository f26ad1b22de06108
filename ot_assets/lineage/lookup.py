"""Finding single rows in an artifact's tables without reading the tables.

Belongs here: how a row's place (file and index in it) and cells are found, and how a mistyped id is answered. A
search reads only the columns that it compares, as a stream; cells are then read for the rows that matched, one slice
each. Reading fails with `Unreadable`, which says what is wrong with which artifact; a table that the artifact does
not have is empty.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.lineage.words import cut
from resources.artifacts import Artifact, TableInfo
from resources.errors import UserError

LEDGER = "ledger"
_ROW = "__row"
_LOOKED_AT = 10_000


class Unreadable(Exception):
    """An artifact's data cannot be read; the text says why, on one line."""


@dataclass(frozen=True)
class Place:
    """Where a row lies: the file below the artifact's folder and the 0-based index in it."""

    file: str
    row: int

    def __str__(self) -> str:
        """As it is shown."""
        return f"{self.file} row {self.row}"


@dataclass(frozen=True)
class Row:
    """One row that was found; `values` are the cells asked for, long text cut."""

    place: Place
    values: Mapping[str, Any]


@contextmanager
def reading(artifact: Artifact) -> Iterator[None]:
    """Turns whatever goes wrong with files or Parquet into Unreadable."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError, UserError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        m = artifact.manifest
        raise Unreadable(f"the data of {m.asset} {m.artifact_id} cannot be read: {first}") from error


def find_rows(
    artifact: Artifact, where: pl.Expr, columns: Sequence[str], *, table: str = "", limit: int = 20, whole: bool = False
) -> tuple[int, list[Row]]:
    """How many rows of a table fit, and the first `limit` of them with these columns (those that the table has).
    `whole`: uncut cells.
    """
    info = artifact.manifest.tables.get(table)
    if info is None or not info.rows:
        return 0, []
    with reading(artifact):
        at = artifact.scan(table).with_row_index(_ROW).filter(where).select(_ROW).collect(engine="streaming")[_ROW]
        kept = [column for column in columns if column in info.columns]
        cells = (
            artifact.scan(table).select(kept).slice(int(i), 1).collect().row(0, named=True) for i in at.head(limit)
        )
        return len(at), [
            Row(_place(info, int(i)), values if whole else {k: cut(v) for k, v in values.items()})
            for i, values in zip(at.head(limit), cells, strict=True)
        ]


def column(artifact: Artifact, name: str, where: pl.Expr, *, table: str = "", limit: int | None = None) -> list[str]:
    """A column's values in the rows that fit, in the table's order, nulls left out; the first `limit` of them."""
    info = artifact.manifest.tables.get(table)
    if info is None or not info.rows or name not in info.columns:
        return []
    with reading(artifact):
        found = artifact.scan(table).filter(where).select(pl.col(name).drop_nulls())
        return [str(v) for v in (found.head(limit) if limit else found).collect(engine="streaming").to_series()]


def distinct(artifact: Artifact, name: str, where: pl.Expr, *, table: str = "", limit: int | None = None) -> list[str]:
    """The different values among these, in ascending order. With a `limit` only the first thousands of rows that fit are
    looked at: enough to see that there are too many.
    """
    found = sorted(set(column(artifact, name, where, table=table, limit=_LOOKED_AT if limit else None)))
    return found[:limit]


def neighbours(artifact: Artifact, name: str, text: str) -> list[str]:
    """The values right below and above `text` in order: among them are those that begin most like it. One pass, no
    sort.
    """
    info = artifact.manifest.tables.get("")
    if info is None or not info.rows:
        return []
    cell = pl.col(name)
    with reading(artifact):
        ends = (
            artifact.scan()
            .select(below=cell.filter(cell <= text).max(), above=cell.filter(cell >= text).min())
            .collect(engine="streaming")
        )
    return list(dict.fromkeys(value for value in ends.row(0) if value is not None))


def closest(word: str, known: Iterable[str]) -> str:
    """`did you mean x?`, or the first few names that there are."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(names[:10])}{' …' if len(names) > 10 else ''}" if names else "there are none yet"


def _place(info: TableInfo, row: int) -> Place:
    """The part that holds the table's row number `row`: parts follow each other in the manifest's order."""
    left = row
    for file in info.files:
        if left < (file.rows or 0):
            return Place(file.path, left)
        left -= file.rows or 0
    return Place("?", row)
