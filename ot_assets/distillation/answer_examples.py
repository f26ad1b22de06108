"""Training examples of a teacher's answers: a recipe's traces, chosen and written, as rows of a training set.

Belongs here: opening the filtered set, traces and verdicts, choosing (`answer_filter`), writing (`training_examples`), and the
figures of both. Contract: rows in = examples + ledger rows; a recipe without parts has no answers and opens nothing. Fails with
UserError as those modules do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ot_assets.distillation.answer_filter import choose, facts, verdict_columns, wanted_traces
from ot_assets.distillation.training_aids import ASKED, TrainingAids
from ot_assets.distillation.training_examples import CountTokens, examples, question_rows
from ot_assets.graph import recipe as recipe_at
from ot_assets.graph import source_teacher
from ot_assets.registry.specs.recipe import RecipeSpec

if TYPE_CHECKING:
    from ot_assets.step import Step

_BATCH = 5_000


@dataclass(frozen=True)
class AnswerCounts:
    """What was read, and how many examples are over the cutoff but stay."""

    read: int = 0
    over: int = 0


def write_answers(step: Step, recipe: RecipeSpec, teacher: str, count: CountTokens) -> AnswerCounts:
    """Writes the examples of the teacher's answers."""
    if not recipe.parts:
        return AnswerCounts()
    filtered = step.open("filtered_set", recipe_at(recipe.key)).scan().select(ASKED).collect()
    answered = {key: step.open("traces", source_teacher(key, teacher)) for key in recipe.sources}
    verdicts_of = [step.open("verdicts", source_teacher(key, teacher)) for key in recipe.sources]
    known = pl.concat([facts(a.scan()) for a in answered.values()]).collect()
    columns = verdict_columns(recipe.answer_filter)
    told = pl.concat([v.scan().select(columns) for v in verdicts_of]).collect()
    questions, over = question_rows(filtered), 0
    aids = TrainingAids(step, recipe, filtered, answered, count)
    chosen = choose(recipe.answer_filter, wanted_traces(known, filtered), told, recipe.seed, aids)
    step.out.drop(chosen.ledger)
    kept = chosen.frame.select("trace_id", "source", "verdict")
    for key, artifact in answered.items():
        mine = kept.filter(pl.col("source") == key).drop("source")
        for batch in artifact.batches(rows=_BATCH):
            made = examples(recipe, batch.join(mine, on="trace_id", maintain_order="left"), questions, count)
            step.out.write(made.frame)
            step.out.drop(made.ledger)
            step.out.licences(*made.frame.get_column("licence").unique().to_list())
            over += made.over
    step.out.stat(unfinished_share=chosen.unfinished_share, answer_filter=list(chosen.steps))
    return AnswerCounts(chosen.rows_in, over)
