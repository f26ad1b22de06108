"""What one model did on one benchmark, reduced to what the statistics need.

Belongs here: the ragged table (question, repeat) -> right / wrong / missing as three counts a question, and how a frame of
verdicts becomes one. Contract: only `correct` and `wrong` are answers. A null verdict (no reply), `verifier_failed` and
`unverifiable` are missing: nobody knows whether the reply was right, so it is never counted as wrong (DESIGN contract 7).
Fails with ValueError when a question is named twice or the counts cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Counts per question, sorted by question id. All four have one entry a question.

    `asked[i]` replies were asked of question i, of which `present[i]` were judged and `correct[i]` were right:
    0 <= correct <= present <= asked, asked >= 1.
    """

    ids: tuple[str, ...]
    correct: Ints
    present: Ints
    asked: Ints

    def __post_init__(self) -> None:
        if any(a >= b for a, b in zip(self.ids, self.ids[1:], strict=False)):
            raise ValueError("outcomes: question ids must be unique and sorted")
        if not (len(self.ids) == len(self.correct) == len(self.present) == len(self.asked)):
            raise ValueError("outcomes: one count of each kind a question is needed")
        wrong = (self.correct < 0) | (self.correct > self.present) | (self.present > self.asked) | (self.asked < 1)
        if wrong.any():
            raise ValueError(f"outcomes: impossible counts for question {self.ids[int(np.argmax(wrong))]}")

    @property
    def missing(self) -> int:
        """Replies that were asked for and have no verdict."""
        return int((self.asked - self.present).sum())

    @property
    def repeats(self) -> int:
        """The most replies asked of any question; 0 without questions."""
        return int(self.asked.max(initial=0))

    @cached_property
    def answered(self) -> npt.NDArray[np.bool_]:
        """Which questions have at least one judged reply."""
        return self.present > 0

    @cached_property
    def means(self) -> Floats:
        """Share of right replies among the judged ones, a question; nan where none was judged."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.present > 0, self.correct / self.present, np.nan)

    @cached_property
    def worst(self) -> Floats:
        """The share per question had every missing reply been wrong."""
        return self.correct / self.asked

    @cached_property
    def best(self) -> Floats:
        """The share per question had every missing reply been right."""
        return (self.correct + self.asked - self.present) / self.asked

    def only(self, keep: Ints) -> Outcomes:
        """The same for some questions, given by their places in ascending order."""
        ids = tuple(self.ids[i] for i in keep)
        return Outcomes(ids, self.correct[keep], self.present[keep], self.asked[keep])


def outcomes_of(table: Mapping[str, Sequence[int | bool | None]]) -> Outcomes:
    """From question id -> its repeats, each 1 (right), 0 (wrong) or None (missing). Repeats may be ragged."""
    ids = tuple(sorted(table))
    rows = [table[i] for i in ids]
    return Outcomes(
        ids,
        np.array([sum(bool(v) for v in row if v is not None) for row in rows], dtype=np.int64),
        np.array([sum(v is not None for v in row) for row in rows], dtype=np.int64),
        np.array([len(row) for row in rows], dtype=np.int64),
    )


def outcomes_by_benchmark(questions: pl.DataFrame) -> dict[str, Outcomes]:
    """From rows of `schemas.EvalQuestions` (any benchmarks mixed) to one `Outcomes` a benchmark."""
    counts = (
        questions.group_by("benchmark", "question_id")
        .agg(
            correct=(pl.col("verdict") == "correct").sum().cast(pl.Int64),
            present=pl.col("verdict").is_in(["correct", "wrong"]).sum().cast(pl.Int64),
            asked=pl.len().cast(pl.Int64),
        )
        .sort("benchmark", "question_id")
    )
    return {str(key[0]): _from_counts(part) for key, part in counts.group_by("benchmark", maintain_order=True)}


def _from_counts(part: pl.DataFrame) -> Outcomes:
    def column(name: str) -> Ints:
        return part[name].to_numpy()

    return Outcomes(tuple(part["question_id"].to_list()), column("correct"), column("present"), column("asked"))
