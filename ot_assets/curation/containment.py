"""Containment: which benchmark items stand inside a longer question, changed a little.

Belongs here: the rule and its exact search. Contract: a question contains an item of at least `SHORTEST` tokens when
the normalised Indel similarity x 100 of the item's tokens and some stretch of the question reaches the item's threshold,
as rapidfuzz `fuzz.partial_ratio` finds it: the best of the stretches of as many tokens as the item has, and of the
shorter ones at the question's ends. Tokens, not characters, are compared: unlike texts of the same language share most
of their characters in order, but few of their words. A question with no more tokens than the item contains nothing.

A stretch that reaches similarity s shares at least ceil(s x m / (200 - s)) of the item's m tokens as a bag (it may be
shorter, down to s m / (200 - s), and then holds nothing else), so the question does too. A question is compared only
with items of which it holds enough tokens, and the common ones are not even counted: if r of m tokens must be there,
then at least k of any m - r + k of them must be. Cost: one pass over the question's rarer tokens. Memory: the pairs
that share a rare token, chunk by chunk. Pure; raises nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from ot_assets.curation.vocabulary import Coded

SHORTEST = 13
"""Items with fewer tokens ("Which of the following is not true?") are too short to be told from an innocent phrase by a part
of them: measured with 8, one question in twenty of another medical exam was taken for an item; with 13, none."""

_CHUNK = 1_000
_COUNTED = 0.25
_SLACK = 1e-6
# rapidfuzz rounds its cut-off; what comes is compared again.
_CUT = 0.01
_SURROGATES = 0xD800

Ints = npt.NDArray[np.int64]


class Contained(NamedTuple):
    """A question (row) and the item that it contains most of."""

    row: int
    item: int
    similarity: float
    """Normalised Indel similarity x 100 of the item's tokens and the stretch."""
    start: int
    """Where the stretch starts in the question's tokens."""
    stop: int


def needed(tokens: int, threshold: float) -> int:
    """Of an item of so many tokens, how many any stretch that reaches the threshold must hold."""
    return max(1, ceil(threshold * tokens / (200 - threshold) - _SLACK))


