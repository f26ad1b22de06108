"""From wanted answers to traces, batch by batch, through the response store.

Memory holds one batch of questions and their replies. Replies come in any order; rows are written in the order of the
questions, so the same replies give the same artifact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from ot_assets.asking import as_model, with_weights
from ot_assets.distillation.parsing import parse
from ot_assets.distillation.prompts import Ask, Question, asks
from ot_assets.distillation.traces import Answering, TraceBatch, reference_rows, trace_rows
from resources.artifacts import Artifact
from resources.errors import UserError
from resources.generation.reply import Failure

if TYPE_CHECKING:
    from ot_assets.step import Step

_BATCH = 20_000
"""Questions that are looked at, and answers whose replies are held, at once."""


def answer_rows(step: Step, screened: Artifact, wanted: pl.DataFrame) -> Iterator[TraceBatch]:
    """The traces of the partition's teacher for the wanted questions (`question_id`, `answers`)."""
    teacher = step.registry.teacher(step.partition["teacher"])
    spec = step.registry.model_of(teacher.key)
    terms = teacher.licence or (spec.terms if spec else None)
    who = Answering(teacher, step.registry.teacher_hash(teacher.key), terms)
    for questions in _asked(screened, wanted):
        if spec is None:
            yield reference_rows(who, questions.drop("answers"))
            continue
        answers = dict(questions.select("question_id", "answers").iter_rows())
        model = as_model(spec)
        wanted_here: list[Ask] = list(asks(teacher, model, Question.rows(questions), answers))
        purpose = f"traces {step.partition}"
        came = step.ask(
            with_weights(spec, step.services.home),
            (ask.request for ask in wanted_here),
            purpose=purpose,
            total=len(wanted_here),
            closed=(lambda reply: parse(reply, teacher.reasoning).closed) if teacher.reasoning else None,
        )
        results = {request.key: result for request, result in came}
        open_ones = [result for result in results.values() if isinstance(result, Failure) and result.retryable]
        refuse_unfinished(open_ones, len(results), purpose)
        yield trace_rows(who, model, wanted_here, results)


def _asked(screened: Artifact, wanted: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The wanted questions in order, with `answers`: in frames that want less than a batch of answers beside those of their
    last question.
    """
    for batch in screened.batches(rows=_BATCH):
        met = batch.join(wanted, on="question_id", how="inner", maintain_order="left")
        total = met.get_column("answers").cum_sum() - met.get_column("answers")
        for _, part in met.group_by((total // _BATCH).alias("batch"), maintain_order=True):
            yield part


def refuse_unfinished(open_ones: Sequence[Failure], asked: int, purpose: str) -> None:
    """A reply that another try may bring is not given up: nothing is published, and the next run asks only for it."""
    if open_ones:
        raise UserError(
            f"{purpose}: {len(open_ones):,} of {asked:,} requests got no reply, "
            f"the first because: {open_ones[0].reason}",
            fix="every reply that came is stored; run the same again and only the others are asked",
        )
