"""The score of each row that reaches a step.

Belongs here: joining scores to rows. Fails with `UserError` when a source's scores lack the column that the step needs.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.steps.context import StepContext
from ot_assets.curation.steps.order import KEY
from ot_assets.registry.specs.score import Score
from resources.errors import UserError

NO_SCORE = "no_score"
"""Ledger rule for a row that went because it had no score."""


def scored_rule(rule: str) -> pl.Expr:
    """The ledger rule of a row that a step by score drops: the step's own, or `NO_SCORE`."""
    return pl.when(pl.col(KEY).is_null()).then(pl.lit(NO_SCORE)).otherwise(pl.lit(rule))


def scored(score: Score, context: StepContext) -> pl.Series:
    """The score of every row of the frame, as `KEY`; null (and never NaN) where there is none."""
    column, frame = score.column, context.frame
    parts = []
    for source in frame.get_column("source").unique(maintain_order=True):
        known = context.scores.get(source)
        if known is None or column not in known.columns:
            raise UserError(
                f"the questions of source {source!r} have no score {column!r}, which step {context.number} sorts by",
                fix=f"make them: asset question_scores, partition {source} (`ot run` does it in order)",
            )
        own = known.select("question_id", pl.col(column).cast(pl.Float64).fill_nan(None).alias(KEY))
        parts.append(own.unique("question_id", keep="first").with_columns(source=pl.lit(source)))
    if not parts:
        return pl.Series(KEY, [], dtype=pl.Float64)
    return frame.join(pl.concat(parts), on=["source", "question_id"], how="left", maintain_order="left").get_column(KEY)
