"""Pairs of vectors whose cosine reaches a threshold, exactly, block by block.

Belongs here: the matrix product and what is kept of it. Contract: all pairs, none twice; the figure of a pair is
counted again in double precision, so that it does not depend on blocks or cores. Memory: one block of 64 MiB and the
pairs found. Cost: the square of the number of vectors. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ot_assets.curation.dedup.found import Found, nothing

_ROWS, _COLUMNS = 1_024, 16_384
_SLACK = 1e-4
_PAIRS = 1 << 16


def similar_pairs(
    vectors: npt.NDArray[np.float32], threshold: float, *, progress: Callable[[int, int], None] | None = None
) -> Found:
    """Pairs of places (left < right) with cosine x 100 >= `threshold`. `vectors` has rows of length 1."""
    found = [nothing()]
    need = threshold / 100 - _SLACK
    for start in range(0, len(vectors), _ROWS):
        mine = vectors[start : start + _ROWS]
        for other in range(start, len(vectors), _COLUMNS):
            left, right = np.nonzero(mine @ vectors[other : other + _COLUMNS].T >= need)
            left, right = left + start, right + other
            later = left < right
            found.append(_counted(vectors, left[later], right[later], threshold))
        if progress is not None:
            progress(min(start + _ROWS, len(vectors)), len(vectors))
    return Found(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _counted(
    vectors: npt.NDArray[np.float32], left: npt.NDArray[np.int64], right: npt.NDArray[np.int64], threshold: float
) -> Found:
    similarity = np.empty(len(left))
    for start in range(0, len(left), _PAIRS):
        span = slice(start, start + _PAIRS)
        products = vectors[left[span]].astype(np.float64) * vectors[right[span]]
        similarity[span] = np.minimum(100 * products.sum(axis=1), 100.0)
    # Equal vectors of float32 come to 100 only up to their rounding.
    similarity = np.round(similarity, 4)
    return Found(left, right, similarity).kept(similarity >= threshold)
