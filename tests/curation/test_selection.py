"""Steps of a part: what stays, what goes and why, and that no row goes missing."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.curation.mixing import gather
from ot_assets.curation.selection import NO_SCORE, FunnelStep, Selection, select
from ot_assets.registry.specs.recipe import Part
from resources.errors import UserError
from schemas import violations
from schemas.ids import question_id
from schemas.ledger import Ledger
from tests.curation.rows import pool

LENGTH = {"kind": "answer_length", "teacher": "gpt-4.1-mini"}
COLUMN = "answer_length.gpt-4.1-mini"


def part(*steps: dict[str, Any], sources: str = "ab") -> Part:
    return Part.model_validate({"domain": "math", "sources": [{"source": key} for key in sources], "select": steps})


def scores(source_texts: dict[str, dict[str, float | None]]) -> dict[str, pl.DataFrame]:
    return {
        source: pl.DataFrame(
            {"question_id": [question_id(text) for text in texts], COLUMN: list(texts.values())},
            schema={"question_id": pl.String, COLUMN: pl.Float64},
        )
        for source, texts in source_texts.items()
    }


def top(rows: int) -> dict[str, Any]:
    return {"kind": "top", "score": LENGTH, "rows": rows}


def random(rows: int, seed: int | None = None) -> dict[str, Any]:
    return {"kind": "random", "rows": rows, **({} if seed is None else {"seed": seed})}


DEDUP = {"kind": "dedup", "method": "exact"}

ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([f"question {i}" for i in range(8)]), st.integers(0, 2)),
    max_size=30,
    unique=True,
)
STEPS = st.lists(
    st.one_of(st.integers(1, 20).map(top), st.integers(1, 20).map(random), st.just(DEDUP)), max_size=3
).map(lambda steps: sorted(steps, key=lambda step: -step.get("rows", 99)))
SCORES = st.dictionaries(
    st.sampled_from([f"question {i}" for i in range(8)]), st.sampled_from([None, float("nan"), 1.0, 2.0, 3.0])
)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, steps=STEPS, a=SCORES, b=SCORES)
def test_no_row_goes_missing(
    rows: list[tuple[str, str, int]], steps: list[dict[str, Any]], a: dict[str, float], b: dict[str, float]
) -> None:
    frame = pool(rows)
    result = select(part(*steps), frame, scores({"a": a, "b": b}), 1)
    assert len(frame) == len(result.frame) + len(result.ledger)
    assert violations(Ledger, result.ledger) == []
    places = result.frame["row"].to_list()
    assert places == sorted(set(places))
    assert frame[places].equals(result.frame.drop("row"))
    left = len(frame)
    for step, funnel in zip(steps, result.funnel, strict=True):
        assert funnel.rows_in == left
        if step["kind"] != "dedup":
            assert funnel.rows_out == min(left, step["rows"])
        left = funnel.rows_out
    assert left == len(result.frame)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, a=SCORES, b=SCORES, keep=st.integers(1, 20))
def test_top_keeps_the_highest(
    rows: list[tuple[str, str, int]], a: dict[str, float], b: dict[str, float], keep: int
) -> None:
    frame = pool(rows)
    result = select(part(top(keep)), frame, scores({"a": a, "b": b}), 1)

    def rank(source: str, text: str, copy: int) -> tuple[float, str, str, int]:
        score = {"a": a, "b": b}[source].get(text)
        return (-score if score is not None and score == score else 1.0, question_id(text), source, copy)

    expected = sorted(rows, key=lambda row: rank(*row))[:keep]
    assert sorted(result.frame.select("source", "question", "copy").rows()) == sorted(expected)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, small=st.integers(1, 15), more=st.integers(0, 15), shuffled=st.randoms())
def test_random_is_a_prefix_and_does_not_depend_on_order(
    rows: list[tuple[str, str, int]], small: int, more: int, shuffled: Any
) -> None:
    def kept(given: list[tuple[str, str, int]], count: int) -> set[tuple[Any, ...]]:
        chosen = select(part(random(count)), pool(given), {}, 9).frame
        return set(chosen.select("source", "question", "copy").rows())

    turned = list(rows)
    shuffled.shuffle(turned)
    assert kept(rows, small) <= kept(rows, small + more)
    assert kept(rows, small) == kept(turned, small)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS)
def test_dedup_keeps_the_first_of_each_text(rows: list[tuple[str, str, int]]) -> None:
    result = select(part(DEDUP, sources="ba"), pool(rows), {}, 0)
    best: dict[str, tuple[bool, int]] = {}
    for source, text, copy in rows:
        best[text] = min(best.get(text, (True, 99)), (source == "a", copy))
    kept = {
        text: (source == "a", copy) for source, text, copy in result.frame.select("source", "question", "copy").rows()
    }
    assert kept == best
    survivors = {f"{s}/{r}": q for s, r, q in result.frame.select("source", "source_row", "question_id").rows()}
    assert all(survivors[to] == name for name, to in result.ledger.select("row_id", "lost_to").rows())


def ledger_of(result: Selection) -> list[tuple[Any, ...]]:
    return result.ledger.select("rule", "figure", "note").rows()


def test_rows_without_a_score_come_last_and_say_so() -> None:
    texts = {"long": 900.0, "short": 3.0, "none": None}
    frame = pool([("a", text, 0) for text in [*texts, "unknown"]])
    result = select(part(top(3), top(1)), frame, scores({"a": texts}), 0)
    assert result.frame["question"].to_list() == ["long"]
    assert sorted(result.ledger["rule"].to_list()) == [NO_SCORE, NO_SCORE, "top"]
    assert ("top", 3.0, f"{COLUMN}, cut at 900") in ledger_of(result)
    assert result.funnel == (
        FunnelStep(f"1. top 3 by {COLUMN}", 4, 3, {"asked": 3, "short": 0, "cut_at": 3.0}),
        FunnelStep(f"2. top 1 by {COLUMN}", 3, 1, {"asked": 1, "short": 0, "cut_at": 900.0}),
    )


def test_case_counts_and_spacing_does_not() -> None:
    frame = pool([("a", "What is  2?", 0), ("a", "what is 2?", 0), ("b", "What is\n2?", 0), ("b", "What is 2?", 1)])
    result = select(part(DEDUP), frame, {}, 0)
    assert result.frame["question"].to_list() == ["What is  2?", "what is 2?"]
    assert result.ledger["lost_to"].to_list() == ["a/train:0", "a/train:0"]
    assert result.ledger["note"].to_list() == ["one of 3", "one of 3, copy 1"]


def test_seed_of_the_step_before_the_seed_of_the_part() -> None:
    frame = pool([("a", f"question {i}", 0) for i in range(40)])

    def kept(step: dict[str, Any], seed: int) -> list[int]:
        return select(part(step), frame, {}, seed).frame["row"].to_list()

    assert kept(random(10), 1) != kept(random(10), 2)
    assert kept(random(10, seed=1), 2) == kept(random(10), 1)


@pytest.mark.parametrize("known", [{}, {"a": pl.DataFrame({"question_id": ["q"], "difficulty.x": [1.0]})}])
def test_a_missing_score_names_column_and_partition(known: dict[str, pl.DataFrame]) -> None:
    frame = pool([("a", "question", 0)])
    with pytest.raises(UserError) as error:
        select(part(DEDUP, top(1)), frame, known, 0)
    assert f"source 'a' have no score {COLUMN!r}, which step 2" in str(error.value)
    assert "question_scores, partition a" in str(error.value)


def test_no_steps_keep_everything() -> None:
    frame = pool([("a", "x", 0), ("b", "x", 0)])
    result = select(part(), frame, {}, 0)
    assert result.frame.drop("row").equals(frame)
    assert result.ledger.is_empty()


def test_the_kept_rows_are_read_by_their_place() -> None:
    frame = pool([("a", f"question {i}", 0) for i in range(10)])
    result = select(part(random(4)), frame.drop("question", "solution"), {}, 0)
    read = pl.concat(gather(result.frame.select("row", "question_id"), frame.iter_slices(3)))
    assert read.equals(frame[result.frame["row"].to_list()])
