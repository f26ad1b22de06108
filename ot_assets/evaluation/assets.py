"""Assets of evaluation: replies to benchmarks, scores, models side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl

from ot_assets.asking import as_model, student_model, with_weights
from ot_assets.evaluation.leaderboard import Entry, make_leaderboard
from ot_assets.evaluation.leaderboard_view import markdown
from ot_assets.evaluation.replying import replies
from ot_assets.evaluation.scoring import TAGS, Scored, score
from ot_assets.pictures import bars_of, score_bars
from ot_assets.stage import stage
from ot_assets.step import Step


@stage(
    "recipe_teacher",
    reads={"student_model": None, "benchmark_questions": "every_benchmark"},
    group="evaluation",
    pool="gpu",
)
def eval_responses(step: Step) -> None:
    """Repeated samples of the student on the recipe's benchmarks; a reply that never came is a row with its reason."""
    student = student_model(step.open("student_model", step.partition))
    taught = step.registry.recipe(step.partition["recipe"]).student.system_prompt
    benchmarks = step.open_needs("benchmark_questions")
    for rows in replies(step, student, lambda: student, benchmarks, system_prompt=taught):
        step.out.write(rows)


@stage(
    "recipe_teacher",
    reads={"eval_responses": None, "benchmark_questions": "every_benchmark"},
    group="evaluation",
    suite="scores",
)
def eval_scores(step: Step) -> Mapping[str, Any]:
    """The student's score on each benchmark, with its standard error over questions and repeats."""
    responses = step.open("eval_responses", step.partition).batches()
    questions = {at["benchmark"]: a.read() for at, a in step.open_needs("benchmark_questions").items()}
    tags = step.registry.recipe(step.partition["recipe"]).student.think or TAGS
    return _publish(step, score(responses, questions, step.registry.benchmarks, tags=tags))


@stage(
    "model",
    reads={"model_spec": None, "benchmark_questions": "every_benchmark"},
    group="evaluation",
    suite="scores",
    pool="gpu",
)
def baseline_scores(step: Step) -> Mapping[str, Any]:
    """A model as it comes (a student's base, a teacher) on the same benchmarks."""
    spec = step.registry.all_models[step.partition["model"]]
    opened = step.open_needs("benchmark_questions")
    came = replies(step, as_model(spec), with_weights(spec, step.services.home), opened)
    questions = {at["benchmark"]: artifact.read() for at, artifact in opened.items()}
    return _publish(step, score(_kept(step, came), questions, step.registry.benchmarks))


@stage(
    None, reads={"eval_scores": "everything", "baseline_scores": "everything"}, group="evaluation", may_be_empty=True
)
def leaderboard(step: Step) -> Mapping[str, Any]:
    """Every model on every benchmark, and every pair of models on the same questions: is the difference real?"""
    students = [
        Entry.student(at["recipe"], at["teacher"], a.read(), a.read("questions"))
        for at, a in step.open_needs("eval_scores").items()
    ]
    models = [
        Entry.baseline(at["model"], a.read(), a.read("questions"))
        for at, a in step.open_needs("baseline_scores").items()
    ]
    board = make_leaderboard([*students, *models])
    step.out.write(board.score_frame(include_held_out=True))
    step.out.write(board.comparison_frame(), "comparisons")
    return {
        "leaderboard": dg.MetadataValue.md(markdown(board)),
        "scores": dg.MetadataValue.md(score_bars(bars_of(board.to_json()["scores"]))),
    }


def _kept(step: Step, responses: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same frames, written on their way to the verifier."""
    for rows in responses:
        step.out.write(rows, "responses")
        yield rows


def _publish(step: Step, scored: Scored) -> Mapping[str, Any]:
    step.out.write(scored.scores)
    step.out.write(scored.questions, "questions")
    rows = [{**row, "model": str(step.partition)} for row in scored.scores.iter_rows(named=True)]
    step.out.stat(scores={key: figure.score for key, figure in scored.figures.items()})
    shown = [row for row in rows if row["role"] == "dev"]
    return {"scores": dg.MetadataValue.md(score_bars(bars_of(shown)))} if shown else {}


ASSETS = (eval_responses, eval_scores, baseline_scores, leaderboard)
