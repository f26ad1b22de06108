"""Draws that a seed decides row by row: an order made of hashes, not of a generator's state.

Belongs here: the order in which rows are drawn. Contract: a row's place depends on the seed, the scope and its own
name only. So the first n of an order are part of the first m > n, rows that are added do not change the order of the
others, and the order is the same on every machine and in every version. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.curation import digests


def draw_keys(seed: int, scope: str, names: Iterable[str] | pl.Series) -> npt.NDArray[np.uint64]:
    """A uniform 64-bit number for each name. Names that are equal get equal numbers; scopes are independent draws."""
    some = names if isinstance(names, pl.Series) else list(names)
    words = digests.of_texts(some, size=8, prefix=f"{seed}\0{len(scope)}\0{scope}".encode())
    return words[:, 0].byteswap()


def draw_order(seed: int, scope: str, names: Iterable[str] | pl.Series) -> npt.NDArray[np.int64]:
    """Places of the names in the order in which they are drawn; equal names stay in the order given."""
    return np.argsort(draw_keys(seed, scope, names), kind="stable").astype(np.int64)
