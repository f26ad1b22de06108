"""What the step of a training set hands to its answer filter: texts out of the traces, judges, samples, the student's cutoff.

Belongs here: reading; what a filter does with it is the filter's. Contract: traces pass by a batch at a time and only the rows
that a filter asks for are kept of it. A judge is asked through the response store, within the budgets. Fails with `UserError`
for samples that cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ot_assets.asking import as_model, with_weights
from ot_assets.curation.ledgers import joined
from ot_assets.distillation.aids import TEXTS, Judge, sample_text
from ot_assets.distillation.sample_files import read_texts
from ot_assets.distillation.training_examples import CountTokens, examples, question_rows
from ot_assets.graph import source as at_source
from ot_assets.graph import source_teacher
from ot_assets.registry import RecipeSpec
from ot_assets.registry.specs.answer_filter import Part, Samples
from resources.artifacts import Artifact
from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.request import Request

if TYPE_CHECKING:
    from ot_assets.step import Step

ASKED = ("source", "question_id", "question", "gold", "verifier", "domain", "licence", "answers_per_question")
"""Columns of a filtered set that a training set is made with; worked solutions, which may be long, are not among them."""

_BATCH = 2_000


class TrainingAids:
    """The aids (see `aids.Aids`) of one recipe and teacher."""

    def __init__(
        self,
        step: Step,
        recipe: RecipeSpec,
        filtered: pl.DataFrame,
        traces: Mapping[str, Artifact],
        count: CountTokens,
    ) -> None:
        self._step, self._recipe, self._traces, self._count = step, recipe, traces, count
        self._questions = question_rows(filtered)
        self._asked = filtered.select("source", "question_id", "question", "gold").unique(
            ["source", "question_id"], keep="first", maintain_order=True
        )

    def texts(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The texts of traces, in their order within a source, in batches."""
        columns = ("trace_id", "question_id", "source", "reasoning", "answer")
        for batch in self._batches(rows, columns):
            yield batch.join(self._asked, on=["source", "question_id"], how="inner", maintain_order="left").select(
                TEXTS
            )

    def judge(self, key: str, what: str, requests: int) -> Judge:
        """A teacher as a judge."""
        step = self._step
        spec = step.registry.required_model(key)
        purpose = f"training_set {step.partition} {what} by {key}"

        def ask(asked: Iterable[Request]) -> Iterator[Outcome]:
            return step.ask(with_weights(spec, step.services.home), asked, purpose=purpose, total=requests)

        return Judge(step.registry.teacher(key), as_model(spec), ask)

    def samples(self, samples: Samples, part: Part, *, with_question: bool) -> Iterator[str]:
        """The texts of files as they lie, or what a teacher answered, as the classifier reads answers."""
        if samples.source is None or samples.teacher is None:
            folder = self._folder()
            files = [folder / name if "://" not in name else name for name in samples.files]
            return islice(read_texts(files, samples), samples.rows)
        return islice(self._answers(samples.source, samples.teacher, part, with_question), samples.rows)

    def unfit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Ledger rows of those traces that could not become examples: nothing to learn from, or too long."""
        ledgers = []
        for batch in self._batches(rows, None):
            ledgers.append(examples(self._recipe, batch, self._questions, self._count).ledger)
        return joined(ledgers)

    def _batches(self, rows: pl.DataFrame, columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        """The wanted rows of the traces, joined with what `rows` holds beside `trace_id` and `source`."""
        for key, artifact in self._traces.items():
            mine = rows.filter(pl.col("source") == key).drop("source")
            if mine.is_empty():
                continue
            for batch in artifact.batches(rows=_BATCH, columns=columns):
                found = batch.join(mine, on="trace_id", how="inner", maintain_order="left")
                if not found.is_empty():
                    yield found

    def _answers(self, source: str, teacher: str, part: Part, with_question: bool) -> Iterator[str]:
        """What a teacher answered to a source."""
        asked = (
            self._step.open("screened_questions", at_source(source)).scan().select("question_id", "question").collect()
        )
        traces = self._step.open("traces", source_teacher(source, teacher))
        for batch in traces.batches(rows=_BATCH, columns=["question_id", "reasoning", "answer"]):
            for row in batch.join(asked, on="question_id", maintain_order="left").iter_rows(named=True):
                yield sample_text(row, part, with_question=with_question)

    def _folder(self) -> Path:
        try:
            return self._step.registry.folder("recipes", self._recipe.key)
        except KeyError:
            raise UserError(f"recipe {self._recipe.key} has no folder, so its sample files cannot be found") from None
