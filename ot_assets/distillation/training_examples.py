r"""Training examples: from chosen traces and their questions to rows of a training set.

Belongs here: how an example is written, measured and cut. An example is TRL's conversational prompt-completion form:
the prompt holds the student's system turn, if it has one, and the question in the student's own template; the
completion is one assistant turn, `<think>\n reasoning \n</think>\n\n answer` in the student's tags. Reasoning that
never closed stays open, as in OpenThoughts3. Contract: a pure function of its inputs, in the order of the traces;
traces in = examples + ledger rows:

* `no_answer`: nothing is left to learn from, because the reply was empty or the student is taught answers only and
  there is none;
* `too_long`: prompt and completion together have more tokens than the student's cutoff and the recipe says `drop`; or
  the prompt alone fills the cutoff, so that cutting would leave nothing to learn. Under `truncate` the others stay
  whole here and the trainer cuts their ends; `ExampleBatch.over` counts them.

Tokens are counted by a function that the caller hands in, so nothing here knows tokenizers. Raises `ValueError` when
a trace's question is not among the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from ot_assets.distillation.parsing import join
from ot_assets.distillation.prompts import fill
from ot_assets.registry.specs.recipe import RecipeSpec, Student
from schemas.distillation import TrainingSet
from schemas.ids import example_id
from schemas.ledger import Ledger

TOO_LONG = "too_long"
NO_ANSWER = "no_answer"

Turn = dict[str, str]
"""A chat message: `role` and `content`."""


class Conversation(NamedTuple):
    """An example's two halves."""

    prompt: list[Turn]
    completion: list[Turn]


class TokenCount(NamedTuple):
    """Tokens of the two halves, by the student's tokenizer and chat template."""

    prompt: int
    completion: int


CountTokens = Callable[[Sequence[Conversation]], Sequence[TokenCount]]
"""Counts the tokens of a batch of conversations."""


@dataclass(frozen=True)
class ExampleBatch:
    """Rows of TrainingSet, the ledger rows of the others, and how many rows are over the cutoff but stay."""

    frame: pl.DataFrame
    ledger: pl.DataFrame
    over: int


def question_rows(filtered: pl.DataFrame) -> pl.DataFrame:
    """What examples need of a filtered set's questions, one row a source and question."""
    columns = ("source", "question_id", "question", "verifier", "domain", "licence")
    return filtered.select(*columns).unique(["source", "question_id"], keep="first", maintain_order=True)


def examples(recipe: RecipeSpec, traces: pl.DataFrame, questions: pl.DataFrame, count: CountTokens) -> ExampleBatch:
    """The examples of a batch of chosen traces.

    `traces` has the columns of Traces and `verdict` (null where there is none); `questions` comes from `question_rows`.
    """
    met = traces.rename({"licence": "terms"}).join(
        questions, on=["source", "question_id"], how="inner", maintain_order="left"
    )
    if len(met) != len(traces):
        raise ValueError(f"{len(traces) - len(met)} traces have no question in the filtered set of {recipe.key}")
    rows: list[dict[str, Any]] = []
    conversations: list[Conversation] = []
    dropped: list[dict[str, Any]] = []
    for trace in met.iter_rows(named=True):
        conversation = write(recipe.student, trace)
        if conversation is None:
            dropped.append(_lost(trace, NO_ANSWER, None, trace["finish_reason"]))
            continue
        rows.append(trace)
        conversations.append(conversation)
    kept, over = [], 0
    for trace, conversation, tokens in zip(rows, conversations, count(conversations), strict=True):
        why = too_long(recipe.student, tokens)
        if why is not None:
            dropped.append(_lost(trace, TOO_LONG, float(sum(tokens)), why))
            continue
        over += sum(tokens) > recipe.student.max_tokens
        kept.append(_row(recipe, trace, conversation, tokens))
    return ExampleBatch(TrainingSet.frame(kept), Ledger.frame(dropped), over)


def write(student: Student, trace: dict[str, Any]) -> Conversation | None:
    """The conversation of a trace joined with its question; None when nothing is left to learn from."""
    text = join(trace["reasoning"], trace["answer"], student.think, closed=trace["reasoning_closed"])
    if not text.strip():
        return None
    prompt = [{"role": "user", "content": fill(student.prompt_for(trace["verifier"]), {"question": trace["question"]})}]
    if student.system_prompt:
        prompt.insert(0, {"role": "system", "content": student.system_prompt})
    return Conversation(prompt, [{"role": "assistant", "content": text}])


def join_licences(*licences: str) -> str:
    """Licences that all hold, each once, in order: `Apache-2.0 + other:gemma`."""
    parts = (part for licence in licences for part in licence.split(" + "))
    return " + ".join(dict.fromkeys(parts))


def too_long(student: Student, tokens: TokenCount) -> str | None:
    """Why an example is dropped for its length, None when it stays."""
    if tokens.prompt >= student.max_tokens:
        return f"the prompt alone has {tokens.prompt:,} tokens, the cutoff is {student.max_tokens:,}"
    if sum(tokens) > student.max_tokens and student.too_long == "drop":
        return f"the cutoff is {student.max_tokens:,} tokens"
    return None


def _row(recipe: RecipeSpec, trace: dict[str, Any], conversation: Conversation, tokens: TokenCount) -> dict[str, Any]:
    same = ("trace_id", "question_id", "source", "source_row", "teacher", "domain", "verdict")
    return {
        **{name: trace[name] for name in same},
        "example_id": example_id(trace["trace_id"], recipe.key),
        "prompt": conversation.prompt,
        "completion": conversation.completion,
        "licence": join_licences(trace["licence"], trace["terms"]),
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
    }


def _lost(trace: dict[str, Any], rule: str, figure: float | None, note: str) -> dict[str, Any]:
    return {
        "row_id": trace["trace_id"],
        "rule": rule,
        "figure": figure,
        "note": note,
        "source": trace["source"],
        "source_row": trace["source_row"],
    }
