"""Step `random`: the first rows by (seed, source, question_id, copy), so a smaller draw is part of a larger one.

Ledger rule `random`. Raises nothing.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.draws import draw_keys
from ot_assets.curation.ledgers import ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext, copy_note
from ot_assets.curation.steps.order import KEY, first, limit, names
from ot_assets.registry.specs.select import Random


def title(step: Random) -> str:
    """Its name in the funnel."""
    return f"random {limit(step):,}"


def run(step: Random, context: StepContext) -> Cut:
    """Keeps a random draw."""
    frame = context.frame
    keys = draw_keys(context.seed if step.seed is None else step.seed, "select", names(frame))
    stay = first(frame.with_columns(pl.Series(KEY, keys, dtype=pl.UInt64)), limit(step), [KEY], [False])
    return Cut(stay, ledger_rows(frame.filter(~stay), "random", note=copy_note(), id_column="question_id"))
