"""Ledger rows from frames, column by column, so that a million dropped rows cost no Python loop.

Belongs here: nothing but the shape. Contract: one ledger row (schemas.ledger) a row of the frame. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from schemas.ledger import Ledger

Value = pl.Expr | str | float | None


def ledger_rows(
    dropped: pl.DataFrame,
    rule: Value,
    *,
    figure: Value = None,
    lost_to: Value = None,
    note: Value = None,
    id_column: str,
) -> pl.DataFrame:
    """One ledger row a dropped row; `source` and `source_row` are taken over where the frame has them.

    Strings and numbers are taken as they are, the same for every row; use expressions (`pl.col`) for columns.
    """
    columns = {
        "row_id": pl.col(id_column),
        "rule": _expression(rule),
        "figure": _expression(figure),
        "lost_to": _expression(lost_to),
        "note": _expression(note),
        "source": pl.col("source") if "source" in dropped.columns else pl.lit(None),
        "source_row": pl.col("source_row") if "source_row" in dropped.columns else pl.lit(None),
    }
    return dropped.select(columns[name].cast(dtype).alias(name) for name, dtype in Ledger.dtypes().items())


def joined(ledgers: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Ledgers one after the other; an empty ledger when there is none."""
    empty: pl.DataFrame = Ledger.empty()
    return pl.concat([empty, *ledgers])


def _expression(value: Value) -> pl.Expr:
    return value if isinstance(value, pl.Expr) else pl.lit(value)
