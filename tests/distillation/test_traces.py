"""Traces: one row a reply, the rest in the ledger."""

from __future__ import annotations

import hypothesis.strategies as st
import polars as pl
from hypothesis import given, settings

from ot_assets.distillation.prompts import Ask, Question, asks
from ot_assets.distillation.traces import NO_REFERENCE, NO_REPLY, Answering, reference_rows, trace_rows
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from schemas import violations
from schemas.distillation import Traces
from schemas.ids import trace_id
from schemas.ledger import Ledger
from tests.curation.rows import questions
from tests.factories import a_teacher

MODEL = Model(key="m", engine="scripted", model="org/m", revision="r1", price_in=1.0, price_out=10.0)
WHO = Answering(a_teacher("t", "m"), "hash", "other:gemma")
REFERENCE = Answering(a_teacher("reference"), "refhash", None)


def asked(texts: list[str], count: int = 1) -> list[Ask]:
    rows = list(Question.rows(questions(texts)))
    return list(asks(WHO.teacher, MODEL, rows, {row.question_id: count for row in rows}))


def test_a_reply_becomes_a_row() -> None:
    (ask,) = asked(["What?"])
    reply = Reply.make("<think>hm</think>42", prompt_tokens=100, completion_tokens=20)
    batch = trace_rows(WHO, MODEL, [ask], {ask.request.key: reply})
    assert violations(Traces, batch.frame) == []
    assert batch.frame.row(0, named=True) == {
        "trace_id": trace_id(ask.question.question_id, "hash", 0),
        "question_id": ask.question.question_id,
        "source": "src",
        "source_row": "train:0",
        "teacher": "t",
        "sample_index": 0,
        "response_key": ask.request.key,
        "reasoning": "hm",
        "answer": "42",
        "finish_reason": "stop",
        "reasoning_closed": True,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost": (100 * 1 + 20 * 10) / 1e6,
        "model": "org/m",
        "revision": "r1",
        "licence": "other:gemma",
    }


OUTCOMES = st.one_of(
    st.none(),
    st.just(Failure("the endpoint is down", "connection", True, 3)),
    st.builds(
        lambda text, finish: Reply.make(text, finish_reason=finish),
        st.sampled_from(["", "a", "<think>a", "<think>a</think>b", "a</think>"]),
        st.sampled_from(["stop", "length", "content_filter"]),
    ),
)


@settings(max_examples=60, deadline=None)
@given(outcomes=st.lists(OUTCOMES, max_size=12), count=st.integers(1, 3))
def test_asks_are_rows_or_ledger_rows_in_order(outcomes: list[Reply | Failure | None], count: int) -> None:
    wanted = asked([f"q{i}" for i in range(len(outcomes) // count)], count)
    results = {ask.request.key: result for ask, result in zip(wanted, outcomes, strict=False) if result is not None}
    batch = trace_rows(WHO, MODEL, wanted, results)
    assert violations(Traces, batch.frame) == []
    assert violations(Ledger, batch.ledger) == []
    assert len(batch.frame) + len(batch.ledger) == len(wanted)
    replied = [ask.request.key for ask in wanted if isinstance(results.get(ask.request.key), Reply)]
    assert batch.frame["response_key"].to_list() == replied
    assert set(batch.ledger["rule"]) <= {NO_REPLY}


def test_a_failure_says_why() -> None:
    (ask,) = asked(["What?"])
    batch = trace_rows(WHO, MODEL, [ask], {ask.request.key: Failure("429", "rate_limited", True, 5)})
    row = batch.ledger.row(0, named=True)
    assert row["row_id"] == trace_id(ask.question.question_id, "hash", 0)
    assert (row["source"], row["source_row"]) == ("src", "train:0")
    assert row["note"] == f"answer 0 to {ask.question.question_id}: rate_limited after 5 attempt(s): 429"


def test_the_reference_answers_once_from_solution_and_gold() -> None:
    frame = questions(["both", "gold only", "solution only", "nothing", "blank"]).with_columns(
        pl.Series("gold", ["4", "B", None, None, " "]),
        pl.Series("solution", ["2 + 2 is 4.", None, "So it is.", None, ""]),
    )
    batch = reference_rows(REFERENCE, frame)
    assert violations(Traces, batch.frame) == []
    assert batch.frame.select("reasoning", "answer", "finish_reason", "reasoning_closed", "sample_index").rows() == [
        ("2 + 2 is 4.", "4", "reference", True, 0),
        (None, "B", "reference", True, 0),
        (None, "So it is.", "reference", True, 0),
    ]
    assert batch.frame["licence"].to_list() == ["MIT"] * 3
    assert batch.ledger.select("rule", "source_row").rows() == [(NO_REFERENCE, "train:3"), (NO_REFERENCE, "train:4")]
