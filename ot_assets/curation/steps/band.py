"""Steps `band` and `threshold`: the rows whose score lies in a range, of quantiles or of figures.

`band`: rows are ordered by score (ties by question_id, source, copy), and those from place round(low * n) up to, but not with,
round(high * n) stay, so that bands that share an end share no row. `threshold`: both ends stay. A row without a score goes by
the rule `no_score` (a threshold may keep it). Rules `band` and `threshold`, with the score as figure. Fails with `UserError`
when a source has no such score.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.ledgers import ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext, mask
from ot_assets.curation.steps.order import KEY
from ot_assets.curation.steps.scored import scored, scored_rule
from ot_assets.registry.specs.select import Band, Threshold

_PLACE = "_place"
_ORDER = [KEY, "question_id", "source", "copy"]


def title(step: Band | Threshold) -> str:
    """Its name in the funnel."""
    if isinstance(step, Band):
        return f"band {step.low:g} to {step.high:g} of {step.score.column}"
    ends = [f"at least {step.at_least:g}"] if step.at_least is not None else []
    ends += [f"at most {step.at_most:g}"] if step.at_most is not None else []
    return f"{step.score.column} {' and '.join(ends)}"


def run(step: Band | Threshold, context: StepContext) -> Cut:
    """Keeps the rows in the range."""
    rows = context.frame.with_columns(scored(step.score, context))
    stay = _between_quantiles(step, rows) if isinstance(step, Band) else _between(step, rows)
    left = rows.filter(stay).get_column(KEY)
    low, high = left.min(), left.max()
    note = f"{title(step)}: {low:g} to {high:g}" if isinstance(low, float) and isinstance(high, float) else title(step)
    ledger = ledger_rows(
        rows.filter(~stay), scored_rule(step.kind), figure=pl.col(KEY), note=note, id_column="question_id"
    )
    ends = {"lowest": low if isinstance(low, float) else None, "highest": high if isinstance(high, float) else None}
    return Cut(stay, ledger, ends)


def _between(step: Threshold, rows: pl.DataFrame) -> pl.Series:
    score = pl.col(KEY)
    inside = pl.lit(value=True)
    if step.at_least is not None:
        inside = inside & (score >= step.at_least)
    if step.at_most is not None:
        inside = inside & (score <= step.at_most)
    return rows.select(inside.fill_null(value=step.unscored == "keep").alias("stay")).get_column("stay")


def _between_quantiles(step: Band, rows: pl.DataFrame) -> pl.Series:
    """Places are counted in the part or in each source, from 0, over the rows that have a score."""
    known = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE)).filter(pl.col(KEY).is_not_null())
    group = ["source"] if step.within == "source" else []
    ordered = known.sort(_ORDER, maintain_order=True)
    at, count = pl.int_range(pl.len(), dtype=pl.Int64), pl.len()
    if group:
        at, count = at.over(group), count.over(group)
    low, high = (count * step.low).round().cast(pl.Int64), (count * step.high).round().cast(pl.Int64)
    return mask(len(rows), ordered.filter((at >= low) & (at < high)).get_column(_PLACE))
