"""Examples: chat form, tags, licences, cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.distillation.parsing import Parsed, split
from ot_assets.distillation.training_examples import (
    Conversation,
    TokenCount,
    examples,
    join_licences,
    question_rows,
)
from ot_assets.registry.specs.recipe import RecipeSpec
from schemas import violations
from schemas.distillation import Traces, TrainingSet
from schemas.ids import example_id
from schemas.ledger import Ledger
from tests.curation.rows import pool
from tests.distillation.test_answer_filter import trace
from tests.factories import a_recipe


def words(conversations: Sequence[Conversation]) -> list[TokenCount]:
    """A stand-in for a student's tokenizer: words."""

    def count(turns: list[dict[str, str]]) -> int:
        return sum(len(turn["content"].split()) for turn in turns)

    return [TokenCount(count(one.prompt), count(one.completion)) for one in conversations]


def recipe(**student: Any) -> RecipeSpec:
    return a_recipe("r", ["a"], ["t"], student={"base": "m", **student})


def filtered(count: int, **columns: Any) -> pl.DataFrame:
    """A filtered set whose questions are "0", "1", ... of source a, the first drawn twice."""
    rows = pool([("a", str(i), 0) for i in range(count)] + [("a", "0", 1)])
    return rows.with_columns(pl.lit(1, pl.Int64).alias("answers_per_question"), **columns)


def traces(*rows: dict[str, Any], verdict: str | None = None) -> pl.DataFrame:
    return Traces.frame(list(rows)).with_columns(pl.lit(verdict, pl.String).alias("verdict"))


def test_an_example_in_full() -> None:
    student = recipe(system_prompt="Be good.", prompt="Q: {question}", prompts={"math": "M: {question}"})
    chosen = traces(trace(0, 3, reasoning="so {x}", answer="4", licence="other:gemma"), verdict="correct")
    batch = examples(student, chosen, question_rows(filtered(1)), words)
    assert violations(TrainingSet, batch.frame) == []
    row = batch.frame.row(0, named=True)
    assert row == {
        "example_id": example_id(chosen["trace_id"][0], "r"),
        "prompt": [{"role": "system", "content": "Be good."}, {"role": "user", "content": "M: 0"}],
        "completion": [{"role": "assistant", "content": "<think>\nso {x}\n</think>\n\n4"}],
        "trace_id": chosen["trace_id"][0],
        "question_id": chosen["question_id"][0],
        "source": "a",
        "source_row": "train:0",
        "teacher": "t",
        "domain": "math",
        "verdict": "correct",
        "licence": "MIT + other:gemma",
        "prompt_tokens": 4,
        "completion_tokens": 5,
    }


def text_of(batch_row: dict[str, Any]) -> str:
    return str(batch_row["completion"][0]["content"])


@pytest.mark.parametrize(
    ("student", "state", "text"),
    [
        ({}, {"reasoning": None, "answer": "4"}, "4"),
        ({"think": None}, {"reasoning": "hm", "answer": "4"}, "4"),
        ({"think": {"open": "<a>", "close": "</a>"}}, {"reasoning": "hm", "answer": "4"}, "<a>\nhm\n</a>\n\n4"),
        ({}, {"reasoning": "hm", "answer": None, "reasoning_closed": False}, "<think>\nhm"),
        ({}, {"reasoning": "hm", "answer": None}, "<think>\nhm\n</think>"),
    ],
)
def test_tags(student: dict[str, Any], state: dict[str, Any], text: str) -> None:
    batch = examples(recipe(**student), traces(trace(0, 0, **state)), question_rows(filtered(1)), words)
    assert [text_of(row) for row in batch.frame.iter_rows(named=True)] == [text]


def test_nothing_to_learn_from() -> None:
    empty = trace(0, 0, reasoning=None, answer=None, finish_reason="content_filter")
    unanswered = trace(0, 1, reasoning="hm", answer=None)
    batch = examples(recipe(think=None), traces(empty, unanswered), question_rows(filtered(1)), words)
    assert batch.frame.is_empty()
    assert batch.ledger.select("row_id", "rule", "note").rows() == [
        (empty["trace_id"], "no_answer", "content_filter"),
        (unanswered["trace_id"], "no_answer", "stop"),
    ]


def test_over_the_cutoff() -> None:
    long = trace(0, 0, reasoning="w " * 20, answer="x")
    chosen = traces(long, trace(1, 0, reasoning="w", answer="x"))
    questions = question_rows(filtered(2))
    cut = examples(recipe(max_tokens=10), chosen, questions, words)
    assert (len(cut.frame), len(cut.ledger), cut.over) == (2, 0, 1)
    dropped = examples(recipe(max_tokens=10, too_long="drop"), chosen, questions, words)
    assert (len(dropped.frame), dropped.over) == (1, 0)
    assert dropped.ledger.select("row_id", "rule", "figure").rows() == [(long["trace_id"], "too_long", 24.0)]
    tiny = examples(recipe(max_tokens=1), chosen, questions, words)
    assert tiny.ledger["note"].to_list() == ["the prompt alone has 1 tokens, the cutoff is 1"] * 2


def test_a_trace_without_its_question_is_a_fault() -> None:
    with pytest.raises(ValueError, match="1 traces have no question in the filtered set of r"):
        examples(recipe(), traces(trace(0, 0), trace(5, 0)), question_rows(filtered(2)), words)


def test_licences() -> None:
    assert join_licences("Apache-2.0", "other:gemma") == "Apache-2.0 + other:gemma"
    assert join_licences("MIT", "MIT") == "MIT"
    assert join_licences("MIT + other:gemma", "other:gemma") == "MIT + other:gemma"


PART = st.one_of(st.none(), st.text(st.sampled_from("ab {}\n"), min_size=1).map(str.strip).filter(bool))


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(st.tuples(PART, PART, st.booleans()), max_size=8),
    cutoff=st.integers(1, 12),
    too_long=st.sampled_from(["drop", "truncate"]),
)
def test_no_trace_goes_missing_and_examples_read_back(
    parts: list[tuple[str | None, str | None, bool]], cutoff: int, too_long: str
) -> None:
    rows = [
        trace(i, 0, reasoning=reasoning, answer=answer if closed else None, reasoning_closed=closed)
        for i, (reasoning, answer, closed) in enumerate(parts)
    ]
    batch = examples(
        recipe(max_tokens=cutoff, too_long=too_long), traces(*rows), question_rows(filtered(len(rows))), words
    )
    assert len(batch.frame) + len(batch.ledger) == len(rows)
    assert violations(TrainingSet, batch.frame) == []
    assert violations(Ledger, batch.ledger) == []
    if too_long == "drop":
        assert batch.over == 0
    made = {row["trace_id"]: row for row in rows}
    for row in batch.frame.iter_rows(named=True):
        told = made[row["trace_id"]]
        cut = not told["reasoning_closed"]
        expected = Parsed(told["reasoning"], told["answer"], not cut)
        assert split(text_of(row), recipe().student.think, cut=cut) == expected
