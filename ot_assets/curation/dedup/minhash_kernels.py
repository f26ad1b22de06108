"""The inner loop of MinHash, compiled by numba. Imported inside functions only: numba takes about a second.

Belongs here: `minima`. It allocates nothing by the number of texts and runs without Python's lock. Raises nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ot_assets.compiled import compiled

_BASE = np.uint64(0x9E3779B97F4A7C15)
_HIGH = np.uint64(32)
_ONE = np.uint64(1)
_MIX = np.uint64(29)


@compiled
def minima(
    codes: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    size: int,
    factors: npt.NDArray[np.uint32],
    shifts: npt.NDArray[np.uint32],
    out: npt.NDArray[np.uint32],
) -> None:
    """Fills `out[text, k]` with the smallest of `factors[k] * h + shifts[k]` modulo 2**32 over the hashes h of the text's
    shingles of `size` characters. A text shorter than a shingle is one.
    """
    functions = len(factors)
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        row = out[text]
        row[:] = np.uint32(0xFFFFFFFF)
        for place in range(start, max(start + 1, end - size + 1)):
            mixed = np.uint64(0)
            for code in codes[place : min(place + size, end)]:
                mixed = (mixed + np.uint64(code) + _ONE) * _BASE
                mixed ^= mixed >> _MIX
            short = np.uint32(mixed >> _HIGH)
            for k in range(functions):
                value = np.uint32(factors[k] * short + shifts[k])
                if value < row[k]:
                    row[k] = value
