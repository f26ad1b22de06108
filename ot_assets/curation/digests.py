"""Digests of many texts at once: BLAKE2b, as `hashlib` has it, several times as fast as a loop over texts.

Belongs here: from texts to one digest each, as 64-bit words (lowest byte first). Contract: the words are
those of `hashlib.blake2b(bytes, digest_size=...)`, for few texts and for many, so they may be kept in files. With 16
bytes two of a million texts fall together with a chance of 1e-27, and nobody can make texts that do. Pure; raises nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.curation.mixing64 import mixed

Longs = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

COMPILED_FROM = 50_000
"""So many texts are hashed in a loop sooner than the compiled code is loaded."""

_AT_ONCE = 25_000
_SEED = np.uint64(0x9E3779B97F4A7C15)


def of_texts(texts: pl.Series | Sequence[str], *, size: int = 16, prefix: bytes = b"") -> Longs:
    """A row of `size` / 8 words a text; hashed is the prefix and the text in UTF-8. A null is as an empty text."""
    return of_bytes(*joined(texts), size=size, prefix=prefix)


def together(one: Longs, other: Longs) -> Longs:
    """For each row a digest of two digests, in this order. Each word is mixed by itself: of digests that differ, two give the
    same with the chance of 128 bits.
    """
    return mixed(mixed(one + _SEED) + other)


def sorted_rows(words: Longs) -> tuple[Ints, Bools]:
    """The rows by ascending digest (of two words), equal ones in the order of the rows; and where each different digest begins
    among them. Several times as fast as a stable sort, for digests of which few are equal.
    """
    order: Ints = np.argsort(words[:, 0])
    first = words[order, 0]
    same = first[1:] == first[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = order[tied]
    order[tied] = rows[np.lexsort((rows, words[rows, 1], words[rows, 0]))]
    begins = np.ones(len(words), np.bool_)
    begins[1:] = ~same
    begins[tied[1:]] |= words[order[tied[1:]], 1] != words[order[tied[1:] - 1], 1]
    return order, begins


def of_bytes(data: Bytes, offsets: Ints, *, size: int = 16, prefix: bytes = b"") -> Longs:
    """A row of `size` / 8 words for each piece data[offsets[i]:offsets[i + 1]]."""
    count = len(offsets) - 1
    if count >= COMPILED_FROM:
        from ot_assets.curation.digests_kernel import hash_all

        words = np.empty((count, size // 8), np.uint64)
        before, cuts = np.frombuffer(prefix, np.uint8), list(range(0, count, _AT_ONCE))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for _ in pool.map(
                lambda at: hash_all(before, data, offsets[at : at + _AT_ONCE + 1], size, words[at : at + _AT_ONCE]),
                cuts,
            ):
                pass
        return words
    view, ends = np.ascontiguousarray(data).data, offsets.tolist()
    made = bytearray()
    for start, end in pairwise(ends):
        made += hashlib.blake2b(prefix + view[start:end], digest_size=size).digest()
    return np.frombuffer(bytes(made), "<u8").reshape(count, size // 8)


def joined(texts: pl.Series | Sequence[str]) -> tuple[Bytes, Ints]:
    """The texts in UTF-8, one after the other, and the offsets that cut them."""
    if isinstance(texts, pl.Series):
        arrow = texts.fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        _, offsets, data = arrow.buffers()
        cuts = np.frombuffer(offsets, np.int64)[arrow.offset : arrow.offset + len(arrow) + 1]
        return (np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)), cuts
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    cuts = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=cuts[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), cuts
