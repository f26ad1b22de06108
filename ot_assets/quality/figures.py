"""Turns a data set into the figures of a suite: one row, one column a rule, exact over all rows.

Belongs here: measuring, and naming a few offending rows. Contract: polars reads only the columns that the rules need,
streams, and keeps aggregates and hashes, so a set larger than memory can be measured; a rule whose columns are not
there, or whose figure is null, comes out as not applicable, with the reason. Offending rows are named by id, never by
their text.
Fails with what polars raises for a frame whose columns have other types than the schema's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ot_assets.quality.rules import Bounds, Drift, Rule, Suite

EXAMPLES = 3
"""How many offending rows are named."""
_CUT = 60


@dataclass(frozen=True)
class Figure:
    """One measured rule. `value` is None where the rule does not apply, and `skipped` says why."""

    rule: Rule | Drift
    value: float | None
    skipped: str = ""

    @property
    def bounds(self) -> Bounds:
        """What the value is held against."""
        return self.rule.bounds

    @property
    def judged(self) -> bool:
        """Whether there is a value and something to hold it against."""
        return self.value is not None and (self.bounds.low is not None or self.bounds.high is not None)

    @property
    def outside(self) -> bool:
        """Whether the value is beyond its bounds; GX has the last word, this only tells where to look for examples."""
        low, high = self.bounds.low, self.bounds.high
        return self.value is not None and (
            (low is not None and self.value < low) or (high is not None and self.value > high)
        )


def measure(suite: Suite, frame: pl.LazyFrame, previous: pl.LazyFrame | None) -> list[Figure]:
    """Every rule of the suite, measured."""
    return [*_rules(suite.rules, frame), *(_drift(drift, frame, previous) for drift in suite.drifts)]


def examples(figure: Figure, frame: pl.LazyFrame, id_column: str) -> tuple[str, ...]:
    """Ids of a few rows that break a rule; empty where it is met, or is about the whole only."""
    if not figure.outside or not isinstance(figure.rule, Rule) or figure.rule.offenders is None:
        return ()
    rows = frame.filter(figure.rule.offenders).select(pl.col(id_column).cast(pl.String)).head(EXAMPLES)
    found = rows.collect(engine="streaming").to_series()
    return tuple(v if len(v) <= _CUT else v[: _CUT - 1] + "…" for v in found.drop_nulls().to_list())


def _rules(rules: Sequence[Rule], frame: pl.LazyFrame) -> list[Figure]:
    there = set(frame.collect_schema().names())
    absent = {r.name: sorted(set(r.figure.meta.root_names()) - there) for r in rules}
    wanted = [r for r in rules if not absent[r.name]]
    row = frame.select(r.figure.alias(r.name) for r in wanted).collect(engine="streaming").row(0, named=True)
    figures = []
    for rule in rules:
        value = row.get(rule.name)
        if value is None or value != value:
            why = f"no column {', '.join(absent[rule.name])}" if absent[rule.name] else "no row that it is about"
            figures.append(Figure(rule, None, why))
        else:
            figures.append(Figure(rule, float(value)))
    return figures


def _drift(drift: Drift, frame: pl.LazyFrame, previous: pl.LazyFrame | None) -> Figure:
    if previous is None:
        return Figure(drift, None, "no previous version")
    try:
        value = drift.measure(frame, previous)
    except pl.exceptions.ColumnNotFoundError as error:
        return Figure(drift, None, f"the versions have other columns: {error}"[:_CUT])
    return Figure(drift, None, "nothing to compare in one of the versions") if value is None else Figure(drift, value)
