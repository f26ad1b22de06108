"""Turns a data set into the figures of a suite: one row, one column a rule, exact over all rows.

Belongs here: measuring, and naming a few offending rows. Contract: polars reads only the columns that the rules need,
streams, and keeps aggregates and a few numbers a row, so a set larger than memory can be measured; a rule whose columns are not
there, or whose figure is null, comes out as not applicable, with the reason. Offending rows are named by id, never by
their text.
Fails with what polars raises for a frame whose columns have other types than the schema's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ot_assets.quality.drift import as_number, number, together
from ot_assets.quality.remembered import Remembered
from ot_assets.quality.rules import Bounds, Drift, Moved, Over, Rule, Suite

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


def measure(suite: Suite, frame: pl.LazyFrame, previous: pl.LazyFrame | None, remembered: Remembered) -> list[Figure]:
    """Every rule of the suite, measured."""
    known = _read_together(suite, frame)
    rules = [_rule(rule, frame) if rule.name not in known else _figure(rule, known[rule.name]) for rule in suite.rules]
    return [*rules, *(_drift(drift, frame, previous, remembered, known) for drift in suite.drifts)]


def examples(figure: Figure, frame: pl.LazyFrame, id_column: str) -> tuple[str, ...]:
    """Ids of a few rows that break a rule; empty where it is met, or is about the whole only."""
    rule = figure.rule
    if not figure.outside or not isinstance(rule, Rule):
        return ()
    named = pl.col(id_column).cast(pl.String)
    if rule.key is not None:
        # Two steps, so that only ids and hashes are held and never the texts that repeat.
        keys = frame.select(named, key=rule.key).collect(engine="streaming")
        found = keys.drop_nulls("key").filter(pl.col("key").is_duplicated())[id_column].head(EXAMPLES)
    elif rule.offenders is not None:
        found = frame.filter(rule.offenders).select(named).head(EXAMPLES).collect(engine="streaming").to_series()
    else:
        return ()
    return tuple(v if len(v) <= _CUT else v[: _CUT - 1] + "…" for v in found.drop_nulls().to_list())


def _read_together(suite: Suite, frame: pl.LazyFrame) -> dict[str, float | None]:
    """Figures of this version that share a reading of the rows, by the name of their rule: all `Over`s whose columns are there,
    and those of rules on one column alone.

    Others are measured alone: in one query with them polars buffers whole columns for the slower ones.
    """
    by_column: dict[str, dict[str, pl.Expr]] = {}
    overs: dict[str, Over] = {}
    there = set(frame.collect_schema().names())
    rules = [(rule.name, rule.figure) for rule in suite.rules]
    for name, figure in [*rules, *((d.name, d.measure.figure) for d in suite.drifts if isinstance(d.measure, Moved))]:
        if isinstance(figure, Over) and set(figure.value(0).meta.root_names()) <= there:
            overs[name] = figure
    for rule in suite.rules:
        if isinstance(rule.figure, pl.Expr) and rule.key is None:
            columns = set(rule.figure.meta.root_names())
            if len(columns) == 1 and columns <= there:
                by_column.setdefault(columns.pop(), {})[rule.name] = rule.figure
    found = together(frame, overs) if overs else {}
    for figures in by_column.values():
        if len(figures) > 1:
            row = frame.select(**figures).collect(engine="streaming")
            found.update({name: as_number(row[name].item()) for name in figures})
    return found


def _rule(rule: Rule, frame: pl.LazyFrame) -> Figure:
    try:
        return _figure(rule, number(frame, rule.figure))
    except pl.exceptions.ColumnNotFoundError as error:
        return Figure(rule, None, _no_column(error))


def _figure(rule: Rule, value: float | None) -> Figure:
    return Figure(rule, None, "no row that it is about") if value is None else Figure(rule, value)


def _drift(
    drift: Drift,
    frame: pl.LazyFrame,
    previous: pl.LazyFrame | None,
    remembered: Remembered,
    known: Mapping[str, float | None],
) -> Figure:
    measure = drift.measure
    try:
        now = None
        if isinstance(measure, Moved) and (previous is not None or remembered.keeps):
            now = known[drift.name] if drift.name in known else number(frame, measure.figure)
            remembered.note(measure.figure, now)
        if previous is None:
            return Figure(drift, None, "no previous version")
        if isinstance(measure, Moved):
            value = measure.apart(now, remembered.before(previous, measure.figure))
        else:
            value = measure(frame, previous)
    except pl.exceptions.ColumnNotFoundError as error:
        return Figure(drift, None, _no_column(error) if previous is not None else "no previous version")
    return Figure(drift, None, "nothing to compare in one of the versions") if value is None else Figure(drift, value)


def _no_column(error: pl.exceptions.ColumnNotFoundError) -> str:
    # 'unable to find column "domain"; valid columns: ...', which may go on for pages
    return f"no column {str(error).partition(chr(34))[2].partition(chr(34))[0][:_CUT]}"
