"""The search for near copies among different texts: what is looked up, in which order, on how many threads.

What belongs here: `search`, which yields exactly the pairs of texts whose normalised Indel similarity x 100 (rapidfuzz
`fuzz.ratio`) reaches a threshold t, and which have a new text in them. How it finds them without comparing all:

1. Two texts of lengths m and n reach t only if one becomes the other by at most (1 - t/100)(m + n) insertions and deletions.
   One edit touches at most one of several disjoint pieces of a text. So of more pieces than edits at least one stays whole,
   and stands in the other text, moved by no more than the edits before it. (Partition filter: Li, Deng, Wang and Feng,
   Pass-Join, VLDB 2011; disjoint pieces chosen by their rarity: Deng, Li and Feng, pivotal prefix, SIGMOD 2014.)
2. Each text is indexed by as many such pieces as it needs, of two lengths, chosen by dynamic programming so that
   together they occur as rarely as can be in a sample of all texts. Every piece of every text is looked up among them.
3. A pair that meets is dropped if its bags of characters differ by more than the edits, else rapidfuzz compares it.
4. Texts that cannot be cut into enough pieces (short ones, low thresholds), or whose pieces are in most other texts (one
   template), are compared by their bags with every text of fitting length. So the worst case is the square of the number of
   texts with a few nanoseconds a pair, and rapidfuzz for the pairs that are really alike.

In a first search the longer text of a pair is the indexed one, which needs the fewest pieces. When texts are added only they
are indexed, with more pieces (enough for longer partners too), and all texts look them up: a pass over the old texts that
touches little memory. Contract: texts are different from each other (within a group); the order of results is any. Memory: the
index (about 16 bytes a piece, a piece every ten characters at t = 95), 64 bytes a text, and blocks. Raises what rapidfuzz and
numba raise; when the consumer stops or Ctrl-C comes, threads end after their block.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from ot_assets.curation.dedup.found import Found

if TYPE_CHECKING:
    from types import ModuleType

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

FEW = 1_000_000
"""So many pairs are compared outright."""
_CHARACTERS = 1_000_000
_ROWS = 1 << 16
_SAMPLE = 3_000_000
SLACK = 1e-6
"""Lengths are rounded in favour of a pair by this."""
_LONG = 4_096
_CUT = 0.01
"""How much lower rapidfuzz's own cut-off is put: it is rounded there, and a ratio of exactly 93 is below a cut-off of 93."""

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Column:
    """Different texts, ordered by length. `order[r]` is the place of the r-th; `groups` are numbers > 0, or all 0."""

    texts: Sequence[str]
    order: Ints
    sizes: Ints
    groups: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, texts: Sequence[str], groups: npt.NDArray[np.uint64] | None) -> Column:
        """The texts in order, each with its group."""
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        order = np.argsort(sizes, kind="stable")
        chosen = np.zeros(len(texts), np.uint64) if groups is None else groups[order]
        return cls(texts, order, sizes[order], chosen)

    def some(self, ranks: Ints) -> list[str]:
        """The texts of these ranks."""
        return list(map(self.texts.__getitem__, self.order[ranks].tolist()))

    def codes(self, ranks: Ints) -> tuple[npt.NDArray[np.uint32], Ints]:
        """The texts of these ranks as one array of code points, and the offsets that cut it."""
        joined = "".join(self.some(ranks)).encode("utf-32-le", "surrogatepass")
        return np.frombuffer(joined, "<u4"), np.concatenate([[0], np.cumsum(self.sizes[ranks])])

    def blocks(self, ranks: Ints) -> list[Ints]:
        """The ranks, cut so that a block has about `_CHARACTERS` characters or is one text."""
        block = np.cumsum(self.sizes[ranks] + 1) // _CHARACTERS
        return np.split(ranks, np.flatnonzero(np.diff(block)) + 1) if len(ranks) else []


@dataclass(frozen=True)
class Windows:
    """For each text (by rank) the indexed texts low <= j < high that it is to be compared with."""

    ranks: Ints
    """Of the indexed texts, ascending."""
    low: Ints
    high: Ints

    @classmethod
    def of(cls, sizes: Ints, new: npt.NDArray[np.bool_], share: float) -> Windows:
        """Indexed are the new texts. A new text meets those after it, an old one all whose length can reach the threshold."""
        ranks = np.flatnonzero(new)
        most = stretch(share)
        low = np.searchsorted(sizes[ranks], sizes / most - SLACK, "left")
        high = np.searchsorted(sizes[ranks], sizes * most + SLACK, "right")
        low[ranks] = np.arange(1, len(ranks) + 1)
        return cls(ranks, low, np.maximum(low, high))


