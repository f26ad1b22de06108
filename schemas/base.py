"""What all schemas share: strict pandera models over polars, and how one shows as a Columns panel in the UI.

A schema is checked on every row group before an artifact is published; whole-table rules (uniqueness over all rows) are
checked by the publication, since a row group cannot see them. Reports name a count and a few cut examples, never columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandera.polars as pa
import polars as pl

MAX_TEXT = 1_000_000
"""Longest text of a cell, in characters."""

ID = r"^[a-z][0-9a-f]{31}$"
"""What question, trace and example ids look like."""

KEY = r"^[a-z0-9][a-z0-9._-]*$"
"""What keys of the registry look like."""

_EXAMPLES = 5
_CUT = 80


class DataSchema(pa.DataFrameModel):
    """Base of every data set's schema: columns as declared and in that order, none missing, none added."""

    class Config:
        strict = True
        coerce = False

    @classmethod
    def unique_key(cls) -> tuple[str, ...]:
        """Columns that together name a row once in a whole artifact; empty when rows may repeat."""
        return tuple(cls.to_schema().unique or ())

    @classmethod
    def dtypes(cls) -> dict[str, pl.DataType]:
        """Column name -> polars type, in order: to build empty and well-typed frames."""
        return {name: column.dtype.type for name, column in cls.to_schema().columns.items() if column.dtype}

    @classmethod
    def empty(cls, *_args: Any) -> Any:
        """A polars frame without rows that satisfies the schema."""
        return pl.DataFrame(schema=cls.dtypes())

    @classmethod
    def frame(cls, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """Rows as a frame in the schema's columns, order and types. Keys that are absent become null."""
        return pl.DataFrame(rows, schema=cls.dtypes(), orient="row")

    @classmethod
    def columns_panel(cls) -> list[ColumnInfo]:
        """Name, type, nullability and meaning of each column, for the UI and the docs."""
        columns = cls.to_schema().columns
        return [
            ColumnInfo(name, str(c.dtype), bool(c.nullable), (c.description or "").strip())
            for name, c in columns.items()
        ]


@dataclass(frozen=True)
class ColumnInfo:
    """One column as a person reads it."""

    name: str
    type: str
    nullable: bool
    description: str


@dataclass(frozen=True)
class Violation:
    """One rule that rows broke: how many, and a few cut examples."""

    column: str
    rule: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a message."""
        shown = ", ".join(self.examples)
        return f"{self.column}: {self.rule}: {self.count} row(s)" + (f", e.g. {shown}" if shown else "")


def violations(schema: type[DataSchema], frame: pl.DataFrame) -> list[Violation]:
    """Checks a frame in memory against a schema; an empty list means that it holds."""
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        return [_violation(e) for e in error.schema_errors]
    except pa.errors.SchemaError as error:
        return [_violation(error)]
    return []


def _violation(error: Any) -> Violation:
    """A pandera error in our words; its own text can hold a whole column."""
    column = str(getattr(error.schema, "name", None) or "(table)")
    rule = str(error.check) if error.check is not None else str(error.reason_code)
    cases = error.failure_cases
    if isinstance(cases, pl.LazyFrame):
        cases = cases.collect()
    if not isinstance(cases, pl.DataFrame):
        return Violation(column, rule, 1, (_cut(cases),) if cases is not None else ())
    values = cases.get_column(column) if column in cases.columns else cases.to_series(0)
    return Violation(column, rule, len(cases), tuple(_cut(v) for v in values.head(_EXAMPLES).to_list()))


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _CUT else text[: _CUT - 1] + "…"
