"""Whether rows keep all rules of a schema, asked of polars in one go.

What belongs here: `holds`, the short way for rows that are as they should be, which nearly all are. It uses pandera's own
checks, but collects them together, where pandera collects each several times. What it does not know (checks on whole
frames, parsers, types that are cast) it leaves to pandera, and so it does with rows that break a rule: pandera says which.
Contract: true only where `schema.validate` raises nothing. Pure.
"""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.function_dispatch import Dispatcher
from pandera.backends.polars import builtin_checks as _registers_them  # noqa: F401

from schemas.base import DataSchema


def holds(schema: type[DataSchema], frame: pl.DataFrame) -> bool:
    """Whether the frame is known to keep the schema's rules; false also means that pandera is to be asked."""
    rules = schema.to_schema()
    columns = rules.columns
    declared = {name: column.dtype.type for name, column in columns.items() if column.dtype}
    there = {name: frame.schema[name] for name in declared if name in frame.schema}
    if (
        rules.checks
        or rules.parsers
        or rules.coerce
        or rules.dtype
        or len(declared) != len(columns)
        or there != declared
    ):
        return False
    if rules.strict is not True or list(frame.columns) != list(declared) or not all(map(_plain, columns.values())):
        return False
    if any(_lacks_values(frame[name]) for name, column in columns.items() if not column.nullable):
        return False
    rows = frame.lazy()
    try:
        asked = [_asked(check, rows, name) for name, column in columns.items() for check in column.checks]
        if rules.unique:
            asked.append(rows.select(pl.struct(rules.unique).is_unique().all()))
        return all(found.item() for found in pl.collect_all(asked))
    except Exception:  # a check that fails itself: pandera reports that as well
        return False


def _plain(column: Any) -> bool:
    """Whether null or not, and pandera's own checks, are all that a column asks for."""
    usual = column.required and not (column.regex or column.coerce or column.unique or column.parsers)
    return usual and all(
        isinstance(check._check_fn, Dispatcher) and check.ignore_na and not check.element_wise and not check.groupby
        for check in column.checks
    )


def _lacks_values(column: pl.Series) -> bool:
    """Null, and what pandera takes for null: NaN."""
    return column.null_count() > 0 or (column.dtype.is_float() and bool(column.is_nan().any()))


def _asked(check: pa.Check, rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """One cell: whether all values that are not null pass."""
    function = pa.Check.get_builtin_check_fn(check._check_fn.__name__)
    said: pl.LazyFrame = function(pa.PolarsData(rows, name), **(check.statistics or {}))
    return said.select(pl.all_horizontal(pl.all()).all())
