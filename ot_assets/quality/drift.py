"""Distances between this version of a data set and the previous one.

Belongs here: functions that make a `Measure` or a `Moved`. Each reads a version once, lazily, with only the columns that
it needs, and gives None where one of them has nothing to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.quality.rules import Measure, Moved, Over, Query


def ratio(figure: pl.Expr | Over) -> Moved:
    """The figure now over the figure before; None where that was 0."""
    return Moved(figure, lambda now, before: now / before if before else None)


def change(figure: pl.Expr | Over) -> Moved:
    """The figure now less the figure before."""
    return Moved(figure, lambda now, before: now - before)


def moved_share(column: str) -> Measure:
    """Total variation distance between the shares of a column's values, 0 (the same) to 1 (nothing in common)."""

    def measure(now: pl.LazyFrame, before: pl.LazyFrame) -> float | None:
        new, old = _shares(now, column), _shares(before, column)
        if not new or not old:
            return None
        return sum(abs(new.get(v, 0.0) - old.get(v, 0.0)) for v in new.keys() | old.keys()) / 2

    return measure


def kept_share(column: str) -> Measure:
    """Share of the previous version's distinct values that are still there."""

    def measure(now: pl.LazyFrame, before: pl.LazyFrame) -> float | None:
        old, new = _values(before, column), _values(now, column)
        if not len(old) or not len(new):
            return 0.0 if len(old) else None
        at = np.minimum(np.searchsorted(new, old), len(new) - 1)
        return float((new[at] == old).mean())

    return measure


def largest_change(key: str, column: str) -> Measure:
    """The largest absolute change of a value among the rows with the same key; None where no key is in both."""

    def measure(now: pl.LazyFrame, before: pl.LazyFrame) -> float | None:
        both = now.select(key, new=pl.col(column)).join(before.select(key, old=pl.col(column)), on=key)
        return number(both, (pl.col("new") - pl.col("old")).abs().max())

    return measure


def number(frame: pl.LazyFrame, figure: pl.Expr | Query | Over) -> float | None:
    """One figure of a frame; None for null, nan and no cell at all."""
    if isinstance(figure, Over):
        return together(frame, {"figure": figure})["figure"]
    query = frame.select(figure.alias("figure")) if isinstance(figure, pl.Expr) else figure(frame)
    found = query.collect(engine="streaming").to_series()
    return as_number(found.item() if len(found) else None)


def together(frame: pl.LazyFrame, figures: Mapping[str, Over]) -> dict[str, float | None]:
    """These figures of a frame, which is read once for all of them."""
    rows = frame.select(pl.len()).collect(engine="streaming").item()
    values = frame.select(over.value(rows).alias(name) for name, over in figures.items()).collect(engine="streaming")
    return {
        name: as_number(values.select(pl.col(name).alias("value")).select(over.figure).item())
        for name, over in figures.items()
    }


def as_number(value: Any) -> float | None:
    """A cell as a figure; None for null and nan."""
    return None if value is None or value != value else float(value)


def _values(frame: pl.LazyFrame, column: str) -> npt.NDArray[np.uint64]:
    """Hashes of a column's distinct values that are not null, ascending: 8 bytes each, however long they are."""
    hashes = np.sort(
        frame.select(pl.col(column).drop_nulls().hash()).collect(engine="streaming").to_series().to_numpy()
    )
    distinct: npt.NDArray[np.uint64] = hashes[np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]]
    return distinct


def _shares(frame: pl.LazyFrame, column: str) -> dict[Any, float]:
    counts = frame.group_by(column).agg(pl.len().alias("n")).collect(engine="streaming")
    total = counts["n"].sum()
    return {value: n / total for value, n in counts.iter_rows()} if total else {}
