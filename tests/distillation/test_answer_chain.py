"""Chains of answer filters: nothing goes missing, order is kept, draws are nested, sizes are equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from ot_assets.distillation.aids import NoAids
from ot_assets.distillation.answer_filter import verdict_columns
from resources.errors import UserError
from resources.generation.request import Request
from resources.responses.store import ResponseStore
from schemas import violations
from schemas.distillation import VERDICTS
from schemas.ledger import Ledger
from tests.distillation.filter_aids import MemoryAids, filtered, filters_of, lost, said, samples
from tests.distillation.test_answer_filter import CUT, OPEN, SILENT
from tests.distillation.test_text_filters import CHINESE, CODE, ENGLISH

ANSWERS = [ENGLISH, CHINESE, CODE, "12", "word " * 30, "The answer is 13."]
STATES: list[dict[str, Any]] = [{}, {}, {}, OPEN, CUT, SILENT]
FASTTEXT = {
    "kind": "fasttext", "positives": [{"source": "good", "teacher": "t"}], "negatives": [{"source": "bad", "teacher": "t"}],
    "dim": 8, "epochs": 2, "min_count": 1, "buckets": 1_000,
}  # fmt: skip
STEPS: list[dict[str, Any]] = [
    {"kind": "none", "keep": 2},
    {"kind": "verified"},
    {"kind": "longest", "keep": 2},
    {"kind": "shortest", "keep": 1},
    {"kind": "random", "rows": 8},
    {"kind": "random", "keep": 2},
    {"kind": "majority"},
    {"kind": "majority", "share": 0.5},
    {"kind": "closed_reasoning"},
    {"kind": "long_paragraph", "words": 20},
    {"kind": "non_english"},
    {"kind": "language", "languages": ["zh"]},
    {"kind": "code_language"},
    {**FASTTEXT, "at_least": 0.5},
    {**FASTTEXT, "keep": 1, "rows": 5},
    {"kind": "judge_verify", "judge": "gpt"},
    {"kind": "judge_pick", "judge": "gpt", "keep": 2},
]


def judge(request: Request) -> str:
    """Both forms of reply, by the text that it is shown; now and then none that reads."""
    text = request.messages[-1].content
    if len(text) % 7 == 0:
        return "no idea"
    if '<answer number="1">' in text:
        return json.dumps({"reasoning": "x", "best": [2, 1]})
    return json.dumps({"reasoning": "x", "correct": len(text) % 3 > 0})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path_factory.mktemp('store') / 'responses.sqlite'}") as opened:
        yield opened


def aids(store: ResponseStore, rows: list[dict[str, Any]]) -> MemoryAids:
    known = {"good": [f"good text {n}" for n in range(20)], "bad": [f"bad word {n}" for n in range(20)]}
    return MemoryAids(rows, rule=judge, store=store, samples_of=known)


ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(ANSWERS), st.sampled_from(STATES), st.integers(0, 50)), max_size=16
).map(
    lambda made: [
        {**said(question, index, text, tokens=tokens), **state}
        for index, (question, text, state, tokens) in enumerate(made)
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=3),
    cut=st.none() | st.integers(1, 6),
    data=st.data(),
)
def test_no_trace_goes_missing(
    store: ResponseStore, rows: list[dict[str, Any]], steps: list[dict[str, Any]], cut: int | None, data: st.DataObject
) -> None:
    chain = steps if cut is None else [*steps, {"kind": "cut_to", "rows": cut, "short": "keep"}]
    verdicts = pl.DataFrame(
        [
            (row["trace_id"], data.draw(st.sampled_from(VERDICTS)), data.draw(st.sampled_from(["1", "2", None])))
            for row in rows
        ],
        schema={"trace_id": pl.String, "verdict": pl.String, "extracted": pl.String},
        orient="row",
    )
    chosen = filtered(chain, aids(store, rows), verdicts)
    assert chosen.rows_in == len(rows) == len(chosen.frame) + len(chosen.ledger)
    assert violations(Ledger, chosen.ledger) == []
    assert set(chosen.frame["trace_id"]).isdisjoint(chosen.ledger["row_id"])
    assert chosen.frame["trace_id"].is_unique().all()
    order = [row["trace_id"] for row in rows]
    assert [order.index(name) for name in chosen.frame["trace_id"]] == sorted(
        order.index(name) for name in chosen.frame["trace_id"]
    )
    again = filtered(chain, aids(store, rows), verdicts)
    assert again.frame.equals(chosen.frame)
    assert again.ledger.equals(chosen.ledger)
    assert [step["kind"] for step in chosen.steps] == [step["kind"] for step in chain]
    assert chosen.steps[-1]["rows_out"] == len(chosen.frame)
    if cut is not None:
        assert len(chosen.frame) <= cut


MANY = [
    said(question, index, ANSWERS[(question + index) % 6], tokens=index) for question in range(10) for index in range(4)
]


def test_a_smaller_draw_is_part_of_a_larger_one(store: ResponseStore) -> None:
    draws = [
        set(samples(filtered([{"kind": "none"}, {"kind": "cut_to", "rows": n}], aids(store, MANY)))) for n in (5, 9, 40)
    ]
    assert [len(draw) for draw in draws] == [5, 9, 40]
    assert draws[0] < draws[1] < draws[2]


def test_recipes_that_differ_in_the_filter_end_at_equal_sizes(store: ResponseStore) -> None:
    filters: list[list[dict[str, Any]]] = [
        [{"kind": "none"}],
        [{"kind": "random", "keep": 2}],
        [{"kind": "longest", "keep": 2}],
        [{"kind": "non_english"}],
        [{"kind": "judge_pick", "judge": "gpt", "keep": 2}],
    ]
    sizes = [len(filtered([*steps, {"kind": "cut_to", "rows": 12}], aids(store, MANY)).frame) for steps in filters]
    assert sizes == [12] * 5


def test_too_few_rows_are_an_error_or_kept(store: ResponseStore) -> None:
    chain = [{"kind": "longest", "keep": 1}, {"kind": "cut_to", "rows": 12}]
    with pytest.raises(UserError, match="cut_to wants 12 examples, and 10 are left"):
        filtered(chain, aids(store, MANY))
    chain[-1]["short"] = "keep"
    assert len(filtered(chain, aids(store, MANY)).frame) == 10


def test_what_cannot_become_an_example_goes_before_the_cut(store: ResponseStore) -> None:
    given = aids(store, MANY)
    given.unfit_ids = frozenset(row["trace_id"] for row in MANY[:30])
    chosen = filtered([{"kind": "none"}, {"kind": "cut_to", "rows": 8}], given)
    assert lost(chosen) == {"not_drawn": 2, "too_long": 30}
    with pytest.raises(UserError, match="10 are left"):
        filtered([{"kind": "none"}, {"kind": "cut_to", "rows": 11}], given)
    assert lost(filtered({"kind": "random", "rows": 40}, given)) == {}


def test_steps_see_only_what_those_before_them_left(store: ResponseStore) -> None:
    given = aids(store, MANY)
    filtered([{"kind": "longest", "keep": 1}, {"kind": "judge_verify", "judge": "gpt"}], given)
    assert given.totals == [10]


def test_extracted_answers_are_read_only_where_they_are_compared() -> None:
    assert verdict_columns(filters_of({"kind": "verified"})) == ("trace_id", "verdict")
    assert verdict_columns(filters_of([{"kind": "none"}, {"kind": "majority"}])) == ("trace_id", "verdict", "extracted")


def test_a_filter_that_needs_aids_says_so() -> None:
    with pytest.raises(ValueError, match="reads texts"):
        next(NoAids().texts(pl.DataFrame()))
    with pytest.raises(ValueError, match="the judge gpt"):
        NoAids().judge("gpt", "verify", 1)


def test_files_of_samples_by_hand(store: ResponseStore, tmp_path: Path) -> None:
    for name, word in (("good", "proof"), ("bad", "chat")):
        (tmp_path / f"{name}.csv").write_text("text\n" + "".join(f"{word} number {n}\n" for n in range(30)))
    spec = {
        **FASTTEXT,
        "positives": [{"files": [str(tmp_path / "good.csv")]}],
        "negatives": [{"files": [str(tmp_path / "bad.csv")]}],
        "epochs": 20,
        "learning_rate": 0.5,
        "rows": 1,
    }
    rows = [said(0, 0, "chat chat"), said(0, 1, "proof proof")]
    assert samples(filtered(spec, MemoryAids(rows))) == [("train:0", 1)]
