"""Near copies: exactly the pairs of texts whose normalised Indel similarity reaches a threshold.

What belongs here: `similar_pairs`, its result, and what it does before the search itself (`pairs_search`): identical texts are
put together, and pairs that an earlier call found are taken from its cache (`pairs_cache`). Similarity is rapidfuzz's
`fuzz.ratio`: 100 x 2 LCS / (length a + length b), counted in code points.

Contract: the result is that of comparing all pairs; it depends on the texts, the groups and the threshold alone. Identical
texts of one group are one text: it is compared where it stands first, and each later one is paired with the first only, at
100. So the pairs join the same texts as all pairs would, and a million identical rows give a million pairs. Everything else is
bounded by blocks, but the result is not: many texts that really are alike have many pairs, of 24 bytes each. Fails with
ValueError for a threshold outside (0, 100] or lists of unlike length. A cache that cannot be read or written costs time only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ot_assets.curation.dedup.found import nothing

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of places, left < right, each once, ordered by left and then right; similarity in percent."""

    left: Ints
    right: Ints
    similarity: Floats

    def __len__(self) -> int:
        return len(self.left)


def similar_pairs(
    texts: Sequence[str],
    threshold: float,
    *,
    groups: Sequence[int] | Groups | None = None,
    workers: int = -1,
    cache: Path | None = None,
    keys: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pairs:
    """All pairs with `fuzz.ratio(a, b) >= threshold`; of identical texts those with the first of them.

    Args:
        texts: Any texts, of any length.
        threshold: Percent, above 0 up to 100 (equal). The search is made for 90 to 100, and below 85 near the square.
        groups: A number from 0 to 2**64 - 1 for each text; only pairs of one group count. Makes the search faster.
        workers: Threads; -1 means every core that this process may use.
        cache: A folder. Texts that an earlier call compared with each other at this threshold are not compared again.
        keys: A content hash for each text, needed for the cache. Equal keys promise equal texts.
        progress: Called with the number of texts done and that of all; not called where there is little to do.

    Raises:
        ValueError: The threshold is not in (0, 100], or there is not one group or key for each text.
    """
    if not 0 < threshold <= 100:
        raise ValueError(f"the threshold is {threshold}; it is a percentage above 0 and at most 100")
    for name, given in (("groups", groups), ("keys", keys)):
        if given is not None and len(given) != len(texts):
            raise ValueError(f"{len(texts)} texts, but {len(given)} {name}; there is one for each text")
    labels = None if groups is None else np.asarray(groups, np.uint64)
    first = _first_places(texts, labels)
    different = np.flatnonzero(first == np.arange(len(texts)))
    later = np.flatnonzero(first != np.arange(len(texts)))
    found = [Pairs(first[later], later, np.full(len(later), 100.0))]
    if len(different) > 1:
        from ot_assets.curation.dedup.pairs_cache import hashed

        theirs = None if labels is None else labels[different]
        some = different_pairs(
            lambda places: list(map(texts.__getitem__, different[places].tolist())),
            np.fromiter((len(texts[place]) for place in different.tolist()), np.int64, len(different)),
            threshold,
            groups=theirs,
            workers=workers,
            cache=cache,
            keys=None
            if keys is None or cache is None
            else hashed([keys[place] for place in different.tolist()], theirs),
            progress=progress,
        )
        found.append(Pairs(different[some.left], different[some.right], some.similarity))
    return _ordered(found)


def different_pairs(
    texts: Callable[[Ints], list[str]],
    lengths: Ints,
    threshold: float,
    *,
    groups: Groups | None = None,
    workers: int = -1,
    cache: Path | None = None,
    keys: Groups | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pairs:
    """As `similar_pairs`, for texts that are all different within their groups, and that are had when they are needed.

    Args:
        texts: Gives the texts at these places. Asked once, and only for texts that may be in a pair that is not known.
        lengths: Characters of each text.
        threshold: As above.
        groups: As above.
        workers: As above.
        cache: As above.
        keys: Two words for each text and its group, 128 bits that no other text has; needed for the cache.
        progress: As above, of the texts that are asked for.
    """
    from ot_assets.curation.dedup.pairs_cache import PairsCache
    from ot_assets.curation.dedup.pairs_search import Column, search

    if threshold == 100 or len(lengths) < 2:
        return Pairs(*nothing())
    store = None
    known, new = Pairs(*nothing()), np.ones(len(lengths), np.bool_)
    if cache is not None and keys is not None:
        store = PairsCache.open(cache, threshold, keys, grouped=groups is not None)
        known, new = Pairs(*store.known()), store.new
    found = [known]
    meeting = _meeting(lengths, groups, new, threshold) if new.any() else np.empty(0, np.int64)
    if len(meeting) > 1:
        column = Column.of(texts(meeting), None if groups is None else _numbered(groups[meeting]))
        for some in search(column, new[meeting], threshold, _threads(workers), progress):
            found.append(Pairs(meeting[some.left], meeting[some.right], some.similarity))
    pairs = _ordered(found)
    if store is not None and new.any():
        store.write(pairs.left, pairs.right, pairs.similarity)
    return pairs


def _meeting(lengths: Ints, groups: Groups | None, new: npt.NDArray[np.bool_], threshold: float) -> Ints:
    """The places of the new texts, and of those that may reach the threshold with one: of its group, and of fitting length."""
    if new.all():
        return np.arange(len(lengths))
    from ot_assets.curation.dedup.pairs_search import SLACK, stretch

    group = np.zeros(len(lengths), np.int64) if groups is None else np.unique(groups, return_inverse=True)[1]
    width = int(lengths.max(initial=0)) + 1
    there = np.sort(group[new] * width + lengths[new])
    most = stretch(threshold / 100)
    low = np.searchsorted(there, group * width + np.ceil(lengths / most - SLACK).astype(np.int64), "left")
    longest = np.minimum(np.floor(lengths * most + SLACK), width - 1).astype(np.int64)
    high = np.searchsorted(there, group * width + longest, "right")
    return np.flatnonzero((high > low) | new)


def _first_places(texts: Sequence[str], labels: Groups | None) -> Ints:
    """For each text the place where an identical one of its group stands first."""
    seen: dict[object, int] = {}
    named = texts if labels is None else zip(texts, labels.tolist(), strict=True)
    return np.fromiter((seen.setdefault(name, place) for place, name in enumerate(named)), np.int64, len(texts))


def _numbered(labels: Groups) -> Groups:
    """Other numbers for the same groups, spread over 64 bits: they are mixed into the hashes of pieces."""
    _, numbers = np.unique(labels, return_inverse=True)
    return (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD1342543DE82EF95)


def _ordered(found: Sequence[Pairs]) -> Pairs:
    one, two = np.concatenate([some.left for some in found]), np.concatenate([some.right for some in found])
    similarity = np.concatenate([some.similarity for some in found])
    left, right = np.minimum(one, two), np.maximum(one, two)
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], similarity[order])


def _threads(workers: int) -> int:
    return len(os.sched_getaffinity(0)) if workers < 0 else max(1, workers)
