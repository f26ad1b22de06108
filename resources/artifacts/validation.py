"""A schema's verdict on one row group, small enough to read.

What belongs here: from a pandera failure to a few lines that name the column, the rule, how many rows broke it and which, by their own
id. Long texts are cut; a report never holds a column.
"""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl

from schemas.base import DataSchema

EXAMPLES = 5
CUT = 60


def problems(schema: type[DataSchema], frame: pl.DataFrame, first_row: int = 0) -> list[str]:
    """One line for each broken rule, empty when the frame holds. `first_row` is the frame's place in the table."""
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        return [_line(e, schema, frame, first_row) for e in error.schema_errors]
    except pa.errors.SchemaError as error:
        return [_line(error, schema, frame, first_row)]
    return []


def shorten(value: object, length: int = CUT) -> str:
    """A value as it is shown in a message."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 1] + "…"


def _line(error: Any, schema: type[DataSchema], frame: pl.DataFrame, first_row: int) -> str:
    column = str(getattr(error.schema, "name", None) or "")
    rule = shorten(str(error.check if error.check is not None else error.reason_code), 200).strip("'\"")
    rows = _rows(error)
    if rows is None or column not in frame.columns:
        return f"{column or 'table'}: {rule}: {shorten(_plain(error.failure_cases), 200)}"
    shown = ", ".join(
        _name(schema, frame, row, first_row) + " " + shorten(frame.item(row, column)) for row in rows[:EXAMPLES]
    )
    return f"{column}: {rule}: {len(rows)} row(s): {shown}"


def _rows(error: Any) -> list[int] | None:
    """Places of the rows that broke a rule, where pandera knows them."""
    output = error.check_output
    if isinstance(output, pl.LazyFrame):
        output = output.collect()
    if isinstance(output, pl.DataFrame):
        output = output.to_series(output.width - 1) if output.width else None
    if isinstance(output, pl.Series) and output.dtype == pl.Boolean:
        return (~output.fill_null(False)).arg_true().to_list()
    return None


def _plain(cases: Any) -> object:
    if isinstance(cases, pl.LazyFrame):
        cases = cases.collect()
    if isinstance(cases, pl.DataFrame):
        return cases.head(EXAMPLES).rows() if cases.width > 1 else cases.to_series(0).head(EXAMPLES).to_list()
    return cases


def _name(schema: type[DataSchema], frame: pl.DataFrame, row: int, first_row: int) -> str:
    """How a person finds the row again: its own id, else its number."""
    ids = [c for c in schema.unique_key() or frame.columns[:1] if c in frame.columns]
    named = ", ".join(f"{c}={shorten(frame.item(row, c), 40)}" for c in ids)
    return f"[row {first_row + row}{': ' + named if named else ''}]"
