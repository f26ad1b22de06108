"""Indel similarity: which benchmark items a question is nearly equal to.

Belongs here: the exact search for pairs whose normalised Indel similarity x 100 (rapidfuzz `fuzz.ratio`) reaches a
threshold. Contract: the answer equals that of comparing every pair. Indel similarity is 2 LCS / (length a + length b), so
every upper bound of the longest common subsequence (LCS) is a bound of it: `similarity_lanes` drops pairs by such bounds
before rapidfuzz compares the rest.

The first pairs are compared without it, those of fitting length: compiled code takes longer to load than a few hundred
thousand comparisons. Memory: a copy of the chunk's letters for each length class of items, and one block's pairs a thread.
Pure; raises nothing of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from ot_assets.curation.similarity_lanes import LaneIndex

COMPILED_FROM = 600_000
"""Pairs that one index compares plainly before it takes the compiled search."""

_CHUNK = 5_000
_PLAIN_CHUNK = 256
_SLACK = 1e-6
# rapidfuzz rounds its cut-off, so that a ratio exactly at it may be lost: it is put lower, and what comes is compared again.
_CUT = 0.01

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class IndelHit(NamedTuple):
    """A question (row) and the item most similar to it."""

    row: int
    item: int
    similarity: float
    """Normalised Indel similarity x 100."""


class IndelIndex:
    """All benchmark items with their thresholds, in consecutive groups (one group a benchmark).

    `thresholds[i]` is the similarity (0..100] from which item i counts, None for never; `bounds` cuts the items into groups.
    `workers` threads compare; -1 means every core.
    """

    def __init__(
        self, texts: Sequence[str], thresholds: Sequence[float | None], bounds: Sequence[int], workers: int = -1
    ) -> None:
        self._texts = texts
        self._thresholds = thresholds
        self._bounds = np.array(bounds)
        self._workers = workers
        self._limits = np.array([np.inf if value is None else value for value in thresholds])
        self._lanes: LaneIndex | None = None
        self._compared = 0

    def hits(self, questions: Sequence[str]) -> Iterator[IndelHit]:
        """For each question and group, the most similar item (the first of equals), if it reaches the threshold."""
        for start in range(0, len(questions), _CHUNK):
            chunk = questions[start : start + _CHUNK]
            found = [np.empty((0, 3))]
            for rows, items in self._pairs(chunk):
                similarity = self._compared_pairs(chunk, rows, items)
                reach = similarity >= self._limits[items]
                found.append(np.stack([rows[reach] + start, items[reach], similarity[reach]], axis=1))
                if len(found) > 64:  # what is kept is one pair a question and group, however many there are
                    found = [best(np.concatenate(found), self._bounds)]
            for row, item, similarity_ in best(np.concatenate(found), self._bounds).tolist():
                yield IndelHit(int(row), int(item), similarity_)

    def _pairs(self, questions: Sequence[str]) -> Iterator[tuple[Ints, Ints]]:
        """Pairs (rows, items) among which all those are that reach their thresholds."""
        if self._compared <= COMPILED_FROM:
            self._compared += len(questions) * len(self._texts)
        if self._compared <= COMPILED_FROM:
            return self._plain(questions)
        if self._lanes is None:
            workers = self._workers if self._workers > 0 else os.cpu_count() or 1
            self._lanes = LaneIndex(self._texts, self._thresholds, workers)
        return self._lanes.candidates(questions)

    def _plain(self, questions: Sequence[str]) -> Iterator[tuple[Ints, Ints]]:
        """Every pair that reaches its threshold, from comparing all; the shortest questions first, against items of
        fitting length.
        """
        order = np.array(sorted(range(len(questions)), key=lambda row: len(questions[row])), np.int64)
        for threshold in sorted(set(self._limits[np.isfinite(self._limits)].tolist())):
            members = np.flatnonzero(self._limits == threshold)
            lengths = np.array([len(self._texts[item]) for item in members.tolist()])
            members = members[np.argsort(lengths, kind="stable")]
            lengths.sort()
            for start in range(0, len(order), _PLAIN_CHUNK):
                rows = order[start : start + _PLAIN_CHUNK]
                shortest, longest = len(questions[int(rows[0])]), len(questions[int(rows[-1])])
                low, high = window(threshold, shortest, longest, lengths)
                if low < high:
                    yield self._plain_chunk(threshold, questions, rows, members[low:high])

    def _plain_chunk(self, threshold: float, questions: Sequence[str], rows: Ints, items: Ints) -> tuple[Ints, Ints]:
        scores = process.cdist(
            [questions[row] for row in rows.tolist()],
            [self._texts[item] for item in items.tolist()],
            scorer=fuzz.ratio,
            score_cutoff=max(0.0, threshold - _CUT),
            dtype=np.float32,
            workers=self._workers,
        )
        mine, theirs = np.nonzero(scores)
        return rows[mine], items[theirs]

    def _compared_pairs(self, questions: Sequence[str], rows: Ints, items: Ints) -> Floats:
        limits = self._limits[items]
        return np.asarray(
            process.cpdist(
                [questions[row] for row in rows.tolist()],
                [self._texts[item] for item in items.tolist()],
                scorer=fuzz.ratio,
                score_cutoff=max(0.0, float(limits.min()) - _CUT) if len(limits) else None,
                dtype=np.float64,
                workers=self._workers,
            )
        )


def window(threshold: float, shortest: int, longest: int, lengths: Ints) -> tuple[int, int]:
    """Which of `lengths` (ascending) can reach the threshold with a text of `shortest` to `longest` characters."""
    share = threshold / 100
    # 2 min / (min + max) >= share  <=>  max <= min (2 - share) / share
    stretch = (2 - share) / share
    low = np.searchsorted(lengths, shortest / stretch - _SLACK, "left")
    high = np.searchsorted(lengths, longest * stretch + _SLACK, "right")
    return int(low), int(max(low, high))


def best(found: Floats, bounds: Ints) -> Floats:
    """Of rows (row, item, figure) the one with the highest figure for each row and group, the first item of equals."""
    group = np.searchsorted(bounds, found[:, 1], "right")
    order = np.lexsort((found[:, 1], -found[:, 2], group, found[:, 0]))
    rows, groups = found[order, 0], group[order]
    first = (np.diff(rows, prepend=-1) != 0) | (np.diff(groups, prepend=-1) != 0)
    chosen: Floats = found[order[first]]
    return chosen
