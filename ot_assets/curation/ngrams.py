"""Shared n-grams: which benchmark items have a run of tokens in common with a question.

Belongs here: the index over the items' n-grams and its lookup. Contract: a question matches an item when they share
any run of n tokens; an item of fewer than n tokens is compared whole, that is, the question must hold all its tokens
in a row, or, where the item has fewer than `SHORTEST_RUN` tokens, be nothing but them. n-grams are found by 64-bit
hashes and every reported match is verified on the tokens themselves, so a hash collision cannot drop a question.
Cost: one pass over the question's tokens, whatever the number of items. Pure; raises nothing of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ot_assets.curation.mixing64 import mixed
from ot_assets.curation.vocabulary import Coded

SHORTEST_RUN = 6
"""Items with fewer tokens than this ("What is 2 + 2") stand inside too many innocent questions to count when contained."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


class GramHit(NamedTuple):
    """A question (row) and an item that share n-grams."""

    row: int
    item: int
    shared: int
    """Distinct n-grams of the question that the item has too; 1 for an item compared whole."""
    start: int
    """Where the longest shared stretch starts in the question's tokens."""
    stop: int


@dataclass(frozen=True)
class _Grams:
    """The n-grams of all items that are compared by runs of n tokens: sorted distinct hashes, each with its items."""

    n: int
    hashes: Hashes
    starts: Ints
    items: Ints

    @classmethod
    def build(cls, n: int, members: Sequence[int], ids: Sequence[Ints]) -> _Grams:
        pairs = [np.empty((0, 2), np.uint64)]
        for item in members:
            own = np.unique(window_hashes(ids[item], n))
            pairs.append(np.stack([own, np.full(len(own), item, np.uint64)], axis=1))
        table = np.concatenate(pairs)
        table = table[np.argsort(table[:, 0], kind="stable")]
        hashes, first = np.unique(table[:, 0], return_index=True)
        return cls(n, hashes, np.append(first, len(table)).astype(np.int64), table[:, 1].astype(np.int64))

    def find(self, hashes: Hashes) -> Ints:
        """Index of each hash in `hashes`, or -1."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, np.int64)
        at = np.searchsorted(self.hashes, hashes)
        at[at == len(self.hashes)] = 0
        return np.where(self.hashes[at] == hashes, at, -1)


def window_hashes(ids: Ints, n: int) -> Hashes:
    """A 64-bit polynomial hash of every run of n ids: `len(ids) - n + 1` values, none when the sequence is shorter."""
    count = len(ids) - n + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    spread = mixed(ids.astype(np.uint64) + _FACTOR)  # sums of small ids do not meet by accident
    total = np.zeros(count, np.uint64)
    for k in range(n):
        total = total * _FACTOR + spread[k : k + count]
    return total


class NgramIndex:
    """The n-grams of all benchmark items, in consecutive groups (one group a benchmark).

    `items[i]` are the tokens of item i and `sizes[i]` its n, None for an item that is not compared by n-grams. `bounds` cuts
    the items into groups: group g is items bounds[g] to bounds[g + 1].
    """

    def __init__(self, items: Coded, sizes: Sequence[int | None], bounds: Sequence[int]) -> None:
        self._bounds = list(bounds)
        self._items = len(items)
        self._ids = [items[item] for item in range(len(items))]
        self._runs: dict[int, int] = {}
        self._whole: dict[bytes, list[int]] = defaultdict(list)
        by_size: dict[int, list[int]] = defaultdict(list)
        for item, (ids, size) in enumerate(zip(self._ids, sizes, strict=True)):
            if size is None or not len(ids):
                continue
            if len(ids) < min(size, SHORTEST_RUN):
                self._whole[ids.tobytes()].append(item)
                continue
            self._runs[item] = min(size, len(ids))
            by_size[self._runs[item]].append(item)
        self._grams = [_Grams.build(n, members, self._ids) for n, members in sorted(by_size.items())]

    def hits(self, questions: Coded) -> Iterator[GramHit]:
        """For each question and group, the item that shares most n-grams with it (the first of equals), if any does."""
        found = self._found(questions)
        short = np.flatnonzero(questions.sizes < SHORTEST_RUN).tolist() if self._whole else []
        equal = {row: same for row in short if (same := self._whole.get(questions[row].tobytes()))}
        for row in sorted(found.keys() | equal.keys()):
            yield from self._best(row, questions[row], found.get(row, []), equal.get(row, []))

    def _found(self, questions: Coded) -> dict[int, list[tuple[_Grams, Ints]]]:
        """Row -> the n-grams of items that the row holds, each once; all rows in one pass a table."""
        found: dict[int, list[tuple[_Grams, Ints]]] = defaultdict(list)
        owner = questions.owners
        for grams in self._grams:
            at = grams.find(window_hashes(questions.codes, grams.n))
            # A run that crosses from one text into the next is no run of either.
            at[owner[: len(at)] != owner[grams.n - 1 :]] = -1
            hit = np.flatnonzero(at >= 0)
            places, entries = np.divmod(np.unique(owner[hit] * len(grams.hashes) + at[hit]), max(1, len(grams.hashes)))
            starts = np.flatnonzero(np.diff(places, prepend=-1))
            for row, part in zip(places[starts], np.split(entries, starts[1:]), strict=False):
                found[int(row)].append((grams, part))
        return found

    def _best(
        self, row: int, ids: Ints, found: Sequence[tuple[_Grams, Ints]], equal: Sequence[int]
    ) -> Iterator[GramHit]:
        counts = np.zeros(self._items, np.int64)
        for grams, entries in found:
            counts += np.bincount(_postings(grams, entries), minlength=self._items)
        counts[list(equal)] = 1
        for low, high in pairwise(self._bounds):
            hit = self._verified(row, ids, counts[low:high], low)
            if hit is not None:
                yield hit

    def _verified(self, row: int, ids: Ints, counts: Ints, low: int) -> GramHit | None:
        """The best item of a group whose tokens do match; the loop goes on only after a hash collision."""
        while counts.any():
            best = int(np.argmax(counts))
            hit = self._compare(row, ids, low + best)
            if hit is not None:
                return hit
            counts[best] = 0
        return None

    def _compare(self, row: int, ids: Ints, item: int) -> GramHit | None:
        n = self._runs.get(item)
        if n is None:  # compared whole, by its tokens: nothing is left to verify
            return GramHit(row, item, 1, 0, len(ids))
        theirs = set(_windows(self._ids[item], n))
        mine = list(_windows(ids, n))
        shared = [gram in theirs for gram in mine]
        if not any(shared):
            return None
        start, length = _longest(shared)
        return GramHit(row, item, len(theirs.intersection(mine)), start, start + length + n - 1)


def _postings(grams: _Grams, entries: Ints) -> Ints:
    """The items of the given hashes, one after the other."""
    starts, stops = grams.starts[entries], grams.starts[entries + 1]
    lengths = stops - starts
    offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    places: Ints = offsets + np.arange(int(lengths.sum()))
    return grams.items[places]


def _windows(ids: Ints, n: int) -> Iterator[bytes]:
    raw = ids.tobytes()
    width = ids.itemsize
    return (raw[i * width : (i + n) * width] for i in range(len(ids) - n + 1))


def _longest(flags: Sequence[Any]) -> tuple[int, int]:
    """Start and length of the longest run of true values (the first of equals)."""
    best, start = (0, 0), 0
    for i, flag in enumerate([*flags, False]):
        if not flag:
            if i - start > best[1]:
                best = (start, i - start)
            start = i + 1
    return best
