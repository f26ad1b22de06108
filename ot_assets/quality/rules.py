"""What a suite is made of: rules on one figure of a whole data set, and on how far it moved since the last version.

Belongs here: the types that suites are written in, and small helpers for their figures. Row and column contracts are
pandera's business (`schemas`); a rule here is about the set: shares, spreads, balance, drift. Contract: a figure is one
number, computed by polars over all rows while holding at most a number a row, or null where the rule does not apply. Bounds
are inclusive; None means open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

Query = Callable[[pl.LazyFrame], pl.LazyFrame]
"""Rows -> one cell, for figures that take more than one aggregation."""

Measure = Callable[[pl.LazyFrame, pl.LazyFrame], float | None]
"""(this version, the previous one) -> how far they are apart; None where that cannot be said."""


VALUE = pl.col("value")
"""The value of a row, in the figure of an `Over`."""


@dataclass(frozen=True)
class Over:
    """A figure of one small value a row. The values of all such rules are taken in one reading of the rows, which for a text
    is what takes time, and held: a number each.
    """

    value: Callable[[int], pl.Expr]
    """Number of rows -> an expression that gives each row its value from that row alone."""
    figure: pl.Expr
    """Makes one number of the column `VALUE`."""


@dataclass(frozen=True)
class Moved:
    """A measure that compares one figure of each version, so the previous version's may be remembered."""

    figure: pl.Expr | Over
    by: Callable[[float, float], float | None]
    """(the figure now, the figure before) -> how far they are apart."""

    def apart(self, now: float | None, before: float | None) -> float | None:
        """None where one of the versions has no such figure."""
        return None if now is None or before is None else self.by(now, before)


@dataclass(frozen=True)
class Bounds:
    """A range, ends included."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Rule:
    """One expectation on one version."""

    name: str
    """Name of the figure: a column of the suite's batch."""
    says: str
    """What is expected, as a sentence that a person reads in the docs."""
    figure: pl.Expr | Query | Over
    """Makes one number of all rows; null where the rule does not apply."""
    bounds: Bounds
    offenders: pl.Expr | None = None
    """Which rows speak against it; a few of their ids are shown when it fails."""
    key: pl.Expr | None = None
    """For rules on repetition: rows with the same value speak against it. Texts are compared by hash."""


@dataclass(frozen=True)
class Drift:
    """One expectation on the distance from the previous version. Skipped where there is none."""

    name: str
    says: str
    measure: Measure | Moved
    bounds: Bounds


@dataclass(frozen=True)
class SuiteContext:
    """What is known of the data set beside its rows."""

    asset: str
    """The asset that it is a partition of."""
    partition: str = "-"
    """Its partition, as a person reads it."""
    rows: Bounds = field(default=Bounds(low=1))
    """How many rows were meant to come out."""
    max_tokens: int | None = None
    """The longest completion that was asked for or is trained on."""
    verified: bool = False
    """Whether only verified answers were to be kept."""
    closing_tag: str | None = None
    """What ends the reasoning in a completion, where completions reason."""
    domains: tuple[tuple[str, float], ...] = ()
    """The shares of domains that were meant to come out."""
    version: str = ""
    """Which version it is, where that is known: its figures are remembered for the next one."""
    previous: str = ""
    """Which version came before it."""

    @property
    def run_name(self) -> str:
        """How the docs name a validation: asset and partition."""
        return f"{self.asset} {self.partition}"


@dataclass(frozen=True)
class Suite:
    """The expectations on one kind of data set."""

    name: str
    id_column: str
    """Column whose values name offending rows."""
    rules: tuple[Rule, ...]
    drifts: tuple[Drift, ...]


def rows_rule(bounds: Bounds) -> Rule:
    """As many rows as were meant to come out."""
    return Rule("rows", "As many rows came out as were meant to", pl.len(), bounds)


def ids_rule(*columns: str) -> Rule:
    """No two rows have the same key."""
    key = hashed(*(pl.col(name) for name in columns))
    says = f"No two rows have the same {' and '.join(columns)}"
    return Rule("repeated_ids", says, pl.len() - key.n_unique(), Bounds(high=0), key=key)


def licence_rule() -> Rule:
    """A licence is known for every row."""
    known = ~pl.col("licence").fill_null("").str.to_lowercase().is_in(["", "unknown"])
    return Rule("licence_known_share", "Every row has a known licence", known.mean(), Bounds(low=1), ~known)


def share(condition: pl.Expr, among: pl.Expr | None = None) -> pl.Expr:
    """Share of rows that satisfy a condition (null counts as not), among those that satisfy another; null among none."""
    said = condition.fill_null(False)
    return (said if among is None else said.filter(among)).mean()


def share_over(condition: pl.Expr) -> Over:
    """As `share`, of a condition on a row's texts."""
    said = condition.fill_null(False)
    return Over(lambda rows: said, VALUE.mean())


def commonest_share(column: str, among: pl.Expr, fewest: int) -> Query:
    """Share of a column's commonest value among the rows that satisfy a condition; no cell with fewer than `fewest`."""

    def query(rows: pl.LazyFrame) -> pl.LazyFrame:
        counts = rows.filter(among).group_by(column).agg(pl.len().alias("n"))
        total = pl.col("n").sum()
        return (
            counts.select(total=total, share=pl.col("n").max() / total)
            .filter(pl.col("total") >= fewest)
            .select("share")
        )

    return query


def hashed(*texts: pl.Expr) -> pl.Expr:
    """One number that is the same for rows with the same texts; column by column, since hashing a struct copies its texts."""
    return (
        pl.struct(text.hash().alias(str(i)) for i, text in enumerate(texts)).hash()
        if len(texts) > 1
        else texts[0].hash()
    )


def blank(column: str) -> pl.Expr:
    """Whether a text is null or only white space."""
    return pl.col(column).fill_null("").str.strip_chars() == ""


def in_words(bounds: Bounds) -> str:
    """`at least 3`, `at most 0.05`, `between 1 and 10` or `anything`."""
    if bounds.low is not None and bounds.high is not None:
        return f"between {bounds.low:,g} and {bounds.high:,g}" if bounds.low != bounds.high else f"{bounds.low:,g}"
    if bounds.low is not None:
        return f"at least {bounds.low:,g}"
    return f"at most {bounds.high:,g}" if bounds.high is not None else "anything"
