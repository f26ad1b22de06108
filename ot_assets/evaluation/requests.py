"""From a benchmark and a model to the requests that evaluate one on the other.

Belongs here: which questions are asked, in which words, with which settings, how often. Contract: a pure function of
the spec, the question rows and the model's identity, in a fixed order (question id, then repeat), so the same inputs
ask the same and what is stored is not bought again. Repeat r of a question is sample index r: raising a benchmark's
repeats from 4 to 16 pays for 12.
Fails with UserError for a benchmark that is only screened against (repeats: 0) or that has no questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ot_assets.registry import BenchmarkSpec
from resources.errors import UserError
from resources.generation.model import Model
from resources.generation.request import Message, Request, Sampling


@dataclass(frozen=True, slots=True)
class Ask:
    """One repeat of one question, and the request that asks it."""

    question_id: str
    repeat: int
    request: Request


def drawn(spec: BenchmarkSpec, questions: pl.DataFrame) -> pl.DataFrame:
    """The rows (of `schemas.Questions`) that are asked, sorted by id: all, or as many as `spec.questions` says.

    The draw goes by a hash of seed and id, so a benchmark that grows by some rows keeps nearly all that were drawn before.
    """
    if spec.questions is None or len(questions) <= spec.questions:
        return questions.sort("question_id")
    ids = sorted(questions["question_id"].to_list(), key=lambda q: hashlib.sha256(f"{spec.seed}:{q}".encode()).digest())
    return questions.filter(pl.col("question_id").is_in(ids[: spec.questions])).sort("question_id")


def asks(
    spec: BenchmarkSpec, questions: pl.DataFrame, model: Model, *, system_prompt: str | None = None
) -> Iterator[Ask]:
    """Every repeat of every drawn question, as requests to the model. Streams: make it anew rather than keep it.

    `system_prompt` is what the model was taught with; a benchmark that has a system turn of its own wins over it.
    """
    if spec.repeats < 1:
        raise UserError(
            f"benchmark {spec.key}: repeats is {spec.repeats}, so it is screened against and never run",
            fix="give it repeats: 1 or more, or take it out of the recipe's benchmarks",
        )
    rows = drawn(spec, questions.select("question_id", "question", "verifier"))
    if rows.is_empty():
        raise UserError(
            f"benchmark {spec.key}: it has no questions", fix=f"materialize benchmark_questions of {spec.key}"
        )
    return _asks(spec, rows, model, spec.system_prompt or system_prompt)


def _asks(spec: BenchmarkSpec, rows: pl.DataFrame, model: Model, system_prompt: str | None) -> Iterator[Ask]:
    sampling = Sampling(**spec.sampling.model_dump())
    for question_id, question, verifier in rows.iter_rows():
        messages = messages_for(spec, question, verifier, system_prompt)
        for repeat in range(spec.repeats):
            yield Ask(question_id, repeat, model.request(messages, sampling, repeat))


def messages_for(
    spec: BenchmarkSpec, question: str, verifier: str, system_prompt: str | None = None
) -> tuple[Message, ...]:
    """The turns that ask a question: a system turn where there is one to say, and the benchmark's user turn."""
    user = Message(role="user", content=spec.prompt_for(verifier).replace("{question}", question))
    return (Message(role="system", content=system_prompt), user) if system_prompt else (user,)
