"""Step `top`: the rows with the highest score; ties go to the smaller question_id, then source, then copy.

A row without a score comes last; when it goes the rule is `no_score`, otherwise `top`, with the score as figure. Fails with
`UserError` when a source has no such score.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.ledgers import ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext
from ot_assets.curation.steps.order import KEY, first
from ot_assets.curation.steps.scored import NO_SCORE, scored
from ot_assets.registry.specs.select import Top


def title(step: Top) -> str:
    """Its name in the funnel."""
    return f"top {step.rows:,} by {step.score.column}"


def run(step: Top, context: StepContext) -> Cut:
    """Keeps the rows with the highest score."""
    rows = context.frame.with_columns(scored(step.score, context))
    stay = first(rows, step.rows, [KEY, "question_id", "source", "copy"], [True, False, False, False])
    cut = rows.filter(stay).get_column(KEY).min()
    note = pl.lit(f"{step.score.column}, cut at {cut:g}") if isinstance(cut, float) else pl.lit(step.score.column)
    rule = pl.when(pl.col(KEY).is_null()).then(pl.lit(NO_SCORE)).otherwise(pl.lit("top"))
    return Cut(stay, ledger_rows(rows.filter(~stay), rule, figure=pl.col(KEY), note=note, id_column="question_id"))
