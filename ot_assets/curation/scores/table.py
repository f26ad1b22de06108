"""All scores of a source: each column is taken over as far as it is known, and the rest is scored.

Belongs here: the order of work and what is said of it. Contract: one column a wanted score, in the order given, one value a
row of the source; a combined score is made of the columns of its parts. Models are asked score by score over the whole
source, so an engine is loaded once a score. Memory holds numbers and ids, never texts. Fails with `UserError` where a scorer
gives nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ot_assets.curation.scores.column import Column, Scorer, Todo
from ot_assets.curation.scores.known import SEEN, Known, Rows
from ot_assets.registry.specs.score import Combined, Score, SingleScore

_SLICE = 20_000


@dataclass(frozen=True)
class Filled:
    """A column that is done, and what became of it."""

    column: Column
    identity: str
    scored: int
    reused: int

    @property
    def figures(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"identity": self.identity, "scored": self.scored, "reused": self.reused}


@dataclass(frozen=True)
class Table:
    """The scores of a source."""

    rows: Rows
    columns: dict[str, Filled]

    def frames(self) -> Iterator[pl.DataFrame]:
        """`question_id` and a column a score, null where there is none, in slices; one empty frame for no rows."""
        for start in range(0, max(len(self.rows), 1), _SLICE):
            ids = self.rows.ids.slice(start, _SLICE).select("question_id")
            yield ids.with_columns(
                pl.Series(name, filled.column.values[start : start + _SLICE], dtype=pl.Float64).fill_nan(None)
                for name, filled in self.columns.items()
            )

    def seen(self) -> Iterator[pl.DataFrame]:
        """What the scores were made from, for the next time."""
        for start in range(0, max(len(self.rows), 1), _SLICE):
            yield self.rows.ids.slice(start, _SLICE).select("question_id", SEEN)

    @property
    def unscored(self) -> dict[str, dict[str, int]]:
        """Column -> reason -> rows without a score."""
        return {name: dict(sorted(filled.column.reasons.items())) for name, filled in self.columns.items()}


def score_table(wanted: Sequence[Score], scorer_of: Callable[[SingleScore], Scorer], rows: Rows, known: Known) -> Table:
    """Every wanted score of every row; parts stand before what is made of them."""
    columns: dict[str, Filled] = {}
    for score in wanted:
        name = score.column
        columns[name] = (
            _combined(score, columns) if isinstance(score, Combined) else _single(score, scorer_of, rows, known)
        )
        columns[name].column.require_some(name)
    return Table(rows, columns)


def _single(score: SingleScore, scorer_of: Callable[[SingleScore], Scorer], rows: Rows, known: Known) -> Filled:
    scorer = scorer_of(score)
    column, wanted = known.column(score.column, scorer.identity, keep_nulls=scorer.keeps_nulls)
    todo = Todo(wanted, rows.read)
    nulls = int(np.isnan(column.values[~wanted]).sum())
    if nulls:
        column.reasons["none before either"] = nulls
    if len(todo):
        scorer.score(todo, column)
    return Filled(column, scorer.identity, len(todo), len(rows) - len(todo))


_BY: dict[str, Callable[..., Any]] = {"mean": np.mean, "min": np.min, "max": np.max}


def _combined(score: Combined, columns: dict[str, Filled]) -> Filled:
    """NaN in a part is NaN in the whole: numpy's reductions pass it on."""
    values = _BY[score.by]([columns[part.column].column.values for part in score.of], axis=0)
    column = Column(values)
    if missing := int(np.isnan(values).sum()):
        column.reasons["a part is missing"] = missing
    return Filled(column, score.hash, len(values), 0)
