"""The first rows of an order: what `top`, `random` and their kin have in common.

Pure; works on masks over a frame, so that the pool's order stays. `limit` alone can fail.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.steps.context import mask
from ot_assets.registry.specs.select import Bottom, Random, Stratified, Top

KEY = "_key"
_PLACE = "_place"


def limit(step: Top | Bottom | Random | Stratified) -> int:
    """The rows that a step keeps. `ValueError` where only the recipe says them: run what `RecipeSpec.exact_parts` gives."""
    if step.rows is None:
        raise ValueError(f"a step {step.kind} without rows was not filled in by its recipe")
    return step.rows


def first(frame: pl.DataFrame, rows: int, by: list[str], descending: list[bool]) -> pl.Series:
    """A mask of the first `rows` rows in the given order, nulls last."""
    placed = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE))
    order = placed.sort(by, descending=descending, nulls_last=True, maintain_order=True).get_column(_PLACE)
    return mask(len(frame), order.head(rows))


def names(frame: pl.DataFrame) -> pl.Series:
    """What tells a row of a pool from all others, as text."""
    return frame.select(pl.format("{}\0{}\0{}", "source", "question_id", "copy")).to_series()