class ContainmentIndex:
    """All benchmark items, in consecutive groups (one group a benchmark).

    `thresholds[i]` is the similarity (0..100] from which item i counts, None for never; `bounds` cuts the items into groups.
    """

    def __init__(self, items: Coded, thresholds: Sequence[float | None], bounds: Sequence[int]) -> None:
        self._bounds = np.array(bounds)
        own = [items[item].tolist() for item in range(len(items))]
        self._texts = [_letters(items[item]) for item in range(len(items))]
        self._thresholds = [
            limit if limit is not None and len(text) >= SHORTEST else None
            for limit, text in zip(thresholds, own, strict=True)
        ]
        self._lengths = items.sizes
        self._least = np.full(len(own), np.iinfo(np.int32).max, np.int64)
        self._columns = np.empty(0, np.int64)
        """Feature -> row of the table, -1 for one that is not counted."""
        self._counted = np.zeros(0, np.bool_)
        """Number of a token -> whether any feature of it is counted."""
        self._table = self._build(own, items)

    def _build(self, own: Sequence[Sequence[int]], items: Coded) -> Any:
        """Sparse matrix: feature (a token's first, second, ... time) x item, of the features that are counted."""
        from scipy.sparse import csr_array

        chosen = np.array([limit is not None for limit in self._thresholds], np.bool_)
        sizes = np.where(chosen, items.sizes, 0)
        there = chosen[items.owners]
        flat, owner = items.codes[there], items.owners[there]
        times = _times(flat, owner)
        most = np.zeros(int(items.codes.max(initial=0)) + 1, np.int64)
        np.maximum.at(most, flat, times + 1)
        self._first = np.concatenate([[0], np.cumsum(most)])
        features = self._first[flat] + times
        often = np.bincount(features, minlength=int(self._first[-1]))
        rows, columns = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        ends = np.cumsum(sizes).tolist()
        for item, (limit, end) in enumerate(zip(self._thresholds, ends, strict=True)):
            if limit is None:
                continue
            size = len(own[item])
            need = needed(size, limit)
            self._least[item] = least = max(1, round(need * _COUNTED))
            mine = features[end - size : end]
            rare = mine[np.lexsort((mine, often[mine]))][: size - need + least]
            rows.append(rare)
            columns.append(np.full(len(rare), item))
        known, at = np.unique(np.concatenate(rows), return_inverse=True)
        self._columns = np.full(len(often), -1, np.int64)
        self._columns[known] = np.arange(len(known))
        self._counted = np.zeros(len(most), np.bool_)
        self._counted[np.searchsorted(self._first, known, "right") - 1] = True
        shape = (max(1, len(known)), max(1, len(own)))
        return csr_array((np.ones(len(at), np.int32), (at, np.concatenate(columns))), shape=shape)

    def hits(self, questions: Coded) -> Iterator[Contained]:
        """For each question and group, the item that it contains most of (the first of equals), if it does any."""
        if not self._table.nnz:
            return
        for start in range(0, len(questions), _CHUNK):
            yield from self._chunk(start, questions.part(start, min(start + _CHUNK, len(questions))))

    def _chunk(self, start: int, read: Coded) -> Iterator[Contained]:
        rows, items = self._candidates(read)
        best: dict[tuple[int, int], tuple[float, int]] = {}
        texts: dict[int, str] = {}
        groups = np.searchsorted(self._bounds, items, "right").tolist()
        for row, item, group in zip(rows.tolist(), items.tolist(), groups, strict=True):
            limit = self._thresholds[item]
            assert limit is not None
            text = texts.get(row)
            if text is None:
                text = texts[row] = _letters(read[row])
            figure = fuzz.partial_ratio(self._texts[item], text, score_cutoff=max(0.0, limit - _CUT))
            if figure >= limit and (figure, -item) > best.get((row, group), (0.0, 0)):
                best[row, group] = figure, -item
        for (row, _), (figure, item) in sorted(best.items()):
            at = fuzz.partial_ratio_alignment(self._texts[-item], texts[row])
            assert at is not None
            yield Contained(start + row, -item, figure, at.dest_start, at.dest_end)

    def _candidates(self, read: Coded) -> tuple[Ints, Ints]:
        """(rows, items) that share enough of the counted features, the question longer than the item."""
        from scipy.sparse import csr_array

        counted = self._counted[read.codes]
        flat, owner = read.codes[counted], read.owners[counted]
        times = _times(flat, owner)
        there = times < self._first[flat + 1] - self._first[flat]
        columns, owner = self._columns[(self._first[flat] + times)[there]], owner[there]
        columns, owner = columns[columns >= 0], owner[columns >= 0]
        ends = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(read)))])
        shape = (len(read), self._table.shape[0])
        shared = csr_array((np.ones(len(columns), np.int32), columns, ends), shape=shape) @ self._table
        items = shared.indices.astype(np.int64)
        rows = np.repeat(np.arange(len(read)), np.diff(shared.indptr))
        stay = (shared.data >= self._least[items]) & (read.sizes[rows] > self._lengths[items])
        return rows[stay], items[stay]


def _times(flat: Ints, owner: Ints) -> Ints:
    """How often each code stood before in its text."""
    keys = owner * (int(flat.max(initial=0)) + 1) + flat
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    times = np.empty(len(flat), np.int64)
    times[order] = np.arange(len(flat)) - np.repeat(starts, np.diff(starts, append=len(flat)))
    return times


def _letters(codes: Ints) -> str:
    """A character a token, so that rapidfuzz compares tokens; surrogates are no characters."""
    points = np.where(codes < _SURROGATES, codes, codes + 0x800)
    return points.astype("<u4").tobytes().decode("utf-32-le")
