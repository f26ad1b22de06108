"""MinHash-LSH: texts whose sets of five-character shingles overlap.

Belongs here: `similar_pairs` by Jaccard similarity. Texts are compared in lower case with white space as one space.
Each text has 128 minima of hashed shingles (Broder 1997), cut into bands; texts that agree on a band are looked at
(Indyk and Motwani 1998; Mining of Massive Datasets, ch. 3), and their true Jaccard similarity is then counted, so that
what is found is right: only recall is a matter of chance. Bands are chosen so that a pair at the threshold is missed
less than once in a hundred times. Contract: the same texts give the same pairs, in any order of texts and on any
machine. Memory: 512 bytes a text, and the shingles of the texts that are compared. A bucket of more than 1,000 texts is
compared with its first text and its neighbours only, so that a million alike cost no square. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ot_assets.curation.dedup.found import Found

Hashes = npt.NDArray[np.uint64]
Minima = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]

PERMUTATIONS = 128
SHINGLE = 5
_BATCH_CHARACTERS = 1 << 18
_CROWD = 1_000
_MISSED = 0.01
_BASE = np.uint64(0x9E3779B97F4A7C15)
_PAIRS = 1 << 16


def folded(text: str) -> str:
    """What is compared: lower case, white space as one space."""
    return " ".join(text.casefold().split())


def similar_pairs(
    texts: Sequence[str], threshold: float, *, progress: Callable[[int, int], None] | None = None
) -> Found:
    """Pairs of places (left < right) whose Jaccard similarity reaches `threshold` percent."""
    minima = signatures(texts, progress)
    bands = _bands(threshold / 100)
    rows = PERMUTATIONS // bands
    found: list[Hashes] = [np.empty(0, np.uint64)]
    for band in range(bands):
        keys = _bucket_keys(minima[:, band * rows : (band + 1) * rows])
        found.append(np.unique(_candidates(keys)))
    return _verified(texts, np.unique(np.concatenate(found)), threshold)


def signatures(texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Minima:
    """128 minima a text, one row each."""
    factors, offsets = _hash_functions()
    minima = np.empty((len(texts), PERMUTATIONS), np.uint32)
    for start, end in _batches(texts):
        hashes, begins = _shingles(texts[start:end])
        for number, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
            mixed = ((hashes * factor + offset) >> np.uint64(32)).astype(np.uint32)
            minima[start:end, number] = np.minimum.reduceat(mixed, begins)
        if progress is not None:
            progress(end, len(texts))
    return minima


def jaccard(one: str, other: str) -> float:
    """The Jaccard similarity of two texts' shingles, in percent."""
    return _jaccard(_set(one), _set(other))


def _hash_functions() -> tuple[Hashes, Hashes]:
    """Multiply-add-shift, which is 2-universal on 64-bit words (Dietzfelbinger et al. 1997)."""
    rng = np.random.default_rng(20_110_613)
    factors = rng.integers(0, 1 << 63, PERMUTATIONS, np.uint64) * np.uint64(2) + np.uint64(1)
    return factors, rng.integers(0, 1 << 63, PERMUTATIONS, np.uint64)


def _bands(threshold: float) -> int:
    """The fewest bands that find a pair at the threshold 99 times in 100."""
    for bands in (1, 2, 4, 8, 16, 32, 64):
        if (1 - threshold ** (PERMUTATIONS // bands)) ** bands <= _MISSED:
            return bands
    return PERMUTATIONS


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = size = 0
    for place, text in enumerate(texts):
        size += len(text)
        if size >= _BATCH_CHARACTERS:
            yield start, place + 1
            start, size = place + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _shingles(texts: Sequence[str]) -> tuple[Hashes, Ints]:
    """Hashes of the shingles of all texts one after the other, and where each text begins. A text shorter than a shingle is
    one, filled up with zeros.
    """
    joined = "".join(text + "\0" * max(0, SHINGLE - len(text)) for text in texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    sizes = np.maximum(np.fromiter(map(len, texts), np.int64, len(texts)), SHINGLE)
    ends = np.cumsum(sizes)
    hashes = np.zeros(len(codes) - SHINGLE + 1, np.uint64)
    for step in range(SHINGLE):
        hashes = (hashes + codes[step : step + len(hashes)] + np.uint64(1)) * _BASE
        hashes ^= hashes >> np.uint64(29)
    inside = np.ones(len(hashes), bool)
    for step in range(1, SHINGLE):
        across = ends[:-1] - step
        inside[across] = False
    begins = np.concatenate([[0], np.cumsum(sizes - SHINGLE + 1)[:-1]])
    return hashes[inside], begins.astype(np.int64)


def _bucket_keys(band: Minima) -> Hashes:
    keys = np.zeros(len(band), np.uint64)
    for column in range(band.shape[1]):
        keys = (keys ^ band[:, column].astype(np.uint64)) * _BASE
        keys ^= keys >> np.uint64(31)
    return keys


def _candidates(keys: Hashes) -> Hashes:
    """Pairs of places in one bucket, as left << 32 | right."""
    order = np.argsort(keys, kind="stable").astype(np.uint64)
    bounds = np.flatnonzero(np.diff(keys[order]) != 0) + 1
    starts, ends = np.concatenate([[0], bounds]), np.concatenate([bounds, [len(keys)]])
    several = np.flatnonzero(ends - starts > 1)
    found = [np.empty(0, np.uint64)]
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        members = np.sort(order[start:end])
        if len(members) > _CROWD:
            found.append(members[0] << np.uint64(32) | members[1:])
            found.append(members[:-1] << np.uint64(32) | members[1:])
        elif len(members) == 2:
            found.append(members[:1] << np.uint64(32) | members[1:])
        else:
            left, right = np.triu_indices(len(members), 1)
            found.append(members[left] << np.uint64(32) | members[right])
    return np.concatenate(found)


def _verified(texts: Sequence[str], pairs: Hashes, threshold: float) -> Found:
    left = (pairs >> np.uint64(32)).astype(np.int64)
    right = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    similarity = np.empty(len(pairs))
    for start in range(0, len(pairs), _PAIRS):
        span = slice(start, start + _PAIRS)
        sets = {place: _set(texts[place]) for place in np.union1d(left[span], right[span]).tolist()}
        similarity[span] = [
            _jaccard(sets[a], sets[b]) for a, b in zip(left[span].tolist(), right[span].tolist(), strict=True)
        ]
    reach = similarity >= threshold
    return Found(left[reach], right[reach], similarity[reach])


def _set(text: str) -> frozenset[str]:
    return frozenset(text[start : start + SHINGLE] for start in range(max(1, len(text) - SHINGLE + 1)))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return 100 * common / (len(one) + len(other) - common)
