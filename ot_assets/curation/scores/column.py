"""A column of scores in the making: what is there, what is missing and why; and the rows that still want a score.

Belongs here: what a scorer is handed and what it fills. Contract: a scorer puts a number or a reason for every row of its
``Todo``, and never both. Memory is eight bytes a row; texts pass by in batches. `require_some` raises `UserError` where not one
row got a number, since then it is the scorer that is wrong and not the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from resources.errors import UserError

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Read = Callable[[Sequence[str]], Iterator[pl.DataFrame]]
"""Reads the named columns of a source's questions, in batches, in order."""

_SHOWN = 200


@dataclass
class Column:
    """One score of all rows; NaN where there is none."""

    values: Floats
    reasons: Counter[str] = field(default_factory=Counter)
    """Why rows have no score -> how many."""
    said: str = ""
    """What came instead of the first score that is missing."""

    @classmethod
    def empty(cls, rows: int) -> Column:
        """No score yet."""
        return cls(np.full(rows, np.nan))

    def lacks(self, reason: str, said: str = "") -> None:
        """Counts a row that stays without a score."""
        self.reasons[reason] += 1
        self.said = self.said or " ".join(said.split())[:_SHOWN]

    def require_some(self, name: str) -> None:
        """UserError where there are rows and none has a score."""
        if not len(self.values) or not np.isnan(self.values).all():
            return
        why = ", ".join(f"{reason}: {count:,}" for reason, count in self.reasons.most_common())
        instead = f"; the first was: {self.said!r}" if self.said else ""
        raise UserError(
            f"score {name}: not one of {len(self.values):,} questions got a figure ({why}){instead}",
            fix="look at who scores: its prompt, sampling.max_tokens and reasoning tags, or its examples; replies that "
            "came are stored, and what did not come is asked again",
        )


@dataclass(frozen=True)
class Todo:
    """The rows that want a score: a mask over all rows, and the way to read them."""

    wanted: Mask
    read: Read

    def __len__(self) -> int:
        return int(self.wanted.sum())

    def batches(self, *columns: str) -> Iterator[tuple[Places, pl.DataFrame]]:
        """The wanted rows' places and columns; batches without a wanted row are passed over."""
        start = 0
        for batch in self.read(columns):
            here = np.flatnonzero(self.wanted[start : start + len(batch)])
            if len(here):
                yield (here + start).astype(np.int64), batch[here]
            start += len(batch)


class Scorer(Protocol):
    """Gives one score."""

    @property
    def identity(self) -> str:
        """Hash of all that a score depends on beside the question: equal ones give equal scores."""

    @property
    def keeps_nulls(self) -> bool:
        """Whether a row without a score would be without one again."""

    def score(self, todo: Todo, column: Column) -> None:
        """Fills the column for the wanted rows."""
