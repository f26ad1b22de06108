"""Tokens as numbers: what the indexes of screening compare.

Belongs here: `Vocabulary`, which numbers the tokens of the benchmark items, and `Coded`, texts as these numbers. Contract:
equal tokens have equal numbers, from 1 in the order in which they first stand in the items; a token that no item has is
0. Words that come as a polars column are numbered without Python's lock. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Tokenized = Sequence[Sequence[Hashable]] | pl.Series
"""The tokens of each text: lists, or a column of lists of words."""


@dataclass(frozen=True)
class Coded:
    """Texts as numbers: text i is `codes[starts[i]:starts[i + 1]]`."""

    codes: Ints
    starts: Ints

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, text: int) -> Ints:
        codes: Ints = self.codes[self.starts[text] : self.starts[text + 1]]
        return codes

    @property
    def sizes(self) -> Ints:
        """How many tokens each text has."""
        return np.diff(self.starts)

    @property
    def owners(self) -> Ints:
        """The text of each number."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def part(self, start: int, stop: int) -> Coded:
        """Some texts in a row."""
        starts = self.starts[start : stop + 1]
        return Coded(self.codes[starts[0] : starts[-1]], starts - starts[0])


class Vocabulary:
    """The numbers of the items' tokens; `items` are the items as numbers."""

    def __init__(self, items: Tokenized) -> None:
        self._numbers: dict[Hashable, int] = {}
        learn = self._numbers.setdefault
        texts = items.to_list() if isinstance(items, pl.Series) else items
        flat = [learn(token, len(self._numbers) + 1) for tokens in texts for token in tokens]
        self.items = _coded(np.array(flat, np.int64), [len(tokens) for tokens in texts])
        self._words: tuple[pl.Series, pl.Series] | None = None

    def read(self, texts: Tokenized) -> Coded:
        """Texts as numbers."""
        if isinstance(texts, pl.Series):
            return _coded(self._read_words(texts.explode().drop_nulls()), texts.list.len().to_numpy())
        known = self._numbers.get
        sizes = [len(tokens) for tokens in texts]
        flat = (known(token, 0) for token in chain.from_iterable(texts))
        return _coded(np.fromiter(flat, np.int64, sum(sizes)), sizes)

    def _read_words(self, words: pl.Series) -> Ints:
        if self._words is None:
            numbers = pl.Series(list(self._numbers.values()), dtype=pl.Int64)
            self._words = pl.Series(list(self._numbers), dtype=pl.String), numbers
        return words.replace_strict(*self._words, default=0, return_dtype=pl.Int64).to_numpy()


def _coded(codes: Ints, sizes: Sequence[int] | Ints) -> Coded:
    return Coded(codes, np.concatenate([[0], np.cumsum(np.asarray(sizes, np.int64))]))
