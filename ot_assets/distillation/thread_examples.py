"""Training examples of people's conversations: rows of `sft_threads` as rows of a training set.

Belongs here: how many examples each language gives, which, and how one is written. Contract: a row is drawn by the hash of
its id and the seed, so that a smaller number is a subset of a larger one; the weights of `weighted` threads are not read,
since a training set has one row an example. An example names the language as source (`conversations-en`) and the reply's
message as source row, from which `ot lineage` goes on to the events. What is drawn is screened against the recipe's benchmarks
(`thread_screening`). Rows in = examples + ledger rows (rule `not_drawn`, those of screening, `too_long` as with answers).
Raises nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ot_assets.conversations.weighting import rows_of, shares
from ot_assets.curation.draws import draw_order
from ot_assets.curation.screen_items import items_of
from ot_assets.curation.screening import Screener
from ot_assets.distillation.thread_screening import screen_threads
from ot_assets.distillation.training_examples import Conversation, CountTokens, too_long
from ot_assets.graph import language
from ot_assets.registry.specs.recipe import RecipeSpec
from ot_assets.registry.specs.threads import ThreadDraw
from resources.artifacts import Artifact
from schemas.distillation import TrainingSet
from schemas.ids import content_hash, example_id, question_id
from schemas.ledger import Ledger

if TYPE_CHECKING:
    from ot_assets.step import Step

SOURCE = "conversations-"
"""Begins the source of an example that comes from a conversation; the language's key follows."""
PEOPLE = "people"
"""Who wrote such an example."""
_BATCH = 2_000


@dataclass
class ThreadCounts:
    """What was read and made."""

    read: int = 0
    made: int = 0
    over: int = 0
    contaminated: int = 0
    screened_against: tuple[str, ...] = ()


def write_threads(step: Step, recipe: RecipeSpec, count: CountTokens) -> ThreadCounts:
    """Writes the examples of the recipe's conversations; nothing where it has none."""
    counts, draw = ThreadCounts(), recipe.conversations
    if draw is None:
        return counts
    seed = recipe.seed if draw.seed is None else draw.seed
    made = {key: step.open("sft_threads", language(key)) for key in draw.languages}
    wanted = drawn(draw, {key: _ids(artifact, draw) for key, artifact in made.items()}, seed)
    screener, counts.screened_against = _screener(step, recipe)
    for key, artifact in made.items():
        step.out.licences(*artifact.manifest.licences)
        for batch in artifact.batches(rows=_BATCH):
            some = batch if draw.split == "all" else batch.filter(pl.col("split") == draw.split)
            counts.read += len(some)
            taken = pl.col("thread_id").is_in(wanted[key].implode())
            _drop(step, key, some.filter(~taken))
            mine = some.filter(taken)
            if screener is not None:
                mine, contaminated = screen_threads(screener, mine, SOURCE + key)
                step.out.drop(contaminated)
                counts.contaminated += len(contaminated)
            _write(step, recipe, key, mine, count, counts)
    return counts


def _screener(step: Step, recipe: RecipeSpec) -> tuple[Screener | None, tuple[str, ...]]:
    """What finds the items of the recipe's benchmarks, and their keys; None where it names none."""
    wanted = step.registry.screened_against(recipe.key)
    if not wanted:
        return None, ()
    items = {at["benchmark"]: made for at, made in step.open_needs("benchmark_questions").items()}
    found = items_of(step.registry, step.services.home, {key: items[key] for key in wanted})
    return Screener(found), wanted


def drawn(draw: ThreadDraw, ids: dict[str, pl.Series], seed: int) -> dict[str, pl.Series]:
    """The threads that are taken, by language."""
    if draw.rows == "all":
        return ids
    sizes = {key: len(some) for key, some in ids.items() if len(some)}
    wanted = rows_of(shares(sizes, draw.alpha, draw.cap), draw.rows, sizes) if sizes else {}
    return {key: some.gather(draw_order(seed, key, some)[: wanted.get(key, 0)]) for key, some in ids.items()}


def _ids(artifact: Artifact, draw: ThreadDraw) -> pl.Series:
    rows = artifact.scan().select("thread_id", "split")
    rows = rows if draw.split == "all" else rows.filter(pl.col("split") == draw.split)
    return rows.select("thread_id").collect().to_series()


def _write(
    step: Step, recipe: RecipeSpec, key: str, rows: pl.DataFrame, count: CountTokens, counts: ThreadCounts
) -> None:
    student = recipe.student
    before = [{"role": "system", "content": student.system_prompt}] if student.system_prompt else []
    told = list(_conversations(rows, before))
    kept, dropped = [], []
    for row, said, tokens in zip(rows.iter_rows(named=True), told, count(told), strict=True):
        if (why := too_long(student, tokens)) is not None:
            drop = {"row_id": row["thread_id"], "rule": "too_long", "figure": float(sum(tokens)), "note": why}
            dropped.append({**drop, "source": SOURCE + key, "source_row": row["message_ids"][-1]})
            continue
        counts.over += sum(tokens) > student.max_tokens
        kept.append(
            {
                **_ids_of(recipe, key, row),
                "prompt": said.prompt,
                "completion": said.completion,
                "prompt_tokens": tokens.prompt,
                "completion_tokens": tokens.completion,
            }
        )
    step.out.write(TrainingSet.frame(kept))
    step.out.drop(Ledger.frame(dropped))
    counts.made += len(kept)


def _conversations(rows: pl.DataFrame, before: list[dict[str, str]]) -> Iterator[Conversation]:
    for prompt, completion in rows.select("prompt", "completion").iter_rows():
        yield Conversation([*before, *prompt], completion)


def thread_trace(thread_id: str) -> str:
    """What stands where other examples have the id of their trace."""
    return "t" + content_hash(["thread", thread_id])[:31]


def _ids_of(recipe: RecipeSpec, key: str, row: dict[str, Any]) -> dict[str, Any]:
    trace = thread_trace(row["thread_id"])
    return {
        "example_id": example_id(trace, recipe.key),
        "trace_id": trace,
        "question_id": question_id(row["prompt"][-1]["content"]),
        "source": SOURCE + key,
        "source_row": row["message_ids"][-1],
        "teacher": PEOPLE,
        "domain": "conversation",
        "verdict": None,
        "licence": row["licence"],
    }


def _drop(step: Step, key: str, rows: pl.DataFrame) -> None:
    step.out.drop(
        Ledger.frame(
            [
                {"row_id": thread, "rule": "not_drawn", "source": SOURCE + key, "source_row": messages[-1]}
                for thread, messages in rows.select("thread_id", "message_ids").iter_rows()
            ]
        )
    )
