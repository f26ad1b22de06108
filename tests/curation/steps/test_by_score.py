"""Steps that read a score: bottom, band, threshold, stratified."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.curation.selection import Selection, select
from ot_assets.registry.specs.part import Part
from resources.errors import UserError
from schemas import violations
from schemas.ids import question_id
from schemas.ledger import Ledger
from tests.curation.rows import pool

SCORE = {"kind": "answer_length", "teacher": "t"}
COLUMN = "answer_length.t"
Rows = list[tuple[str, str, int]]
Scores = dict[str, float | None]


def part(*steps: dict[str, Any], fill: str = "none") -> Part:
    return Part.model_validate(
        {"domain": "math", "sources": [{"source": "a"}, {"source": "b"}], "select": steps, "fill": fill}
    )


def ran(rows: Rows, scores: Scores, *steps: dict[str, Any], seed: int = 0, fill: str = "none") -> Selection:
    known = pl.DataFrame(
        {"question_id": [question_id(text) for text in scores], COLUMN: list(scores.values())},
        schema={"question_id": pl.String, COLUMN: pl.Float64},
    )
    return select(part(*steps, fill=fill), pool(rows), {"a": known, "b": known}, seed, name="p")


def kept(result: Selection) -> list[str]:
    return result.frame.get_column("question").to_list()


def step(kind: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, **({} if kind == "random" else {"score": SCORE}), **fields}


SIX = [("a", text, 0) for text in "uvwxyz"]
SCORED: Scores = {"u": 3.0, "v": 1.0, "w": 2.0, "x": None, "y": 5.0, "z": 4.0}


@pytest.mark.parametrize(
    ("one", "stay", "rules"),
    [
        (step("bottom", rows=2), "vw", {"bottom": 3, "no_score": 1}),
        (step("bottom", rows=6), "uvwxyz", {}),
        (step("top", rows=2), "yz", {"top": 3, "no_score": 1}),
        (step("band", high=0.4), "vw", {"band": 3, "no_score": 1}),
        (step("band", low=0.4), "uyz", {"band": 2, "no_score": 1}),
        (step("band", low=0.2, high=0.6), "uw", {"band": 3, "no_score": 1}),
        (step("threshold", at_least=3.0), "uyz", {"threshold": 2, "no_score": 1}),
        (step("threshold", at_most=3.0), "uvw", {"threshold": 2, "no_score": 1}),
        (step("threshold", at_least=2.0, at_most=4.0), "uwz", {"threshold": 2, "no_score": 1}),
        (step("threshold", at_most=1.0, unscored="keep"), "vx", {"threshold": 4}),
        (step("stratified", rows=2), "yz", {"stratified": 3, "no_score": 1}),
    ],
    ids=str,
)
def test_what_stays(one: dict[str, Any], stay: str, rules: dict[str, int]) -> None:
    result = ran(SIX, SCORED, one)
    assert kept(result) == list(stay)
    assert dict(result.ledger.group_by("rule").len().iter_rows()) == rules
    figures = dict(result.ledger.select("row_id", "figure").iter_rows())
    assert all(figures[question_id(text)] == SCORED[text] for text in "uvwxyz" if text not in stay)


def test_what_a_step_says_of_itself() -> None:
    result = ran(SIX, SCORED, step("band", high=0.6), step("bottom", rows=9), step("threshold", at_least=2.0))
    assert [one.to_dict() for one in result.funnel] == [
        {
            "step": f"1. band 0 to 0.6 of {COLUMN}",
            "rows_in": 6,
            "rows_out": 3,
            "figures": {"lowest": 1.0, "highest": 3.0},
        },
        {
            "step": f"2. bottom 9 by {COLUMN}",
            "rows_in": 3,
            "rows_out": 3,
            "figures": {"asked": 9, "short": 6, "cut_at": 3.0},
        },
        {
            "step": f"3. {COLUMN} at least 2",
            "rows_in": 3,
            "rows_out": 2,
            "figures": {"lowest": 2.0, "highest": 3.0},
        },
    ]


def test_quantiles_within_each_source() -> None:
    rows = [("a", text, 0) for text in "uvwz"] + [("b", text, 0) for text in "yz"]
    assert sorted(kept(ran(rows, SCORED, step("band", low=0.5)))) == ["y", "z", "z"]
    assert sorted(kept(ran(rows, SCORED, step("band", low=0.5, within="source")))) == ["u", "y", "z"]


def test_stratified_quotas() -> None:
    rows = [("a", f"a{i}", 0) for i in range(30)] + [("b", f"b{i}", 0) for i in range(10)]

    def by_source(result: Selection) -> dict[str, int]:
        return dict(result.frame.group_by("source").len().iter_rows())

    assert by_source(ran(rows, {}, {"kind": "stratified", "rows": 8})) == {"a": 6, "b": 2}
    assert by_source(ran(rows, {}, {"kind": "stratified", "rows": 8, "quotas": "equal"})) == {"a": 4, "b": 4}
    short = ran(rows, {}, {"kind": "stratified", "rows": 30, "quotas": "equal"})
    assert by_source(short) == {"a": 15, "b": 10}
    assert short.funnel[0].figures == {
        "asked": 30,
        "short": 5,
        "quotas": {"a": 15, "b": 15},
        "sources_short": {"b": 5},
    }


def test_a_part_may_refuse_to_be_short() -> None:
    with pytest.raises(
        UserError, match=r"step 1 of part 'p' \(top 9 by .*\) is to keep 9 rows, and only 6 could be had"
    ):
        ran(SIX, SCORED, step("top", rows=9), fill="error")


ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([f"q{i}" for i in range(9)]), st.integers(0, 1)),
    max_size=20,
    unique=True,
)
SCORES = st.dictionaries(
    st.sampled_from([f"q{i}" for i in range(9)]), st.sampled_from([None, float("nan"), 0.0, 1.0, 2.0, 3.0])
)
ENDS = st.tuples(st.sampled_from([0.0, 0.2, 0.25, 1 / 3]), st.sampled_from([0.5, 0.75, 0.9]))
STEPS = st.one_of(
    st.integers(1, 20).map(lambda n: step("bottom", rows=n)),
    st.tuples(ENDS, st.sampled_from(["part", "source"])).map(
        lambda e: step("band", low=e[0][0], high=e[0][1], within=e[1])
    ),
    st.tuples(st.sampled_from([0.0, 1.5]), st.sampled_from(["keep", "drop"])).map(
        lambda e: step("threshold", at_least=e[0], unscored=e[1])
    ),
    st.tuples(st.integers(1, 20), st.sampled_from(["equal", "proportional"]), st.booleans()).map(
        lambda e: {"kind": "stratified", "rows": e[0], "quotas": e[1], **({"score": SCORE} if e[2] else {})}
    ),
)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, scores=SCORES, one=STEPS, turned=st.randoms())
def test_rows_are_accounted_for_and_their_order_neither_changes_nor_matters(
    rows: Rows, scores: Scores, one: dict[str, Any], turned: Any
) -> None:
    result = ran(rows, scores, one)
    assert len(rows) == len(result.frame) + len(result.ledger)
    assert violations(Ledger, result.ledger) == []
    places = result.frame.get_column("row").to_list()
    assert places == sorted(set(places))
    other = list(rows)
    turned.shuffle(other)
    again = ran(other, scores, one)
    columns = ["source", "question_id", "copy"]
    assert sorted(again.frame.select(columns).rows()) == sorted(result.frame.select(columns).rows())


@settings(max_examples=80, deadline=None)
@given(
    rows=ROWS,
    scores=SCORES,
    cut=st.sampled_from([0.2, 0.25, 1 / 3, 0.5, 0.9]),
    within=st.sampled_from(["part", "source"]),
)
def test_two_bands_that_share_an_end_are_all_scored_rows(rows: Rows, scores: Scores, cut: float, within: str) -> None:
    low, high = (ran(rows, scores, step("band", within=within, **ends)) for ends in ({"high": cut}, {"low": cut}))
    places = [*low.frame.get_column("row"), *high.frame.get_column("row")]
    scored = [i for i, (_, text, _) in enumerate(rows) if (s := scores.get(text)) is not None and s == s]
    assert sorted(places) == scored
