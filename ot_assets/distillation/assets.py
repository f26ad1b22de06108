"""Assets of distillation: what is asked, what teachers answer, how it is judged, what students learn from."""

from __future__ import annotations

import polars as pl

from ot_assets.distillation.answer_filter import choose, facts, verdict_columns, wanted_traces
from ot_assets.distillation.answering import answer_rows
from ot_assets.distillation.asked_judge import judge_of
from ot_assets.distillation.judging import judged
from ot_assets.distillation.requests import Asking, requests_for, union
from ot_assets.distillation.training_aids import ASKED, TrainingAids
from ot_assets.distillation.training_examples import examples, question_rows
from ot_assets.graph import recipe as recipe_at
from ot_assets.graph import source, source_teacher
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
        "recipe_spec": "recipe_to_training",
    },
    group="distillation",
    suite="training_set",
)
def training_set(step: Step) -> None:
    """Examples after the answer filter, as chat messages that TRL trains on; each names its trace and source row."""
    recipe, teacher = step.registry.recipe(step.partition["recipe"]), step.partition["teacher"]
    filtered = step.open("filtered_set", recipe_at(recipe.key)).scan().select(ASKED).collect()
    answered = {key: step.open("traces", source_teacher(key, teacher)) for key in recipe.sources}
    verdicts_of = [step.open("verdicts", source_teacher(key, teacher)) for key in recipe.sources]
    known = pl.concat([facts(a.scan()) for a in answered.values()]).collect()
    columns = verdict_columns(recipe.answer_filter)
    told = pl.concat([v.scan().select(columns) for v in verdicts_of]).collect()
    questions, count, over = question_rows(filtered), counter(recipe, step), 0
    aids = TrainingAids(step, recipe, filtered, answered, count)
    chosen = choose(recipe.answer_filter, wanted_traces(known, filtered), told, recipe.seed, aids)
    step.out.drop(chosen.ledger)
    kept = chosen.frame.select("trace_id", "source", "verdict")
    for key, artifact in answered.items():
        mine = kept.filter(pl.col("source") == key).drop("source")
        for batch in artifact.batches(rows=5_000):
            made = examples(recipe, batch.join(mine, on="trace_id", maintain_order="left"), questions, count)
            step.out.write(made.frame)
            step.out.drop(made.ledger)
            step.out.licences(*made.frame.get_column("licence").unique().to_list())
            over += made.over
    step.out.rows_in(chosen.rows_in)
    step.out.stat(unfinished_share=chosen.unfinished_share, over_cutoff=over, answer_filter=list(chosen.steps))
    think = recipe.student.think
    step.suite_facts.update(
        max_tokens=recipe.student.max_tokens if recipe.student.too_long == "drop" else None,
        verified=recipe.verified,
        closing_tag=think.close if think and step.registry.teacher(teacher).reasoning else None,
    )


ASSETS = (trace_requests, traces, verdicts, training_set)
