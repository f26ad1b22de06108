"""Who stays of rows that are the same.

Belongs here: the one rule for it: the source that the part names first; then a row with a gold answer; then the longest
question; then the smaller question_id; then the smaller copy. So a source that is added at the end of a part takes no
survivor away from the others. Contract: ranks are all different and do not depend on the rows' order. Pure; raises
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]


def ranks(
    frame: pl.DataFrame, sources: Sequence[str], *, gold: pl.Series | None = None, length: pl.Series | None = None
) -> Ints:
    """The rank of each row, 0 the best. `frame` has question_id, source and copy; `sources` is the part's order. Without `gold`
    (Boolean) and `length` those rules are passed over.
    """
    place = {source: number for number, source in enumerate(sources)}
    keys = frame.select(
        pl.col("source").replace_strict(place, default=len(place), return_dtype=pl.Int64).alias("_order"),
        "source",
        (pl.lit(False) if gold is None else pl.lit(~gold)).alias("_no_gold"),
        (pl.lit(0) if length is None else pl.lit(-length)).alias("_shorter"),
        "question_id",
        "copy",
        pl.int_range(pl.len(), dtype=pl.Int64).alias("_place"),
    )
    order = keys.sort("_order", "source", "_no_gold", "_shorter", "question_id", "copy", "_place").get_column("_place")
    ranked = np.empty(len(frame), np.int64)
    ranked[order.to_numpy()] = np.arange(len(frame))
    return ranked
