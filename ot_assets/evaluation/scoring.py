"""From replies to scores: rows of responses, the verdict on each, and a score a benchmark.

Contract: every asked repeat of every question has a row; one without a reply has a reason and no verdict, and is
never counted as wrong. What is judged is the part of a reply behind its reasoning. A reply that was cut at its token
limit came: it is judged, and is wrong when it states no answer. Responses are read a frame at a time; only their
verdicts are kept. Pure but for the verifier's worker processes, which end with the call.
Fails with KeyError when responses name a benchmark whose questions or spec were not handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.distillation.parsing import split
from ot_assets.evaluation.outcomes import outcomes_by_benchmark
from ot_assets.evaluation.requests import Ask
from ot_assets.evaluation.statistics import Score, score_of
from ot_assets.registry import BenchmarkSpec
from ot_assets.registry.specs.base import Tags
from ot_assets.verification import VerifierPool, VerifyTask
from resources.generation.reply import Failure, Reply
from schemas import EvalQuestions, EvalResponses, EvalScores

TAGS = Tags()
"""The reasoning tags of a model that is not known to use others."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of some benchmarks: rows of EvalScores, rows of EvalQuestions, and the full figures by benchmark."""

    scores: pl.DataFrame
    questions: pl.DataFrame
    figures: Mapping[str, Score]


def response_rows(benchmark: str, asked: Sequence[Ask], came: Mapping[str, Reply | Failure]) -> pl.DataFrame:
    """Rows of EvalResponses, in the order in which it was asked; `came` maps request keys to what came."""
    return EvalResponses.frame([_response(benchmark, ask, came.get(ask.request.key)) for ask in asked])


def score(
    responses: pl.DataFrame | Iterable[pl.DataFrame],
    questions: Mapping[str, pl.DataFrame],
    specs: Mapping[str, BenchmarkSpec],
    *,
    tags: Tags = TAGS,
) -> Scored:
    """Judges and scores responses (rows of EvalResponses, whole or a frame at a time), benchmarks in the order of `questions`.

    `questions` holds each benchmark's rows of Questions; `tags` are the model's own, where it was taught others.
    """
    frames = [responses] if isinstance(responses, pl.DataFrame) else responses
    gold = _gold(questions)
    with VerifierPool() as pool:
        parts = [EvalQuestions.frame(list(_judge(pool, frame, gold, tags))) for frame in frames]
    judged = pl.concat([EvalQuestions.empty(), *parts])
    figures = {key: score_of(outcomes) for key, outcomes in outcomes_by_benchmark(judged).items()}
    unknown = sorted(figures.keys() - questions.keys())
    if unknown:
        raise KeyError(f"responses to {', '.join(unknown)}, whose questions were not handed in")
    scores = EvalScores.frame([_score_row(key, specs[key], figures[key]) for key in questions if key in figures])
    return Scored(scores, judged, figures)


def _gold(questions: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    needed = ("question_id", "gold", "verifier", "verifier_args")
    return pl.concat(f.select(pl.lit(key).alias("benchmark"), *needed) for key, f in questions.items())


def _response(benchmark: str, ask: Ask, result: Reply | Failure | None) -> dict[str, Any]:
    row: dict[str, Any] = {"benchmark": benchmark, "question_id": ask.question_id, "repeat": ask.repeat}
    if isinstance(result, Reply):
        return row | {
            "response_key": ask.request.key,
            "text": result.text,
            "finish_reason": result.finish_reason,
            "completion_tokens": result.completion_tokens,
        }
    return row | {"missing_reason": f"{result.kind}: {result.reason}" if result else "never asked"}


def _judge(pool: VerifierPool, responses: pl.DataFrame, gold: pl.DataFrame, tags: Tags) -> Iterator[dict[str, Any]]:
    """A row of EvalQuestions a response, in order."""
    rows = responses.join(gold, on=["benchmark", "question_id"], how="left", maintain_order="left")
    named = list(rows.iter_rows(named=True))
    verdicts = pool.verify_many(_task(row, tags) for row in named if row["text"] is not None)
    for row in named:
        said = {key: row[key] for key in ("benchmark", "question_id", "repeat")}
        if row["text"] is None:
            yield said | {"reason": row["missing_reason"]}
            continue
        verdict = next(verdicts)
        yield said | {"verdict": verdict.verdict, "extracted": verdict.extracted, "reason": verdict.reason}


def _task(row: Mapping[str, Any], tags: Tags) -> VerifyTask:
    # A model that was not asked to reason writes no tags; then a cut reply is its answer so far, not endless reasoning.
    tagged = tags.open in row["text"] or tags.close in row["text"]
    parsed = split(row["text"], tags if tagged else None, cut=row["finish_reason"] != "stop")
    return VerifyTask(
        verifier=row["verifier"] or "none",
        verifier_args=row["verifier_args"],
        gold=row["gold"],
        answer=parsed.answer,
        finish_reason=row["finish_reason"],
        reasoning_closed=parsed.closed,
    )


def _score_row(key: str, spec: BenchmarkSpec, figure: Score) -> dict[str, Any]:
    return {
        "benchmark": key,
        "role": spec.role,
        "score": figure.score,
        "se": figure.se,
        "questions": figure.questions,
        "repeats": spec.repeats,
        "missing": figure.missing,
    }
