"""Steps `top` and `bottom`: the rows with the highest or lowest score; ties go to the smaller question_id, source, copy.

A row without a score comes last in both; when it goes the rule is `no_score`, otherwise `top` or `bottom`, with the score as
figure. A smaller number of rows is part of a larger one. Fails with `UserError` when a source has no such score.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.ledgers import ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext
from ot_assets.curation.steps.order import KEY, first, limit
from ot_assets.curation.steps.scored import scored, scored_rule
from ot_assets.registry.specs.select import Bottom, Top


def title(step: Top | Bottom) -> str:
    """Its name in the funnel."""
    return f"{step.kind} {limit(step):,} by {step.score.column}"


def run(step: Top | Bottom, context: StepContext) -> Cut:
    """Keeps the rows with the highest (lowest) score."""
    rows = context.frame.with_columns(scored(step.score, context))
    highest = step.kind == "top"
    stay = first(rows, limit(step), [KEY, "question_id", "source", "copy"], [highest, False, False, False])
    left = rows.filter(stay).get_column(KEY)
    cut = left.min() if highest else left.max()
    note = pl.lit(f"{step.score.column}, cut at {cut:g}") if isinstance(cut, float) else pl.lit(step.score.column)
    ledger = ledger_rows(
        rows.filter(~stay), scored_rule(step.kind), figure=pl.col(KEY), note=note, id_column="question_id"
    )
    return Cut(stay, ledger, {"cut_at": cut if isinstance(cut, float) else None})