def stretch(share: float) -> float:
    """How many times as long as the other a text of a pair can be, where they are to reach this share of 1."""
    return (2 - share) / share


def search(
    column: Column,
    new: npt.NDArray[np.bool_],
    threshold: float,
    workers: int,
    progress: Progress | None,
) -> Iterator[Found]:
    """Blocks of all pairs at or above the threshold that have a text with `new` (by place) in them, left and right as it
    comes.
    """
    new = new[column.order]
    windows = Windows.of(column.sizes, new, threshold / 100)
    if int((windows.high - windows.low).sum()) <= FEW:
        yield from _outright(column, windows, threshold, workers)
        return
    index = Index.of(column, windows, bool(new.all()), threshold, workers)
    done, total = 0, len(column.sizes)
    ranks = np.flatnonzero(windows.low < windows.high)
    with _Pool(workers) as pool:
        for looked_up, found in pool.map(index.look_up, column.blocks(ranks)):
            yield from found
            done += looked_up
            if progress is not None:
                progress(done + total - len(ranks), total)


def _outright(column: Column, windows: Windows, threshold: float, workers: int) -> Iterator[Found]:
    """Compares every pair of fitting length, in blocks."""
    ranks = np.flatnonzero(windows.low < windows.high)
    for block in column.blocks(ranks):
        for some in np.array_split(block, -(-len(block) // 64)):
            counts = windows.high[some] - windows.low[some]
            mine = np.repeat(some, counts)
            starts = np.repeat(windows.low[some] - np.cumsum(counts) + counts, counts)
            theirs = windows.ranks[np.arange(len(mine)) + starts]
            same = column.groups[mine] == column.groups[theirs]
            yield compared(column, mine[same], theirs[same], threshold, workers)


def compared(column: Column, mine: Ints, theirs: Ints, threshold: float, workers: int = 1) -> Found:
    """The pairs of ranks at or above the threshold."""
    stay = _may_reach(column, mine, theirs, threshold)
    mine, theirs = mine[stay], theirs[stay]
    similarity = process.cpdist(
        column.some(mine),
        column.some(theirs),
        scorer=fuzz.ratio,
        score_cutoff=max(0.0, threshold - _CUT),
        dtype=np.float64,
        workers=workers,
    )
    reach = similarity >= threshold
    return Found(column.order[mine[reach]], column.order[theirs[reach]], similarity[reach])


def _may_reach(column: Column, mine: Ints, theirs: Ints, threshold: float) -> npt.NDArray[np.bool_]:
    """False for pairs of long texts whose characters differ too much; comparing such a pair may take minutes."""
    sums = column.sizes[mine] + column.sizes[theirs]
    stay = np.ones(len(mine), np.bool_)
    bags: dict[int, Ints] = {}
    for pair in np.flatnonzero(sums > 2 * _LONG).tolist():
        first, second = int(mine[pair]), int(theirs[pair])
        for rank in (first, second):
            if rank not in bags:
                if len(bags) > 64:
                    bags.clear()
                codes, _ = column.codes(np.array([rank]))
                bags[rank] = np.bincount(codes % 2_048, minlength=2_048)
        stay[pair] = np.abs(bags[first] - bags[second]).sum() <= (1 - threshold / 100) * sums[pair] + SLACK
    return stay


@dataclass(frozen=True)
class Index:
    """The pieces of the new texts, where each is found by its hash; see `pairs_kernels` for the arrays."""

    column: Column
    windows: Windows
    threshold: float
    grams: Ints
    shift: np.uint64
    starts: npt.NDArray[np.uint32]
    bits: npt.NDArray[np.uint8]
    placed: npt.NDArray[np.uint64]
    bags: npt.NDArray[np.uint8]
    plain: Ints
    seen: dict[int, Any]

    @classmethod
    def of(cls, column: Column, windows: Windows, alone: bool, threshold: float, workers: int) -> Index:
        """Chooses and places the pieces. `alone`: every partner of an indexed text is as long or shorter."""
        slack = 1 - threshold / 100
        reach = min(1.0, 2 * slack if alone else 2 * slack / (1 - slack))
        grams = _lengths_of_pieces(reach)
        sizes = column.sizes[windows.ranks]
        width = int(np.clip(np.ceil(np.log2((reach * sizes + 1).sum() + 1)), 8, 28))
        shift = np.uint64(64 - width)
        sketch = _sketch(column, grams)
        scale = min(1.0, _SAMPLE / (column.sizes.sum() + 1))
        too_dear = 2.0 * _kernels().PARTS * scale * (len(column.sizes) + 100)

        def chosen(block: tuple[int, Ints]) -> tuple[Any, ...]:
            kernels = _kernels()
            first, ranks = block
            codes, offsets = column.codes(ranks)
            room = int((reach * column.sizes[ranks] + 2 + column.sizes[ranks] // kernels.WINDOW + 1).sum())
            fine, entries = np.empty(room, np.uint32), np.empty(room, np.uint64)
            bags = np.empty((len(ranks), kernels.BUCKETS), np.uint8)
            plain = np.zeros(len(ranks), np.bool_)
            made = kernels.choose_pieces(
                codes,
                offsets,
                column.groups[ranks],
                grams,
                sketch,
                reach,
                too_dear,
                shift,
                first,
                fine,
                entries,
                bags,
                plain,
            )
            return fine[:made].copy(), entries[:made].copy(), bags, plain

        blocks = column.blocks(windows.ranks)
        firsts = np.cumsum([0, *map(len, blocks)]).tolist()
        with _Pool(workers) as pool:
            parts = list(pool.map(chosen, list(zip(firsts, blocks, strict=False))))
        kernels = _kernels()
        starts = np.zeros((1 << width) + 2, np.uint32)
        for fine, *_ in parts:
            kernels.count_buckets(fine, starts)
        np.cumsum(starts, out=starts)
        bits = np.zeros(1 << width, np.uint8)
        placed = np.empty(int(starts[-1]), np.uint64)
        for fine, entries, *_ in parts:
            kernels.fill_index(fine, entries, starts, bits, placed)
        bags = np.concatenate([part[2] for part in parts])
        plain = np.flatnonzero(np.concatenate([part[3] for part in parts]))
        return cls(column, windows, threshold, grams, shift, starts, bits, placed, bags, plain, {})

    def look_up(self, ranks: Ints) -> tuple[int, list[Found]]:
        """The number of texts looked up, and their pairs."""
        kernels = _kernels()
        column, windows = self.column, self.windows
        codes, offsets = column.codes(ranks)
        low, high = windows.low[ranks], windows.high[ranks]
        seen = np.full(len(windows.ranks), -1, np.int32)
        found = np.empty((int((high - low).max()) + _ROWS, 2), np.int64)
        text, made = 0, []
        while text < len(ranks):
            text, rows = kernels.find_candidates(
                codes, offsets, column.groups[ranks], low, high, self.grams, self.shift, 1 - self.threshold / 100,
                self.starts, self.bits, self.placed, column.sizes[windows.ranks], column.groups[windows.ranks], self.bags,
                self.plain, np.searchsorted(self.plain, low), np.searchsorted(self.plain, high), seen, 0, text, found,
            )  # fmt: skip
            if rows:
                made.append(compared(column, ranks[found[:rows, 0]], windows.ranks[found[:rows, 1]], self.threshold))
        return len(ranks), made


def _lengths_of_pieces(reach: float) -> Ints:
    """Two lengths: about what a piece can be at most, and a shorter one that gets by where all longer ones are common."""
    most = int(min(14, max(2, 0.95 / max(reach, 1e-9))))  # the difference stays below PARTS
    return np.array(sorted({most, max(min(most, 3), round(most * 0.55))}), np.int64)


def _sketch(column: Column, grams: Ints) -> npt.NDArray[np.uint32]:
    """How often pieces occur in a sample of all texts, by hash."""
    total = int(column.sizes.sum()) + 1
    step = max(1, total // _SAMPLE)
    width = int(np.clip(np.ceil(np.log2(min(total, _SAMPLE))), 12, 19))
    sketch = np.zeros((len(grams), 1 << width), np.uint32)
    for ranks in column.blocks(np.arange(0, len(column.sizes), step)):
        codes, offsets = column.codes(ranks)
        _kernels().count_pieces(codes, offsets, column.groups[ranks], grams, sketch)
    return sketch


def _kernels() -> ModuleType:
    from ot_assets.curation.dedup import pairs_kernels

    return pairs_kernels


class _Pool:
    """Threads that work a little ahead of who takes the results, in order."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers)
        self._ahead = 2 * workers

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def map(self, work: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[_R]:
        """The results of all items; at most a few are held."""
        left = iter(items)
        waiting: deque[Future[_R]] = deque(self._pool.submit(work, item) for item in islice(left, self._ahead))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(self._pool.submit(work, item) for item in islice(left, 1))
