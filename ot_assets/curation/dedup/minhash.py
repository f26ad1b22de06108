"""MinHash-LSH: texts whose sets of five-character shingles overlap.

Belongs here: `similar_pairs` by Jaccard similarity. Texts are compared in lower case with white space as one space.
Each text has 128 minima of hashed shingles (Broder 1997), cut into bands; texts that agree on a band are looked at
(Indyk and Motwani 1998; Mining of Massive Datasets, ch. 3), and their true Jaccard similarity is then counted, so that
what is found is right: only recall is a matter of chance. Bands are chosen so that a pair at the threshold is missed
less than once in a hundred times. A bucket of more than 1,000 texts is compared with its first text and its neighbours
only, so that a million alike cost no square. Contract: the same texts give the same pairs on any machine; in another
order of texts too, but for pairs that only such a bucket holds. Memory: 512 bytes a text, the pairs that are likely, and
the shingles of the texts of a thousand pairs. Pure; raises nothing.
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
_BATCH_CHARACTERS = 1 << 20
_CROWD = 1_000
_MISSED = 0.01
_BASE = np.uint64(0x9E3779B97F4A7C15)
_PAIRS = 1 << 16
_PAIRS_OF_SETS = 1 << 10


def folded(text: str) -> str:
    """What is compared: lower case, white space as one space."""
    return " ".join(text.casefold().split())


def similar_pairs(
    texts: Sequence[str],
    threshold: float,
    *,
    groups: Hashes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Pairs of places (left < right) whose Jaccard similarity reaches `threshold` percent.

    `groups` has a number for each text: texts of one group meet, others next to never (the caller drops what is left).
    """
    minima = signatures(texts, progress)
    bands = _bands(threshold / 100)
    rows = PERMUTATIONS // bands
    found: list[Hashes] = [np.empty(0, np.uint64)]
    for band in range(bands):
        keys = _bucket_keys(minima[:, band * rows : (band + 1) * rows])
        if groups is not None:
            keys = (keys ^ groups) * _BASE
        found.append(_likely(minima, np.unique(_candidates(keys)), threshold / 100))
    return _verified(texts, np.unique(np.concatenate(found)), threshold)


def signatures(texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Minima:
    """128 minima a text, one row each."""
    from ot_assets.curation.dedup.minhash_kernels import minima

    factors, shifts = _hash_functions()
    rows = np.empty((len(texts), PERMUTATIONS), np.uint32)
    for start, end in _batches(texts):
        some = texts[start:end]
        codes = np.frombuffer("".join(some).encode("utf-32-le", "surrogatepass"), "<u4")
        offsets = np.zeros(len(some) + 1, np.int64)
        np.cumsum([len(text) for text in some], out=offsets[1:])
        minima(codes, offsets, SHINGLE, factors, shifts, rows[start:end])
        if progress is not None:
            progress(end, len(texts))
    return rows


def jaccard(one: str, other: str) -> float:
    """The Jaccard similarity of two texts' shingles, in percent."""
    return _jaccard(_set(one), _set(other))


def _hash_functions() -> tuple[Minima, Minima]:
    """Multiply and add on well mixed hashes, modulo 2**32: odd factors, so that no two hashes fall together."""
    rng = np.random.default_rng(20_110_613)
    factors = rng.integers(0, 1 << 31, PERMUTATIONS, np.uint32) * np.uint32(2) + np.uint32(1)
    return factors, rng.integers(0, 1 << 32, PERMUTATIONS, np.uint32)


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
    two = starts[ends - starts == 2]
    found = [np.minimum(order[two], order[two + 1]) << np.uint64(32) | np.maximum(order[two], order[two + 1])]
    several = np.flatnonzero(ends - starts > 2)
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        members = np.sort(order[start:end])
        if len(members) > _CROWD:
            found.append(members[0] << np.uint64(32) | members[1:])
            found.append(members[:-1] << np.uint64(32) | members[1:])
        else:
            left, right = np.triu_indices(len(members), 1)
            found.append(members[left] << np.uint64(32) | members[right])
    return np.concatenate(found)


def _likely(minima: Minima, pairs: Hashes, threshold: float) -> Hashes:
    """The pairs whose share of equal minima, an estimate of the similarity, is not four deviations below the threshold."""
    need = threshold - 4 * (threshold * (1 - threshold) / PERMUTATIONS) ** 0.5
    left, right = _places(pairs)
    likely = np.empty(len(pairs), bool)
    for start in range(0, len(pairs), _PAIRS):
        span = slice(start, start + _PAIRS)
        likely[span] = (minima[left[span]] == minima[right[span]]).mean(axis=1) >= need
    return pairs[likely]


def _places(pairs: Hashes) -> tuple[Ints, Ints]:
    return (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _verified(texts: Sequence[str], pairs: Hashes, threshold: float) -> Found:
    left, right = _places(pairs)
    similarity = np.empty(len(pairs))
    for start in range(0, len(pairs), _PAIRS_OF_SETS):
        span = slice(start, start + _PAIRS_OF_SETS)
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
