"""Step `dedup`: of rows that are the same one stays.

`exact`: of rows with the same normalised text (the same question_id, so case counts and spacing does not) the first stays, by
the order of the part's sources and then by copy. Rule `dedup`, `lost_to` the survivor's `source/row`. Raises nothing.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.ledgers import ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext, copy_note, mask
from ot_assets.registry.specs.dedup import Dedup

_KEY = "_key"
_PLACE = "_place"


def title(step: Dedup) -> str:
    """Its name in the funnel."""
    return f"dedup {step.method}"


def run(step: Dedup, context: StepContext) -> Cut:
    """Keeps the first row of each text."""
    frame = context.frame
    order = {draw.source: place for place, draw in enumerate(context.part.sources)}
    ranked = frame.select(
        "question_id",
        pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE),
        pl.col("source").replace_strict(order, default=len(order), return_dtype=pl.Int64).alias(_KEY),
        "source",
        "copy",
        pl.format("{}/{}", "source", "source_row").alias("survivor"),
    ).sort(_KEY, "source", "copy", _PLACE)
    first = ranked.unique("question_id", keep="first", maintain_order=True)
    stay = mask(len(frame), first.get_column(_PLACE))
    dropped = frame.filter(~stay).join(first.select("question_id", "survivor"), on="question_id", maintain_order="left")
    ledger = ledger_rows(dropped, "dedup", lost_to=pl.col("survivor"), note=copy_note(), id_column="question_id")
    return Cut(stay, ledger)
