"""Which pairs of a question and a benchmark item may reach their Indel similarity, for a great many pairs.

Belongs here: how texts are laid out for the compiled loops of `similarity_kernels`, and the search over the layout. Contract:
`candidates` yields every pair that reaches its item's threshold, and next to none of the others on unlike texts.

Items stand in blocks of 64, ordered by length; a question meets only blocks of fitting length. The letters are split
into classes by how often they occur, rare ones first, each class with about the same share of the text: a
common subsequence falls apart into one a class, so the sum of the classes' LCS bounds that of the texts, and the classes
of the rarer letters, which are looked at first, tell unlike texts apart soonest (measured: a quarter of the text
brings the bound from 0.84 to 0.75 of the length, a quarter made of any letters to 0.80). A block has so many classes
that one class of an item fits into a machine word or two. Memory: a copy of the chunk's letters for each length class of
items, and one block's pairs a thread. Pure; raises nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

LANES = 64
_NARROW = 58
_WIDE = 112
_NARROW_CLASSES = 3
_MOST_CLASSES = 16
_STEP = 1.2
_OVER = 4
_MOST_WORDS = 8
_SLACK = 1e-6
_NEVER = 400.0

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Any64 = npt.NDArray[Any]


class Letters:
    """Numbers from 1 for the items' characters, 0 for all others, and the classes that they fall into."""

    def __init__(self, texts: Sequence[str]) -> None:
        found, counts = np.unique(_points(texts), return_counts=True)
        codes = np.minimum(np.arange(1, len(found) + 1), 65_535)  # letters that share a number only raise a bound
        self._table = np.zeros(0x110000, np.uint16)
        self._table[found] = codes
        self.size = len(found) + 1 if len(found) < 65_535 else 65_536
        shares = np.bincount(codes, weights=counts, minlength=self.size)
        self._rare_first = np.argsort(shares, kind="stable")
        reach = np.cumsum(shares[self._rare_first])
        self._middle = (reach - shares[self._rare_first] / 2) / max(1.0, reach[-1])
        self._classes: dict[int, Ints] = {}

    def encode(self, texts: Sequence[str]) -> Any64:
        """The texts' characters as numbers, one text after the other."""
        return self._table[_points(texts)]

    def classes(self, length: int) -> Ints:
        """The class of each number, for items of about this length; class 0 has the rarest letters."""
        if length not in self._classes:
            made = np.zeros(self.size, np.int64)
            made[self._rare_first] = np.searchsorted(_cuts(length), self._middle, "right")
            self._classes[length] = made
        return self._classes[length]


def rounded(length: int) -> int:
    """One of a few lengths that items are treated alike by: not below the given one."""
    return int(np.ceil(_STEP ** np.ceil(np.log(max(length, 1)) / np.log(_STEP) - _SLACK)))


def _cuts(length: int) -> list[float]:
    """Where, in shares of the text, one class ends and the next begins: classes of one word a text, then wider
    ones. Narrow ones cost a sixth of wide ones and drop most pairs; wide ones drop nearly all the rest.
    """
    if length <= 64:
        return []
    narrow = [_NARROW / length * (place + 1) for place in range(_NARROW_CLASSES)]
    narrow = [cut for cut in narrow if cut < 1 - _NARROW / length / 2]
    rest = 1 - (narrow[-1] if narrow else 0.0)
    wide = min(_MOST_CLASSES, max(1, round(rest * length / _WIDE)))
    return [*narrow, *(1 - rest + rest * (place + 1) / wide for place in range(wide - 1))]


@dataclass(frozen=True)
class _Block:
    """Up to 64 items, one a lane: what the bounds need of them."""

    items: Ints
    reach: tuple[float, float]
    """Shortest and longest question that any lane can reach its threshold with."""
    length: int
    """What its items' lengths are rounded to: says the classes."""
    local: Any64
    """A letter's row in this block; 0 = no item has it."""
    masks: Any64
    """[row's words, lane] where the letter stands in the lane's class text, a bit a place."""
    mask_at: Ints
    words: Ints
    """Words a class; 0 for a class of one letter, of which the bag says all."""
    beyond: Any64
    counts: Any64
    lengths: Any64
    thresholds: Floats


class _Questions:
    """Questions, ordered by length, as the loops read them."""

    def __init__(self, texts: Sequence[str], letters: Letters) -> None:
        self.order = np.array(sorted(range(len(texts)), key=lambda row: len(texts[row])), np.int64)
        ordered = [texts[row] for row in self.order]
        self.lengths = np.array([len(text) for text in ordered], np.int64)
        self._ends = np.cumsum(self.lengths)
        self._codes = letters.encode(ordered)
        self._letters = letters
        self._reduced: dict[int, tuple[Any64, Ints]] = {}

    @cached_property
    def bags(self) -> tuple[Any64, Any64, Ints]:
        """Distinct letters, how often, and where each question's begin."""
        from ot_assets.curation import similarity_kernels

        codes, counts = np.empty(len(self._codes), np.uint16), np.empty(len(self._codes), np.int32)
        starts = np.empty(len(self.lengths) + 1, np.int64)
        used = similarity_kernels.bags(self._codes, self._ends, self._letters.size, codes, counts, starts)
        return codes[:used], counts[:used], starts

    def reduced(self, length: int) -> tuple[Any64, Ints]:
        """The questions' letters class by class, as for items of this length, and where each question's class begins."""
        from ot_assets.curation import similarity_kernels

        if length not in self._reduced:
            own = self._letters.classes(length)
            count = int(own.max()) + 1
            out = np.empty(len(self._codes), np.uint16)
            starts = np.empty((len(self.lengths), count + 1), np.int64)
            similarity_kernels.reduced(self._codes, self._ends, own, count, out, starts)
            self._reduced[length] = out, starts
        return self._reduced[length]


