"""What answer filters may read beyond facts: the answers' texts, judges, a classifier's samples, what an example would be.

Belongs here: the interface, and how texts become figures. Contract: texts pass by in batches and only figures stay, so memory
holds one batch. A filter that needs no aid is given none; asking for one that is not there is an error of the caller
(`ValueError`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from ot_assets.registry.specs.answer_filter import Part, Samples
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.request import Request

TEXTS = ("trace_id", "question_id", "question", "gold", "reasoning", "answer")
"""Columns of a batch of texts."""


@dataclass(frozen=True)
class Judge:
    """A teacher who judges: how it is asked, as which model, and the way through the response store."""

    teacher: TeacherSpec
    model: Model
    ask: Callable[[Iterable[Request]], Iterator[Outcome]]


class Aids(Protocol):
    """What the step of a training set hands to its answer filter."""

    def texts(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The texts (columns `TEXTS`) of traces (`trace_id`, `source`), in their order within a source, in batches."""

    def judge(self, key: str, what: str, requests: int) -> Judge:
        """The teacher with this key as a judge; `what` and how many requests name the asking in the progress."""

    def samples(self, samples: Samples, part: Part, *, with_question: bool) -> Iterator[str]:
        """The texts that a classifier learns from. Files hold them as they are; of traces the classifier reads `part`."""

    def unfit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Ledger rows of those traces (`trace_id`, `source`, `verdict`) that could not become examples."""


class NoAids:
    """For filters that work on facts alone."""

    def texts(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Refused."""
        raise ValueError("this answer filter reads texts, and none were handed in")

    def judge(self, key: str, what: str, requests: int) -> Judge:
        """Refused."""
        raise ValueError(f"this answer filter asks the judge {key}, and none was handed in")

    def samples(self, samples: Samples, part: Part, *, with_question: bool) -> Iterator[str]:
        """Refused."""
        raise ValueError("this answer filter learns from samples, and none were handed in")

    def unfit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """None: without texts everything fits."""
        from schemas.ledger import Ledger

        empty: pl.DataFrame = Ledger.empty()
        return empty


def shown(row: Mapping[str, Any], part: Part) -> str:
    """What a filter reads of an answer: its reasoning and its final answer with a blank line between, or the answer."""
    parts = (row["reasoning"], row["answer"]) if part == "full" else (row["answer"],)
    return "\n\n".join(text for text in parts if text)


def sample_text(row: Mapping[str, Any], part: Part, *, with_question: bool) -> str:
    """What a classifier reads of an answer: the question before it, where it is wanted."""
    text = shown(row, part)
    return f"{row['question']}\n\n{text}" if with_question else text


def measured(
    aids: Aids,
    rows: pl.DataFrame,
    figures: Mapping[str, pl.DataType],
    measure: Callable[[dict[str, Any]], tuple[Any, ...]],
) -> pl.DataFrame:
    """`trace_id` and the figures that `measure` makes of each text (a row of `TEXTS`), one value a figure."""
    schema = {"trace_id": pl.String(), **figures}
    frames = [pl.DataFrame(schema=schema)]
    for batch in aids.texts(rows.select("trace_id", "source")):
        made = [(row["trace_id"], *measure(row)) for row in batch.select(TEXTS).iter_rows(named=True)]
        frames.append(pl.DataFrame(made, schema=schema, orient="row"))
    return pl.concat(frames)
