"""Assets of distillation: what is asked, what teachers answer, how it is judged, what students learn from."""

from __future__ import annotations

import polars as pl

from ot_assets.distillation.answer_examples import write_answers
from ot_assets.distillation.answering import answer_rows
from ot_assets.distillation.asked_judge import judge_of
from ot_assets.distillation.judging import judged
from ot_assets.distillation.requests import Asking, requests_for, union
from ot_assets.distillation.thread_examples import write_threads
from ot_assets.graph import source
from ot_assets.progress import report
from ot_assets.stage import stage
from ot_assets.step import Step
from ot_assets.students.tokens import counter
from ot_assets.verification import VerdictCache


@stage("source", reads={"filtered_set": "recipe_to_source"}, group="distillation", may_be_empty=True)
def trace_requests(step: Step) -> None:
    """The union over recipes of questions to ask and how often: cheap, and unchanged when nothing new is asked."""
    key = step.partition["source"]
    asked = [
        Asking(
            step.registry.recipe(at["recipe"]),
            filtered.scan().filter(pl.col("source") == key).select("question_id", "answers_per_question").collect(),
        )
        for at, filtered in step.open_needs("filtered_set").items()
    ]
    step.out.write(union(asked))
    step.out.stat(recipes=[one.recipe.key for one in asked])


@stage(
    "source_teacher",
    reads={
        "trace_requests": "source_to_traces",
        "screened_questions": "source_to_traces",
        "teacher_spec": "teacher_to_traces",
    },
    group="distillation",
    may_be_empty=True,
    suite="traces",
    pool="gpu",
)
def traces(step: Step) -> None:
    """Every asked-for answer of one teacher to the questions of one source: reasoning, answer, tokens, cost."""
    at = source(step.partition["source"])
    wanted = requests_for(step.partition["teacher"], step.open("trace_requests", at).read())
    screened = step.open("screened_questions", at)
    rows_in = 0
    for batch in answer_rows(step, screened, wanted):
        step.out.write(batch.frame)
        step.out.drop(batch.ledger)
        step.out.licences(*batch.frame.get_column("licence").unique().to_list())
        rows_in += len(batch.frame) + len(batch.ledger)
    step.out.rows_in(rows_in)
    step.out.stat(teacher=step.partition["teacher"], questions=len(wanted))


@stage(
    "source_teacher",
    reads={"traces": None, "screened_questions": "source_to_traces", "source_spec": "source_to_traces"},
    group="distillation",
    may_be_empty=True,
    suite="verdicts",
)
def verdicts(step: Step) -> None:
    """What the question's verifier says of each trace: correct, wrong, unverifiable, or that the verifier failed."""
    answered = step.open("traces", step.partition)
    questions = step.open("screened_questions", source(step.partition["source"]))
    counts: dict[str, int] = {}
    with VerdictCache(step.services.home.verdicts) as cache:
        for rows in judged(answered, questions, judge=judge_of(step), cache=cache):
            step.out.write(rows)
            for verdict, count in rows.group_by("verdict").len().iter_rows():
                counts[verdict] = counts.get(verdict, 0) + count
            report(", ".join(f"{count:,} {verdict}" for verdict, count in sorted(counts.items())))
        if cache.why_off:
            report(cache.why_off)
    step.out.rows_in(answered.manifest.rows_out)
    step.out.stat(verdicts=counts)


@stage(
    "recipe_teacher",
    reads={
        "filtered_set": "recipe_to_training",
        "traces": "traces_to_training",
        "verdicts": "traces_to_training",
        "sft_threads": "conversation_to_training",
        "benchmark_questions": "benchmark_to_training",
        "recipe_spec": "recipe_to_training",
    },
    group="distillation",
    suite="training_set",
)
def training_set(step: Step) -> None:
    """Examples after the answer filter, as chat messages that TRL trains on; each names its trace and source row."""
    recipe, teacher = step.registry.recipe(step.partition["recipe"]), step.partition["teacher"]
    count = counter(recipe, step)
    answers = write_answers(step, recipe, teacher, count)
    threads = write_threads(step, recipe, count)
    step.out.rows_in(answers.read + threads.read)
    step.out.stat(over_cutoff=answers.over + threads.over)
    if recipe.conversations is not None:
        against = list(threads.screened_against)
        screened = {"screened_against": against, "contaminated": threads.contaminated}
        step.out.stat(threads={"read": threads.read, "taught": threads.made, **screened})
    think = recipe.student.think
    step.suite_facts.update(
        max_tokens=recipe.student.max_tokens if recipe.student.too_long == "drop" else None,
        verified=recipe.verified and recipe.conversations is None,
        closing_tag=think.close
        if think and step.registry.teacher(teacher).reasoning and recipe.conversations is None
        else None,
    )


ASSETS = (trace_requests, traces, verdicts, training_set)
