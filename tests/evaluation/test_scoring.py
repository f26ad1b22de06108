"""From replies to verdicts and scores: nothing that is missing is wrong, and what is judged is the answer alone."""

from __future__ import annotations

import json

import polars as pl
import pytest

from ot_assets.evaluation.requests import asks
from ot_assets.evaluation.scoring import response_rows, score
from ot_assets.registry.specs.base import Tags
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from schemas import EvalQuestions, EvalResponses, EvalScores, violations

from .benchmarks import benchmark, questions

MODEL = Model(key="m", engine="scripted", model="scripted/m")
SPEC = benchmark(repeats=2, verifier="choice")
OPTIONS = json.dumps({"options": {"A": "red", "B": "green", "C": "blue"}})
# Choice questions are judged in this process, which keeps these tests quick; one test is on numbers.
ROWS = questions(8, verifier="choice", gold="B", verifier_args=OPTIONS).sort("question_id")
GOLD = dict(ROWS.select("question_id", "gold").iter_rows())


def replies(texts, **more):
    """Response rows; `texts(question_id, repeat)` gives a text, a Reply, a Failure, or None when it was never asked."""
    asked = list(asks(SPEC, ROWS, MODEL))
    came = {}
    for ask in asked:
        said = texts(ask.question_id, ask.repeat)
        if said is not None:
            came[ask.request.key] = Reply.make(said, **more) if isinstance(said, str) else said
    return response_rows(SPEC.key, asked, came)


def scored(responses, **more):
    return score(responses, {SPEC.key: ROWS}, {SPEC.key: SPEC}, **more)


def test_right_and_wrong_replies_become_a_score():
    first = GOLD.keys() - {ROWS["question_id"][0]}
    responses = replies(lambda q, r: f"The answer is {GOLD[q] if q in first else 'C'}.", completion_tokens=7)
    result = scored(responses)
    assert not violations(EvalResponses, responses)
    assert not violations(EvalQuestions, result.questions)
    assert not violations(EvalScores, result.scores)
    (row,) = result.scores.to_dicts()
    assert row == {
        "benchmark": "sums",
        "role": "dev",
        "score": pytest.approx(7 / 8),
        "se": pytest.approx(1 / 8),
        "questions": 8,
        "repeats": 2,
        "missing": 0,
    }
    assert result.figures["sums"].interval.low < 7 / 8 < result.figures["sums"].interval.high


def test_replies_that_never_came_are_missing_with_their_reason():
    def said(question, repeat):
        if repeat == 1:
            return Failure("no answer in 60 s", "timeout", retryable=True)
        return None if question == ROWS["question_id"][0] else GOLD[question]

    responses = replies(said)
    result = scored(responses)
    assert set(responses["missing_reason"].drop_nulls()) == {"timeout: no answer in 60 s", "never asked"}
    (row,) = result.scores.to_dicts()
    assert (row["score"], row["missing"], row["questions"], row["repeats"]) == (1.0, 9, 8, 2)
    assert row["se"] > 0.1
    lost = result.questions.filter(pl.col("verdict").is_null())
    assert len(lost) == 9 and lost["reason"].null_count() == 0


def test_a_reply_cut_at_its_limit_came_and_is_judged():
    cut = scored(replies(lambda q, r: "Let me think about it", finish_reason="length"))
    assert set(cut.questions["verdict"]) == {"wrong"}
    stated = scored(replies(lambda q, r: f"The answer is {GOLD[q]}. Let me go on", finish_reason="length"))
    assert stated.scores["score"].to_list() == [1.0]


def test_only_what_follows_the_reasoning_is_judged():
    thought = scored(replies(lambda q, r: f"<think>maybe {GOLD[q]}</think>The answer is A."))
    assert thought.scores["score"].to_list() == [0.0]
    answered = scored(replies(lambda q, r: f"<think>maybe A</think>The answer is {GOLD[q]}."))
    assert answered.scores["score"].to_list() == [1.0]
    endless = scored(replies(lambda q, r: f"<think>The answer is {GOLD[q]}", finish_reason="length"))
    assert endless.scores["score"].to_list() == [0.0]
    assert "never came to its end" in endless.questions["reason"][0]


def test_a_model_may_have_tags_of_its_own():
    text = "<b>maybe A</b>The answer is {gold}."
    responses = replies(lambda q, r: text.format(gold=GOLD[q]))
    assert scored(responses, tags=Tags(open="<b>", close="</b>")).scores["score"].to_list() == [1.0]


def test_what_no_verifier_can_judge_is_missing_and_not_wrong():
    rows = ROWS.with_columns(gold=pl.lit(None, dtype=pl.String))
    result = score(replies(lambda q, r: "7"), {"sums": rows}, {"sums": SPEC})
    assert set(result.questions["verdict"]) == {"unverifiable"}
    (row,) = result.scores.to_dicts()
    assert (row["score"], row["se"], row["missing"]) == (None, None, 16)


def test_frame_by_frame_is_the_same_as_whole():
    responses = replies(lambda q, r: GOLD[q] if r else "A")
    parts = (responses.slice(start, 3) for start in range(0, len(responses), 3))
    whole, streamed = scored(responses), scored(parts)
    assert streamed.questions.equals(whole.questions)
    assert streamed.scores.equals(whole.scores)


def test_several_benchmarks_with_shared_questions_are_kept_apart():
    other = benchmark("more-sums", role="held_out", repeats=1)
    asked = list(asks(other, ROWS, MODEL))
    more = response_rows(other.key, asked, {a.request.key: Reply.make("A") for a in asked})
    both = pl.concat([replies(lambda q, r: GOLD[q]), more])
    result = score(both, {"more-sums": ROWS, "sums": ROWS}, {"sums": SPEC, "more-sums": other})
    assert result.scores["benchmark"].to_list() == ["more-sums", "sums"]
    assert result.scores["score"].to_list() == [0.0, 1.0]
    assert result.scores["role"].to_list() == ["held_out", "dev"]


def test_responses_to_an_unknown_benchmark_are_refused():
    with pytest.raises(KeyError, match="sums"):
        score(replies(lambda q, r: "7"), {"other": ROWS}, {"other": benchmark("other")})


def test_numbers_are_judged_too():
    rows = questions(4).sort("question_id")
    spec = benchmark(repeats=1)
    asked = list(asks(spec, rows, MODEL))
    gold = dict(rows.select("question_id", "gold").iter_rows())
    said = {a.request.key: Reply.make(rf"So it is \boxed{{{gold[a.question_id]}.0}}") for a in asked[1:]}
    responses = response_rows(spec.key, asked, {**said, asked[0].request.key: Reply.make("It is 1000.")})
    assert score(responses, {"sums": rows}, {"sums": spec}).scores["score"].to_list() == [0.75]
