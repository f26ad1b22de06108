"""Traces: from asked questions and what came back to rows.

Belongs here: the rows of `schemas.Traces`, for teachers that are models and for `reference`. Contract: a pure
function of what was asked and what came, in the order of what was asked; a row for each reply, also for one that was
cut or came without an answer; a request that failed is no row but a ledger row (rule `no_reply`, the reason in its
note), so asks = rows + ledger rows. A reference answers once, however many answers are wanted, since it would only
say the same again; a question with neither solution nor gold answer goes to the ledger (rule `no_reference`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.distillation.parsing import parse
from ot_assets.distillation.prompts import Ask
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.generation.model import Model
from resources.generation.reference import NoReference, reference_answer
from resources.generation.reply import Failure, Reply
from schemas.distillation import Traces
from schemas.ids import trace_id
from schemas.ledger import Ledger

NO_REPLY = "no_reply"
NO_REFERENCE = "no_reference"


@dataclass(frozen=True)
class TraceBatch:
    """Rows of Traces and the ledger rows of what gave none."""

    frame: pl.DataFrame
    ledger: pl.DataFrame


@dataclass(frozen=True)
class Answering:
    """Who answers: the teacher, the hash of its identity (the teacher's part of a trace_id), and the terms on its answers."""

    teacher: TeacherSpec
    identity_hash: str
    licence: str | None
    """None: those of the question's own source."""


def trace_rows(who: Answering, model: Model, asks: Sequence[Ask], results: Mapping[str, Reply | Failure]) -> TraceBatch:
    """The traces of a batch of asks; `results` maps request keys to what came. An ask without a result is `no_reply` too."""
    rows: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    for ask in asks:
        place = _place(who, ask.question.question_id, ask.question.source, ask.question.source_row, ask.sample_index)
        result = results.get(ask.request.key)
        if isinstance(result, Reply):
            licence = who.licence or ask.question.licence
            rows.append({**place, **_told(who, model, ask, result), "licence": licence})
        else:
            dropped.append(_lost(place, NO_REPLY, _reason(result)))
    return TraceBatch(Traces.frame(rows), Ledger.frame(dropped))


def reference_rows(who: Answering, questions: pl.DataFrame) -> TraceBatch:
    """One trace a question (columns of Questions): its worked solution as reasoning, its gold answer as answer."""
    rows: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    columns = ("question_id", "source", "source_row", "solution", "gold", "licence")
    for question, source, source_row, solution, gold, licence in questions.select(columns).iter_rows():
        place = _place(who, question, source, source_row, 0)
        answer = reference_answer(solution, gold)
        if isinstance(answer, NoReference):
            dropped.append(_lost(place, NO_REFERENCE, answer.reason))
            continue
        said = {"reasoning": answer.reasoning, "answer": answer.answer, "reasoning_closed": True}
        of = {"finish_reason": "reference", "model": "reference", "revision": "", "licence": who.licence or licence}
        rows.append({**place, **said, **of})
    return TraceBatch(Traces.frame(rows), Ledger.frame(dropped))


def _place(who: Answering, question: str, source: str, source_row: str, index: int) -> dict[str, Any]:
    return {
        "trace_id": trace_id(question, who.identity_hash, index),
        "question_id": question,
        "source": source,
        "source_row": source_row,
        "teacher": who.teacher.key,
        "sample_index": index,
    }


def _told(who: Answering, model: Model, ask: Ask, reply: Reply) -> dict[str, Any]:
    """What a reply says, split, counted and priced."""
    parsed = parse(reply, who.teacher.reasoning)
    return {
        "response_key": ask.request.key,
        "reasoning": parsed.reasoning,
        "answer": parsed.answer,
        "finish_reason": reply.finish_reason,
        "reasoning_closed": parsed.closed,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "cost": reply.cost if reply.cost is not None else model.cost(reply),
        "model": model.model,
        "revision": model.revision,
    }


def _lost(place: Mapping[str, Any], rule: str, note: str) -> dict[str, Any]:
    return {
        "row_id": place["trace_id"],
        "rule": rule,
        "note": f"answer {place['sample_index']} to {place['question_id']}: {note}",
        "source": place["source"],
        "source_row": place["source_row"],
    }


def _reason(result: Failure | None) -> str:
    if result is None:
        return "never asked"
    return f"{result.kind} after {result.attempts} attempt(s): {result.reason}"
