"""Step `stratified`: a number of rows, source by source.

Quotas are those of `quotas.apportion`, in proportion to the rows of each source that reach the step, or equal; they never
shrink when the number grows, and each source's rows are the first of an order (a draw, or its highest scores), so a smaller
number is part of a larger one. A source that has fewer than its quota gives what it has, told in the figures; nothing is taken
from the others for it. Rule `stratified`, with the score as figure, or `no_score`. Fails with `UserError` when a source has no
such score.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.draws import draw_keys
from ot_assets.curation.ledgers import ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext, mask
from ot_assets.curation.steps.order import KEY, limit, names
from ot_assets.curation.steps.scored import scored, scored_rule
from ot_assets.registry.specs.quotas import apportion
from ot_assets.registry.specs.select import Stratified

_PLACE = "_place"
_QUOTA = "_quota"


def title(step: Stratified) -> str:
    """Its name in the funnel."""
    by = f" by {step.score.column}" if step.score else ""
    return f"stratified {limit(step):,}, {step.quotas} by source{by}"


def run(step: Stratified, context: StepContext) -> Cut:
    """Keeps each source's quota."""
    frame = context.frame
    there = dict(frame.group_by("source", maintain_order=True).len().iter_rows())
    order = [draw.source for draw in context.part.used if draw.source in there]
    order += [source for source in there if source not in order]
    weights = [there[source] if step.quotas == "proportional" else 1 for source in order]
    quotas = dict(zip(order, apportion(limit(step), _shares(weights)), strict=True)) if order else {}
    rows = frame.with_columns(_figure(step, context))
    stay = _first_of_each(rows, quotas, highest=step.score is not None)
    quota = pl.format("{} of {}", pl.col("source").replace_strict(quotas, default=0, return_dtype=pl.Int64), "source")
    rule = scored_rule(step.kind) if step.score else step.kind
    figure = pl.col(KEY) if step.score else None
    ledger = ledger_rows(rows.filter(~stay), rule, figure=figure, note=quota, id_column="question_id")
    left = {source: max(0, quotas[source] - there[source]) for source in order if quotas[source] > there[source]}
    return Cut(stay, ledger, {"quotas": dict(quotas), "sources_short": dict(left)})


def _shares(weights: list[int]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def _figure(step: Stratified, context: StepContext) -> pl.Series:
    """What orders the rows of a source: their score, or the draw's number."""
    if step.score is not None:
        return scored(step.score, context)
    seed = context.seed if step.seed is None else step.seed
    return pl.Series(KEY, draw_keys(seed, "select", names(context.frame)), dtype=pl.UInt64)


def _first_of_each(rows: pl.DataFrame, quotas: dict[str, int], *, highest: bool) -> pl.Series:
    placed = rows.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE),
        pl.col("source").replace_strict(quotas, default=0, return_dtype=pl.Int64).alias(_QUOTA),
    )
    order = [KEY, "question_id", "copy"]
    ordered = placed.sort(order, descending=[highest, False, False], nulls_last=True, maintain_order=True)
    within = pl.int_range(pl.len(), dtype=pl.Int64).over("source") < pl.col(_QUOTA)
    return mask(len(rows), ordered.filter(within).get_column(_PLACE))
