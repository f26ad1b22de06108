"""A schema's verdict on rows, small enough to read.

What belongs here: from a pandera failure to a few lines that name the column, the rule, how many rows broke it and
which, by their own id; and keys that must not repeat over a whole table, which no row group can see. Long texts are
cut; a report never holds a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl

from resources.artifacts.holding import holds
from schemas.base import DataSchema

EXAMPLES = 5
CUT = 60


def problems(schema: type[DataSchema], frame: pl.DataFrame, first_row: int = 0) -> list[str]:
    """One line for each broken rule, empty when the frame holds. `first_row` is the frame's place in the table."""
    if holds(schema, frame):
        return []
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        return [_line(e, schema, frame, first_row) for e in error.schema_errors]
    except pa.errors.SchemaError as error:
        return [_line(error, schema, frame, first_row)]
    return []


class UniqueKey:
    """Finds key values that occur twice in a table of any size: it keeps 8 bytes a row, and looks again only where two
    hashes are equal.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._hashes: list[pl.Series] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Takes note of rows that were written."""
        self._hashes.append(self._hash(rows.select(self.columns)))

    def repeated(self, parts: Iterable[Path]) -> list[str]:
        """One line when a key occurs more than once, naming a few; `parts` are the table's files. Empty when none does."""
        if len(self._hashes) < 2:
            return []  # pandera saw the whole table in its one row group
        hashes = pl.concat(self._hashes).sort()
        twice = hashes.filter(hashes == hashes.shift(1)).unique()
        if twice.is_empty():
            return []
        return _repeated(pl.concat([self._suspects(part, twice) for part in parts]), self.columns)

    def _suspects(self, part: Path, twice: pl.Series) -> pl.DataFrame:
        keys = pl.read_parquet(part, columns=list(self.columns)).select(self.columns)
        return keys.filter(self._hash(keys).is_in(twice.implode()))

    @staticmethod
    def _hash(keys: pl.DataFrame) -> pl.Series:
        return keys.hash_rows(seed=0)


def shorten(value: object, length: int = CUT) -> str:
    """A value as it is shown in a message."""
    text = repr(value[: 4 * length] if isinstance(value, str) else value)
    return text if len(text) <= length else text[: length - 1] + "…"


def _repeated(keys: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """The line for keys that occur more than once; empty when none does."""
    found = keys.group_by(columns).len("times").filter(pl.col("times") > 1).sort(columns)
    if found.is_empty():
        return []
    values = [(row[0] if len(columns) == 1 else row[:-1], row[-1]) for row in found.head(EXAMPLES).rows()]
    shown = "; ".join(f"{shorten(value, 120)} {times} times" for value, times in values)
    return [f"{', '.join(columns)}: must be unique: {len(found)} value(s) are not: {shown}"]


def _line(error: Any, schema: type[DataSchema], frame: pl.DataFrame, first_row: int) -> str:
    unique = schema.unique_key()
    if str(error.check) == "multiple_fields_uniqueness" and set(unique) <= set(frame.columns):
        return "".join(_repeated(frame.select(unique), unique))
    column = str(getattr(error.schema, "name", None) or "")
    rows = _rows(error, len(frame))
    if rows is None or column not in frame.columns:
        return f"{column if column in frame.columns else 'table'}: {_rule(error)}: {shorten(_plain(error.failure_cases), 200)}"
    shown = "; ".join(
        f"{_name(schema, frame, row, first_row)} {shorten(frame.item(row, column))}" for row in rows[:EXAMPLES]
    )
    return f"{column}: {_rule(error)}: {len(rows)} row(s): {shown}"


def _rule(error: Any) -> str:
    check = error.check
    text = getattr(check, "error", None) or getattr(check, "name", None) or check or error.reason_code
    return shorten(str(text), 160).strip("'\"")


def _rows(error: Any, height: int) -> list[int] | None:
    """Places of the rows that broke a rule, where pandera knows them."""
    output = error.check_output
    if isinstance(output, pl.LazyFrame):
        output = output.collect()
    if isinstance(output, pl.DataFrame):
        output = output.to_series(output.width - 1) if output.width else None
    if isinstance(output, pl.Series) and output.dtype == pl.Boolean and len(output) == height:
        return (~output.fill_null(True)).arg_true().to_list()
    return None


def _plain(cases: Any) -> object:
    if isinstance(cases, pl.LazyFrame):
        cases = cases.collect()
    if isinstance(cases, pl.DataFrame):
        return cases.head(EXAMPLES).rows() if cases.width > 1 else cases.to_series(0).head(EXAMPLES).to_list()
    return cases


def _name(schema: type[DataSchema], frame: pl.DataFrame, row: int, first_row: int) -> str:
    """How a person finds the row again: its number and its own id."""
    ids = [c for c in schema.unique_key() or frame.columns[:1] if c in frame.columns]
    named = ", ".join(f"{c}={shorten(frame.item(row, c), 40)}" for c in ids)
    return f"row {first_row + row}{f' ({named})' if named else ''}"
