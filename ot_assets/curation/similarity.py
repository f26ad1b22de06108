"""Indel similarity: which benchmark items a question is nearly equal to.

Belongs here: the exact search for pairs whose normalised Indel similarity x 100 (rapidfuzz `fuzz.ratio`) reaches a
threshold. Contract: the answer equals that of comparing every pair; the filters before the comparison only drop pairs
that cannot reach the threshold. Indel similarity is 2 LCS / (length a + length b), so every upper bound of the
longest common subsequence (LCS) is a bound of it:

* LCS <= the shorter length;
* LCS <= the characters in common, counted with repeats (as a bag);
* LCS <= the sum, over classes that the characters are split into, of the LCS of the texts reduced to one class,
  because a common subsequence falls apart into one a class. Reduced texts are short, and on unlike texts this bound
  is close.

Cost: on prose of 150 to 600 characters about a tenth of comparing all pairs; texts made from one template, which
really are alike, gain nothing. Memory: one chunk of questions times the items of fitting length. Pure; raises nothing
of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process
from rapidfuzz.distance import LCSseq

_CHUNK = 256
_BUCKETS = 128
_CLASSES = 3
_SIMD = 64
_SLACK = 1e-6
_MANY = 0.5
_USELESS = 0.8

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class IndelHit(NamedTuple):
    """A question (row) and the item most similar to it."""

    row: int
    item: int
    similarity: float
    """Normalised Indel similarity x 100."""


class _Texts:
    """Texts with what the bounds need: lengths, character counts by class, and the texts reduced to each class."""

    def __init__(self, texts: Sequence[str], classes: Ints) -> None:
        self.texts = texts
        self.lengths = np.array([len(text) for text in texts], np.int64)
        self.counts = np.zeros((len(texts), _BUCKETS), np.float64)
        self.reduced: list[list[str]] = [[] for _ in range(_CLASSES)]
        for row, text in enumerate(texts):
            codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
            buckets = codes % _BUCKETS
            self.counts[row] = np.bincount(buckets, minlength=_BUCKETS)
            kind = classes[buckets]
            for k in range(_CLASSES):
                self.reduced[k].append(codes[kind == k].tobytes().decode("utf-32-le", "surrogatepass"))


class IndelIndex:
    """All benchmark items with their thresholds, in consecutive groups (one group a benchmark).

    `thresholds[i]` is the similarity (0..100] from which item i counts, None for never; `bounds` cuts the items into groups.
    `workers` threads compare; -1 means every core.
    """

    def __init__(
        self, texts: Sequence[str], thresholds: Sequence[float | None], bounds: Sequence[int], workers: int = -1
    ) -> None:
        self._bounds = np.array(bounds)
        self._workers = workers
        self._classes = _balanced_classes(texts)
        self._tables: list[tuple[float, Ints, _Texts]] = []
        for threshold in sorted({value for value in thresholds if value is not None}):
            members = [item for item, value in enumerate(thresholds) if value == threshold]
            members.sort(key=lambda item: (len(texts[item]), item))
            table = _Texts([texts[item] for item in members], self._classes)
            self._tables.append((threshold, np.array(members), table))

    def hits(self, questions: Sequence[str]) -> Iterator[IndelHit]:
        """For each question and group, the most similar item (the first of equals), if it reaches the threshold."""
        order = sorted(range(len(questions)), key=lambda row: len(questions[row]))
        for start in range(0, len(order), _CHUNK):
            rows = np.array(order[start : start + _CHUNK])
            chunk = _Texts([questions[row] for row in rows], self._classes)
            yield from self._chunk_hits(rows, chunk)

    def _chunk_hits(self, rows: Ints, chunk: _Texts) -> Iterator[IndelHit]:
        found = [np.empty((0, 3))]
        for threshold, members, table in self._tables:
            mine, theirs, similarity = self._reaching(threshold, chunk, table)
            found.append(np.stack([rows[mine], members[theirs], similarity], axis=1))
        yield from _best(np.concatenate(found), self._bounds)

    def _reaching(self, threshold: float, chunk: _Texts, table: _Texts) -> tuple[Ints, Ints, Floats]:
        """Pairs (place in the chunk, place in the table) at or above the threshold, and their similarity."""
        low, high = _window(threshold, chunk.lengths, table.lengths)
        if low == high:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        if max(chunk.lengths[-1], table.lengths[high - 1]) <= _SIMD:
            return self._compare_all(threshold, chunk, table, low, high)
        mine, theirs = self._candidates(threshold, chunk, table, low, high)
        if len(mine) > _MANY * len(chunk.lengths) * (high - low):
            return self._compare_all(threshold, chunk, table, low, high)
        similarity = process.cpdist(
            _taken(chunk.texts, mine),
            _taken(table.texts, theirs),
            scorer=fuzz.ratio,
            score_cutoff=threshold - _SLACK,  # the rounding of the cut-off is not ours to decide by
            dtype=np.float64,
            workers=self._workers,
        )
        reach = similarity >= threshold
        return mine[reach], theirs[reach], similarity[reach]

    def _compare_all(
        self, threshold: float, chunk: _Texts, table: _Texts, low: int, high: int
    ) -> tuple[Ints, Ints, Floats]:
        """Every pair at once: for texts so short that rapidfuzz packs several into a vector register, which no filter can
        beat, and for texts that are alike, of which no filter drops enough.
        """
        scores = process.cdist(
            chunk.texts,
            table.texts[low:high],
            scorer=fuzz.ratio,
            score_cutoff=threshold - _SLACK,
            dtype=np.float64,
            workers=self._workers,
        )
        mine, theirs = np.nonzero(scores >= threshold)
        return mine, theirs + low, scores[mine, theirs]

    def _candidates(self, threshold: float, chunk: _Texts, table: _Texts, low: int, high: int) -> tuple[Ints, Ints]:
        """Pairs that the bounds leave: first by bags of characters, then class by class with the real LCS of that class."""
        from scipy.spatial.distance import cdist

        sums = chunk.lengths[:, None] + table.lengths[None, low:high]
        need = threshold * sums / 200 - _SLACK
        bags = []
        for k in range(_CLASSES):
            columns = self._classes == k
            mine, theirs = chunk.counts[:, columns], table.counts[low:high, columns]
            size = mine.sum(axis=1)[:, None] + theirs.sum(axis=1)[None, :]
            bags.append((size - cdist(mine, theirs, "cityblock")) / 2)
        bound = np.sum(bags, axis=0)
        first, second = np.nonzero(bound >= need)
        for k in range(_CLASSES):
            if not len(first):
                break
            common = process.cpdist(
                _taken(chunk.reduced[k], first),
                _taken(table.reduced[k], second + low),
                scorer=LCSseq.similarity,
                dtype=np.int32,
                workers=self._workers,
            )
            bound[first, second] += common - bags[k][first, second]
            stay = bound[first, second] >= need[first, second]
            first, second = first[stay], second[stay]
            if stay.mean() > _USELESS:  # texts that are alike: the other classes would not help either
                break
        return first, second + low


def _taken(texts: Sequence[str], places: Ints) -> list[str]:
    return list(map(texts.__getitem__, places.tolist()))


def _window(threshold: float, lengths: Ints, sorted_lengths: Ints) -> tuple[int, int]:
    """The table's rows whose length can reach the threshold with any text of the chunk (lengths ascending in both)."""
    share = threshold / 100
    # 2 min / (min + max) >= share  <=>  max <= min (2 - share) / share
    stretch = (2 - share) / share
    low = np.searchsorted(sorted_lengths, lengths[0] / stretch - _SLACK, "left")
    high = np.searchsorted(sorted_lengths, lengths[-1] * stretch + _SLACK, "right")
    return int(low), int(max(low, high))


def _best(found: Floats, bounds: Ints) -> Iterator[IndelHit]:
    """Of (row, item, similarity) the most similar item of each row and group, lowest item first among equals."""
    group = np.searchsorted(bounds, found[:, 1], "right")
    order = np.lexsort((found[:, 1], -found[:, 2], group, found[:, 0]))
    rows, groups = found[order, 0], group[order]
    first = (np.diff(rows, prepend=-1) != 0) | (np.diff(groups, prepend=-1) != 0)
    for row, item, similarity in found[order[first]].tolist():
        yield IndelHit(int(row), int(item), similarity)


def _balanced_classes(texts: Sequence[str]) -> Ints:
    """Splits the character buckets into classes that hold about the same share of the items' characters."""
    counts = np.zeros(_BUCKETS, np.int64)
    for text in texts:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        counts += np.bincount(codes % _BUCKETS, minlength=_BUCKETS)
    classes = np.zeros(_BUCKETS, np.int64)
    load = [0] * _CLASSES
    for bucket in np.argsort(-counts, kind="stable"):
        lightest = load.index(min(load))
        classes[bucket] = lightest
        load[lightest] += int(counts[bucket])
    return classes
