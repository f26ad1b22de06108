"""Hashes of texts without their case and white space, compiled by numba: import it inside a function.

Belongs here: `hash_squeezed`, over UTF-8 that is cut by offsets. ASCII alone is squeezed here; what else is in Unicode is
the caller's. Raises nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ot_assets.compiled import compiled

_SEED, _STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_S32, _S29 = np.uint64(32), np.uint64(29)
# What a byte does to the hash before it, value * times + more: nothing where it is white space. No branch takes time then.
_TIMES, _MORE = np.full(256, _STEP), np.arange(1, 257, dtype=np.uint64)
_MORE[65:91] += np.uint64(32)
_TIMES[[9, 10, 11, 12, 13, 32]], _MORE[[9, 10, 11, 12, 13, 32]] = 1, 0
_TIMES_AS_IT_IS, _MORE_AS_IT_IS = np.full(256, _STEP), np.arange(1, 257, dtype=np.uint64)


@compiled
def hash_squeezed(data: Any, offsets: Any, as_it_is: bool, hashes: Any, plain: Any) -> None:
    """hashes[i] is the hash of piece i in lower case and without white space, or of all its bytes where they are to be taken as
    they are. plain[i] says whether the piece is ASCII; where it is not, only the hash of all its bytes is good.
    """
    times, more = (_TIMES_AS_IT_IS, _MORE_AS_IT_IS) if as_it_is else (_TIMES, _MORE)
    for i in range(len(offsets) - 1):
        value, seen = _SEED, np.uint8(0)
        for at in range(offsets[i], offsets[i + 1]):
            byte = data[at]
            seen |= byte
            value = value * times[byte] + more[byte]
        value = (value ^ (value >> _S32)) * _STEP
        hashes[i], plain[i] = value ^ (value >> _S29), seen < 128