class LaneIndex:
    """The items in blocks. `thresholds[i]` is the similarity (0..100] from which item i counts, None for never."""

    def __init__(self, texts: Sequence[str], thresholds: Sequence[float | None], workers: int) -> None:
        members = [item for item, threshold in enumerate(thresholds) if threshold is not None]
        members.sort(key=lambda item: (len(texts[item]), item))
        self._letters = Letters([texts[item] for item in members])
        self._workers = workers
        self._blocks = [
            _block(members[start : start + LANES], texts, thresholds, self._letters)
            for start in range(0, len(members), LANES)
        ]

    def candidates(self, texts: Sequence[str]) -> Iterator[tuple[Ints, Ints]]:
        """(rows, items) block by block: every pair that reaches its threshold, and few others."""
        questions = _Questions(texts, self._letters)
        if not self._blocks or not texts:
            return
        _ = questions.bags
        for length in {block.length for block in self._blocks}:  # made here, so that the threads only read them
            questions.reduced(length)
        with ThreadPoolExecutor(self._workers) as threads:
            yield from threads.map(_search, self._blocks, repeat(questions), repeat(self._letters))


def _search(block: _Block, questions: _Questions, letters: Letters) -> tuple[Ints, Ints]:
    from ot_assets.curation.similarity_kernels import survivors

    low = int(np.searchsorted(questions.lengths, block.reach[0], "left"))
    high = int(np.searchsorted(questions.lengths, block.reach[1], "right"))
    if low >= high:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows, lanes = np.empty((high - low) * LANES, np.int32), np.empty((high - low) * LANES, np.int32)
    count = survivors(
        low, high, questions.lengths, *questions.reduced(block.length), *questions.bags, letters.classes(block.length),
        block.local, block.masks, block.mask_at, block.words, block.beyond, block.counts, block.lengths,
        block.thresholds, rows, lanes,
    )  # fmt: skip
    return questions.order[rows[:count]], block.items[lanes[:count]]


def _block(
    members: Sequence[int], texts: Sequence[str], thresholds: Sequence[float | None], letters: Letters
) -> _Block:
    own = [letters.encode([texts[item]]) for item in members]
    lengths, limits = np.zeros(LANES, np.int64), np.full(LANES, _NEVER)
    lengths[: len(own)] = [len(codes) for codes in own]
    limits[: len(own)] = [thresholds[item] for item in members]
    length = rounded(int(lengths.max()))
    classes = letters.classes(length)
    count = int(classes.max()) + 1
    present = np.unique(np.concatenate(own))
    local = np.zeros(letters.size, np.uint16)
    local[present] = np.arange(1, len(present) + 1)
    sizes = np.zeros((count, LANES), np.int64)
    for lane, codes in enumerate(own):
        sizes[:, lane] = np.bincount(classes[codes], minlength=count)
    words = _class_words(sizes[:, : len(own)], np.bincount(classes[present], minlength=count))
    mask_at = np.concatenate([[0, 0], np.cumsum(np.maximum(1, words[classes[present]]))])
    masks = np.zeros((int(mask_at[-1]), LANES), np.uint64)
    counts = np.zeros((len(present) + 1, LANES), np.int32)
    for lane, codes in enumerate(own):
        counts[:, lane] = np.bincount(local[codes], minlength=len(present) + 1)
        for k in np.flatnonzero(words):
            rows = local[codes[classes[codes] == k]][: words[k] * 64]
            places = np.arange(len(rows))
            bits = np.uint64(1) << (places % 64).astype(np.uint64)
            np.bitwise_or.at(masks[:, lane], mask_at[rows] + places // 64, bits)
    beyond = np.maximum(0, sizes - 64 * words[:, None]).astype(np.int32)
    share = limits[: len(own)] / 100
    stretch = (2 - share) / share  # 2 min / (min + max) >= share  <=>  max <= min (2 - share) / share
    real = lengths[: len(own)]
    reach = (float((real / stretch).min()) - _SLACK, float((real * stretch).max()) + _SLACK)
    return _Block(
        np.array(members, np.int64), reach, length, local, masks.ravel(), mask_at[:-1], words, beyond.ravel(),
        counts.ravel(), lengths, limits,
    )  # fmt: skip


def _class_words(sizes: Ints, letters: Ints) -> Ints:
    """Words that most lanes' texts of each class fit into."""
    words = np.clip(np.ceil((sizes.mean(axis=1) - _OVER) / 64), 1, _MOST_WORDS).astype(np.int64)
    return np.where(letters > 1, words, 0)


def _points(texts: Sequence[str]) -> Any64:
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4")
