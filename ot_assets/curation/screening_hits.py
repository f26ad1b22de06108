"""What screening says of a question that matched a benchmark item: the rule, its figure, and the two texts side by side.

Belongs here: the columns of the hits and how texts are cut to a length that a person reads. Texts are shown as they are
compared (`normal.comparable`), around the place that matched. Pure; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

RULES = ("exact", "ngram", "containment", "indel")
"""The rules, the strictest first: the order in which they give the reason for a hit."""

HITS = {
    "question_id": pl.String,
    "source": pl.String,
    "source_row": pl.String,
    "benchmark": pl.String,
    "item": pl.String,
    "rule": pl.String,
    "figure": pl.Float64,
    "note": pl.String,
    "question_text": pl.String,
    "item_text": pl.String,
}
"""Columns of the hits: the question, the benchmark and its item (a question_id), the rule, its figure, the shared text, and
both texts as they were compared, cut around it.

Figure: 100 for `exact`, the number of distinct shared n-grams for `ngram`, similarity x 100 for `containment` and `indel`."""

_NOTE = 160
_SIDE = 320
_AROUND = 12


@dataclass(frozen=True)
class Hit:
    """A question (its place in the batch) and an item (its place among all items) that match by a rule."""

    row: int
    item: int
    rule: str
    figure: float
    note: str
    around: str = ""
    """The place of the question that matched; empty = the question as a whole."""

    def sides(self, question: str, item: str) -> tuple[str, str]:
        """Both texts, cut to a length that can be read."""
        # The note's tokens may stand apart where the item's do not.
        begins = r"\s*".join(map(re.escape, self.note[:24].split()))
        found = re.search(begins, item) if self.around else None
        start = found.start() if found else 0
        begin = max(0, start - _SIDE // 4) if len(item) > _SIDE else 0
        return excerpt(self.around or question, _SIDE), excerpt(("…" if begin else "") + item[begin:], _SIDE)


def stretch(tokens: Sequence[Any], start: int, stop: int, shown: Callable[[Sequence[Any]], str]) -> tuple[str, str]:
    """A run of a question's tokens as a person reads it, alone and with what stands around it."""
    low, high = max(0, start - _AROUND), min(len(tokens), stop + _AROUND)
    around = shown(tokens[low:high])
    return excerpt(shown(tokens[start:stop])), f"{'… ' if low else ''}{around}{' …' if high < len(tokens) else ''}"


def excerpt(text: str, length: int = _NOTE) -> str:
    """The text, or its beginning where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"
