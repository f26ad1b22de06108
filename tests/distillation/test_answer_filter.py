"""Answer filters: which traces stay, which go and why."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.distillation.answer_filter import Chosen, choose, facts, wanted_traces
from ot_assets.registry.specs.recipe import AnswerFilter
from schemas import violations
from schemas.distillation import VERDICTS, Traces
from schemas.ids import question_id, trace_id
from schemas.ledger import Ledger

Row = dict[str, Any]


def trace(question: int, index: int, *, source: str = "a", tokens: int | None = 10, **fields: Any) -> Row:
    name = question_id(str(question))
    return {
        "trace_id": trace_id(name, "h", index),
        "question_id": name,
        "source": source,
        "source_row": f"train:{question}",
        "teacher": "t",
        "sample_index": index,
        "reasoning": "r",
        "answer": "a",
        "finish_reason": "stop",
        "reasoning_closed": True,
        "completion_tokens": tokens,
        "model": "m",
        "revision": "",
        "licence": "MIT",
        **fields,
    }


OPEN: Row = {"reasoning_closed": False, "answer": None, "finish_reason": "length"}
CUT: Row = {"finish_reason": "length"}
SILENT: Row = {"answer": None}
REFERENCE: Row = {"finish_reason": "reference"}


def facts_of(rows: list[Row]) -> pl.DataFrame:
    frame = Traces.frame(rows)
    return facts(frame.lazy()).collect().with_columns(copies=pl.lit(1, pl.Int64))


def verdicts_of(verdicts: dict[str, str]) -> pl.DataFrame:
    schema = {"trace_id": pl.String, "verdict": pl.String}
    return pl.DataFrame({"trace_id": list(verdicts), "verdict": list(verdicts.values())}, schema=schema)


def run(made: list[Row], verdicts: dict[str, str] | None = None, **spec: Any) -> Chosen:
    known = None if verdicts is None else verdicts_of(verdicts)
    return choose(AnswerFilter.model_validate(spec), facts_of(made), known, 7)


def kept(chosen: Chosen) -> list[int]:
    return chosen.frame["sample_index"].to_list()


def rules(chosen: Chosen) -> dict[int, str]:
    names = {trace_id(question_id("0"), "h", i): i for i in range(40)}
    return {names[row]: rule for row, rule in chosen.ledger.select("row_id", "rule").rows()}


def test_none_keeps_unfinished_answers_and_counts_them() -> None:
    chosen = run([trace(0, 0), trace(0, 1, **OPEN), trace(0, 2, **CUT), trace(0, 3, **SILENT)])
    assert kept(chosen) == [0, 1, 2, 3]
    assert (chosen.unfinished, chosen.unfinished_share) == (3, 0.75)
    assert chosen.frame["verdict"].to_list() == [None] * 4


def test_every_other_filter_drops_unfinished_answers() -> None:
    rows = [trace(0, 0), trace(0, 1, **OPEN), trace(0, 2, **CUT), trace(0, 3, **SILENT), trace(0, 4, **REFERENCE)]
    for spec in ({"kind": "longest", "keep": 9}, {"kind": "shortest", "keep": 9}, {"kind": "random", "keep": 9}):
        chosen = run(rows, **spec)
        assert kept(chosen) == [0, 4]
        assert rules(chosen) == dict.fromkeys((1, 2, 3), "no_answer")
        assert chosen.ledger["note"].to_list() == [
            "its reasoning never closed",
            "it ended by length",
            "no answer follows its reasoning",
        ]


def test_verified_keeps_only_what_is_correct() -> None:
    rows = [trace(0, i) for i in range(5)] + [trace(0, 5, **OPEN)]
    judged = {row["trace_id"]: verdict for row, verdict in zip(rows, VERDICTS, strict=False)}
    chosen = run(rows, judged, kind="verified")
    assert kept(chosen) == [0]
    assert chosen.frame["verdict"].to_list() == ["correct"]
    assert rules(chosen) == {1: "wrong", 2: "unverifiable", 3: "verifier_failed", 4: "unverifiable", 5: "no_answer"}
    assert chosen.ledger.filter(row_id=rows[4]["trace_id"])["note"].item() == "nobody judged it"
    assert kept(run(rows, None, kind="verified")) == []


def test_longest_and_shortest() -> None:
    rows = [trace(0, i, tokens=n) for i, n in enumerate([30, 10, None, 30, 20])]
    longest = run(rows, kind="longest", keep=2)
    assert kept(longest) == [0, 3]
    assert set(longest.ledger["lost_to"]) == {rows[3]["trace_id"]}
    assert sorted(longest.ledger["figure"].to_list(), key=str) == [10.0, 20.0, None]
    assert kept(run(rows, kind="longest", keep=1)) == [0]
    assert kept(run(rows, kind="shortest", keep=2)) == [1, 4]
    assert kept(run(rows, kind="shortest", keep=4)) == [0, 1, 3, 4]


def test_keep_counts_for_each_time_a_question_was_drawn() -> None:
    rows = facts_of([trace(0, i, tokens=i) for i in range(8)]).with_columns(copies=pl.lit(2, pl.Int64))
    chosen = choose(AnswerFilter(kind="longest", keep=3), rows, None, 0)
    assert kept(chosen) == [2, 3, 4, 5, 6, 7]


def test_none_and_verified_keep_the_first_samples() -> None:
    rows = [trace(0, i, tokens=100 - i) for i in range(4)]
    assert kept(run(rows, kind="none", keep=2)) == [0, 1]
    judged = {row["trace_id"]: "correct" for row in rows[1:]}
    assert kept(run(rows, judged, kind="verified", keep=2)) == [1, 2]


def test_a_trace_of_two_sources_is_used_once() -> None:
    rows = [trace(0, 0), trace(0, 0, source="b"), trace(1, 0, source="b")]
    chosen = run(rows)
    assert chosen.frame["source"].to_list() == ["a", "b"]
    assert chosen.ledger.select("rule", "lost_to", "source").rows() == [("duplicate", "a/train:0", "b")]


def test_only_what_the_recipe_asked_for() -> None:
    rows = facts_of([trace(q, i) for q in range(3) for i in range(8)]).drop("copies")
    names = [question_id(str(q)) for q in range(3)]
    filtered = pl.DataFrame(
        {"source": ["a", "a", "a", "b"], "question_id": [names[0], names[1], names[1], names[2]]}
    ).with_columns(answers_per_question=pl.lit(2, pl.Int64))
    met = wanted_traces(rows, filtered)
    assert met.group_by("question_id", "copies").len().sort("copies").rows() == [(names[0], 1, 2), (names[1], 2, 4)]
    assert met["sample_index"].to_list() == [0, 1, 0, 1, 2, 3]


@pytest.mark.parametrize("spec", [{"kind": "random", "keep": 2}, {"kind": "none", "rows": 5}])
def test_draws_go_by_the_seed(spec: Row) -> None:
    rows = [trace(0, i) for i in range(20)]
    chosen = kept(run(rows, seed=1, **spec))
    assert chosen == kept(run(rows, seed=1, **spec))
    assert chosen != kept(run(rows, seed=2, **spec))
    bigger = {name: value + 3 if isinstance(value, int) else value for name, value in spec.items()}
    assert set(chosen) < set(kept(run(rows, seed=1, **bigger)))
    assert set(chosen) == set(kept(run(rows[::-1], seed=1, **spec)))


ROWS = st.lists(
    st.builds(
        lambda place, tokens, state: trace(*place, tokens=tokens, **state),
        st.tuples(st.integers(0, 3), st.integers(0, 7)),
        st.one_of(st.none(), st.integers(0, 5)),
        st.sampled_from([{}, {}, OPEN, CUT, SILENT, REFERENCE]),
    ),
    max_size=25,
)
SPECS = st.one_of(
    st.builds(
        lambda kind, keep, rows: {"kind": kind, "keep": keep, "rows": rows},
        st.sampled_from(["none", "verified"]),
        st.one_of(st.none(), st.integers(1, 4)),
        st.one_of(st.none(), st.integers(1, 12)),
    ),
    st.builds(
        lambda kind, keep, rows: {"kind": kind, "keep": keep, "rows": rows},
        st.sampled_from(["longest", "shortest", "random"]),
        st.integers(1, 4),
        st.one_of(st.none(), st.integers(1, 12)),
    ),
)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, spec=SPECS, data=st.data())
def test_no_trace_goes_missing(rows: list[Row], spec: Row, data: st.DataObject) -> None:
    judged = {row["trace_id"]: data.draw(st.sampled_from(VERDICTS)) for row in rows[::2]}
    chosen = run(rows, judged, **spec)
    assert chosen.rows_in == len(rows) == len(chosen.frame) + len(chosen.ledger)
    assert violations(Ledger, chosen.ledger) == []
    assert chosen.frame["trace_id"].is_unique().all()
    order = [row["trace_id"] for row in rows]
    places = [order.index(name) for name in chosen.frame["trace_id"]]
    assert places == sorted(places)
    if spec["rows"] is not None:
        assert len(chosen.frame) <= spec["rows"]
    if spec["kind"] != "none":
        assert chosen.unfinished == 0
    if spec["kind"] == "verified":
        assert set(chosen.frame["verdict"]) <= {"correct"}
    each: dict[str, int] = defaultdict(int)
    for name in chosen.frame["question_id"]:
        each[name] += 1
    if spec["keep"] is not None:
        assert max(each.values(), default=0) <= spec["keep"]
