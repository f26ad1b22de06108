"""Majority: what says the same, who wins, and what the ledger tells of the others."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.distillation.majority_filter import vote_of
from tests.distillation.filter_aids import MemoryAids, filtered, lost, samples
from tests.distillation.test_answer_filter import CUT, trace


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1/2", "0.50"),
        (r"\frac{1}{2}", r"\dfrac{1}{2}"),
        (r"\boxed{12}", "12"),
        ("$x + 1$", "x+1"),
        ("B", "b"),
        ("Paris.", r"\text{Paris}"),
        ("1,234", "1234"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        ("50%", "1/2"),
        ("12 apples", "12"),
    ],
)
def test_the_same_answer(one: str, other: str) -> None:
    assert vote_of(one) == vote_of(other)


@pytest.mark.parametrize(
    ("one", "other"), [("12", "-12"), ("x^2", "x_2"), ("A", "B"), ("1/3", "0.3333"), ("12", "x12")]
)
def test_another_answer(one: str, other: str) -> None:
    assert vote_of(one) != vote_of(other)


def run(answers: list[str | None], **spec: Any) -> Any:
    rows = [trace(0, i) for i in range(len(answers))]
    verdicts = pl.DataFrame(
        {"trace_id": [row["trace_id"] for row in rows], "verdict": "unverifiable", "extracted": answers},
        schema={"trace_id": pl.String, "verdict": pl.String, "extracted": pl.String},
    )
    return filtered({"kind": "majority", **spec}, MemoryAids(rows), verdicts), rows


def test_the_majority_stays() -> None:
    chosen, rows = run(["12", "13", "12.0", None, r"\boxed{12}"])
    assert [index for _, index in samples(chosen)] == [0, 2, 4]
    minority = chosen.ledger.filter(rule="minority").row(0, named=True)
    assert minority["lost_to"] == rows[0]["trace_id"]
    assert minority["figure"] == 0.25
    assert minority["note"] == "3 of 4 say '12', 1 say '13'"
    assert lost(chosen) == {"minority": 1, "no_vote": 1}


def test_a_tie_goes_to_the_lowest_sample() -> None:
    assert [index for _, index in samples(run(["9", "8", "8", "9"])[0])] == [0, 3]


def test_a_share_that_nobody_has() -> None:
    chosen, _ = run(["1", "1", "2", "3"], share=0.5)
    assert samples(chosen) == []
    assert lost(chosen) == {"no_majority": 4}
    assert chosen.ledger["note"][0] == "2 of 4 say '1', more than 0.5 of them is needed"
    assert len(samples(run(["1", "1", "1", "3"], share=0.5)[0])) == 3


def test_unfinished_answers_have_no_vote() -> None:
    rows = [trace(0, 0, **CUT), trace(0, 1, **CUT), trace(0, 2)]
    verdicts = pl.DataFrame(
        {"trace_id": [row["trace_id"] for row in rows], "verdict": "wrong", "extracted": ["1", "1", "2"]}
    )
    chosen = filtered({"kind": "majority"}, MemoryAids(rows), verdicts)
    assert [index for _, index in samples(chosen)] == [2]


def test_without_verdicts_nobody_votes() -> None:
    assert lost(filtered({"kind": "majority"}, MemoryAids([trace(0, 0)]), None)) == {"no_vote": 1}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["1", "1.0", "2", "x", None])), max_size=20))
def test_who_stays_has_the_most_votes(given: list[tuple[int, str | None]]) -> None:
    rows = [trace(question, i) for i, (question, _) in enumerate(given)]
    verdicts = pl.DataFrame(
        {
            "trace_id": [row["trace_id"] for row in rows],
            "verdict": ["wrong"] * len(rows),
            "extracted": [text for _, text in given],
        },
        schema={"trace_id": pl.String, "verdict": pl.String, "extracted": pl.String},
    )
    chosen = filtered({"kind": "majority"}, MemoryAids(rows), verdicts)
    assert len(chosen.frame) + len(chosen.ledger) == len(rows)
    for question in range(3):
        votes = [vote_of(text) for number, text in given if number == question and text]
        kept = [vote_of(str(given[index][1])) for row, index in samples(chosen) if row == f"train:{question}"]
        assert len(set(kept)) <= 1
        assert len(kept) == max((votes.count(vote) for vote in votes), default=0)
