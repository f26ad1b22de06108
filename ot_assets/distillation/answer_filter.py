"""The answer filter: which of a recipe's traces become examples.

Belongs here: the facts that filters work on, and the steps in order. The filters are those of the OpenThoughts3 ablation (arXiv
2506.04178, answer filtering); each has a module of its own where it needs more than facts. Contract: rows in = rows kept +
ledger rows, rows keep their order, and the outcome depends on the rows, the steps and what the aids hand in only.

Before the first step, rule `duplicate` drops the same trace from two sources of the recipe (they hold the same question); the
first stays. Then, by kind of step, with the ledger rules of what goes:

* `none`: keeps everything, also unfinished answers, as OpenThoughts3 did; `Chosen.unfinished` says how many;
* `verified` (`wrong`, `unverifiable`, `verifier_failed`): whatever the verifier did not call correct; a trace that nobody
  judged is unverifiable;
* `longest`, `shortest` by completion tokens (unknown counts last), `random` by the seed;
* `majority` (`minority`, `no_vote`, `no_majority`): see `majority_filter`;
* `closed_reasoning` (`reasoning_open`): answers whose reasoning never came to its end;
* `long_paragraph`, `code_language`: see `text_filters`; `non_english`, `language`: see `language_filter`;
* `fasttext`: see `fasttext_filter`; `judge_verify`, `judge_pick`: see `judge_filters`;
* `cut_to` (`not_drawn`): exactly so many, drawn by the seed, among those that can become examples at all (what the student's
  cutoff would drop goes first, by its own rules, so that two recipes that differ only in their filter end at equal sizes).

Steps that compare answers (`verified`, `longest`, `shortest`, `random`, `majority`, the judges) first drop unfinished ones
(`no_answer`: the reasoning never closed, no answer follows it, or it was cut). `keep` drops what is beyond so many answers a
question (`not_kept`; ties go to the lower sample) and counts for each time that the question was drawn; `rows` what is beyond
so many in all (`not_drawn`). A smaller draw is part of a larger one.

Fails with `UserError` where `cut_to` finds too few rows, and as the filters with aids do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl

from ot_assets.distillation.aids import Aids, NoAids
from ot_assets.distillation.fasttext_filter import alike
from ot_assets.distillation.funnel import KEY, Funnel
from ot_assets.distillation.judge_filters import judged_correct, picked
from ot_assets.distillation.language_filter import only_languages
from ot_assets.distillation.majority_filter import majority
from ot_assets.distillation.text_filters import no_long_paragraphs, only_code
from ot_assets.registry.specs.answer_filter import (
    AnswerFilter,
    AnswerFilters,
    AnswerStep,
    ClosedReasoning,
    CodeLanguage,
    CutTo,
    FastText,
    JudgePick,
    JudgeVerify,
    LongParagraph,
    Majority,
    steps_of,
)
from resources.errors import UserError

FACTS = (
    "trace_id",
    "question_id",
    "source",
    "source_row",
    "sample_index",
    "completion_tokens",
    "reasoning_closed",
    "unfinished",
)
"""Columns of the facts; `unfinished` is null for a finished answer, else why it is not."""

Rows = TypeVar("Rows", pl.DataFrame, pl.LazyFrame)

NOT_JUDGED = "nobody judged it"
REASONING_OPEN = "reasoning_open"


@dataclass(frozen=True)
class Chosen:
    """What the filter left: `frame` (columns `FACTS` and `verdict`), the ledger, how many kept answers are unfinished, and what
    each step did (`kind`, `rows_in`, `rows_out`).
    """

    frame: pl.DataFrame
    ledger: pl.DataFrame
    rows_in: int
    unfinished: int
    steps: tuple[dict[str, Any], ...] = ()

    @property
    def unfinished_share(self) -> float:
        """Share of the kept answers that are cut or never came to an answer, 0 to 1."""
        return self.unfinished / len(self.frame) if len(self.frame) else 0.0


def facts(traces: pl.LazyFrame) -> pl.LazyFrame:
    """What the filter needs of traces (columns of Traces): `FACTS`."""
    why = (
        pl.when(~pl.col("reasoning_closed"))
        .then(pl.lit("its reasoning never closed"))
        .when(pl.col("answer").is_null())
        .then(pl.lit("no answer follows its reasoning"))
        .when(~pl.col("finish_reason").is_in(["stop", "reference"]))
        .then(pl.format("it ended by {}", "finish_reason"))
    )
    return traces.with_columns(unfinished=why).select(FACTS)


def wanted_traces(traces: Rows, filtered: Rows) -> Rows:
    """The facts of those traces that a recipe asked for: others may have asked for more questions, or more answers.

    `filtered` holds `source`, `question_id` and `answers_per_question` of the recipe's filtered set. Adds `copies`: how
    often the question was drawn.
    """
    asked = filtered.group_by("source", "question_id").agg(
        pl.col("answers_per_question").sum().alias("_answers"), pl.len().cast(pl.Int64).alias("copies")
    )
    met = traces.join(asked, on=["source", "question_id"], how="inner", maintain_order="left")
    return met.filter(pl.col("sample_index") < pl.col("_answers")).drop("_answers")


def verdict_columns(filters: AnswerFilters) -> tuple[str, ...]:
    """What the filter reads of verdicts: the extracted answers only where it compares them, since they may be long."""
    compares = any(isinstance(step, Majority) for step in steps_of(filters))
    return ("trace_id", "verdict", "extracted") if compares else ("trace_id", "verdict")


def choose(
    filters: AnswerFilters, traces: pl.DataFrame, verdicts: pl.DataFrame | None, seed: int, aids: Aids | None = None
) -> Chosen:
    """Runs the filter over the traces of a recipe and a teacher (from `wanted_traces`).

    `verdicts` holds `trace_id`, `verdict` and, for `majority`, `extracted`; None when there are none. `seed` is the recipe's
    and gives way to a step's own. `aids` is what steps read beyond the facts.
    """
    funnel = Funnel(_judged(traces, verdicts), seed)
    _without_duplicates(funnel)
    done: list[dict[str, Any]] = []
    for step in steps_of(filters):
        before = len(funnel.frame)
        figures = _run(step, funnel, aids or NoAids())
        done.append({"kind": step.kind, "rows_in": before, "rows_out": len(funnel.frame), **figures})
    kept = funnel.frame.select(*FACTS, "verdict")
    return Chosen(kept, funnel.ledger, len(traces), kept.get_column("unfinished").count(), tuple(done))


def _judged(traces: pl.DataFrame, verdicts: pl.DataFrame | None) -> pl.DataFrame:
    schema = {"trace_id": pl.String(), "verdict": pl.String(), "extracted": pl.String()}
    if verdicts is None:
        verdicts = pl.DataFrame(schema=schema)
    if "extracted" not in verdicts.columns:
        verdicts = verdicts.with_columns(extracted=pl.lit(None, pl.String))
    once = verdicts.select(*schema).unique("trace_id", keep="first")
    return traces.join(once, on="trace_id", how="left", maintain_order="left")


def _without_duplicates(funnel: Funnel) -> None:
    first = pl.format("{}/{}", "source", "source_row").first().over("trace_id").alias("_first")
    funnel.frame = funnel.frame.with_columns(first)
    funnel.drop(~pl.col("trace_id").is_first_distinct(), "duplicate", lost_to=pl.col("_first"))
    funnel.without("_first")


def _run(step: AnswerStep, funnel: Funnel, aids: Aids) -> dict[str, Any]:
    """One step; what it has to tell beside the rows."""
    match step:
        case AnswerFilter():
            _by_facts(step, funnel)
        case Majority():
            majority(step, funnel)
        case ClosedReasoning():
            funnel.drop(~pl.col("reasoning_closed"), REASONING_OPEN, note=pl.col("unfinished"))
        case LongParagraph():
            no_long_paragraphs(step, funnel, aids)
        case CodeLanguage():
            only_code(step, funnel, aids)
        case FastText():
            return {"samples": alike(step, funnel, aids)}
        case JudgeVerify():
            judged_correct(step, funnel, aids)
        case JudgePick():
            picked(step, funnel, aids)
        case CutTo():
            _cut(step, funnel, aids)
        case _:
            only_languages(step, funnel, aids)
    return {}


def _by_facts(step: AnswerFilter, funnel: Funnel) -> None:
    if step.kind != "none":
        funnel.need_answers()
    if step.kind == "verified":
        verdict = pl.col("verdict").fill_null("unverifiable")
        note = pl.when(pl.col("verdict").is_null()).then(pl.lit(NOT_JUDGED))
        funnel.drop(verdict != "correct", verdict, note=note)
    if step.keep is not None:
        tokens = pl.col("completion_tokens").cast(pl.Int64)
        order = {"longest": [-tokens], "shortest": [tokens], "random": [pl.col(KEY)]}.get(step.kind, [])
        if step.kind == "random":
            funnel.keyed(step.seed)
        funnel.keep(step.keep, *order)
        funnel.without(KEY)
    if step.rows is not None:
        funnel.draw(step.rows, step.seed)


def _cut(step: CutTo, funnel: Funnel, aids: Aids) -> None:
    funnel.drop_listed(aids.unfit(funnel.frame.select("trace_id", "source", "verdict")))
    left = len(funnel.frame)
    if left < step.rows and step.short == "error":
        raise UserError(
            f"answer_filter: cut_to wants {step.rows:,} examples, and {left:,} are left after the steps before it",
            fix="ask for more answers a question, lower rows (in every recipe that is compared), or say short: keep",
        )
    funnel.draw(step.rows, step.seed)
