"""Draws that a seed decides row by row: an order made of hashes, not of a generator's state.

Belongs here: the order in which rows are drawn. Contract: a row's place depends on the seed, the scope and its own
name only. So the first n of an order are part of the first m > n, rows that are added do not change the order of the
others, and the order is the same on every machine and in every version. Pure; raises nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def draw_keys(seed: int, scope: str, names: Iterable[str]) -> npt.NDArray[np.uint64]:
    """A uniform 64-bit number for each name. Names that are equal get equal numbers; scopes are independent draws."""
    prefix = hashlib.blake2b(f"{seed}\0{len(scope)}\0{scope}".encode(), digest_size=8)
    digests = bytearray()
    for name in names:
        one = prefix.copy()
        one.update(name.encode("utf-8", "surrogatepass"))
        digests += one.digest()
    return np.frombuffer(bytes(digests), ">u8").astype(np.uint64)


def draw_order(seed: int, scope: str, names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Places of the names in the order in which they are drawn; equal names stay in the order given."""
    return np.argsort(draw_keys(seed, scope, names), kind="stable").astype(np.int64)
