from __future__ import annotations

import json

import hypothesis.strategies as st
from hypothesis import given

from ot_assets.verification import VerifyTask, verify
from ot_assets.verification.judge import LONGEST_ANSWER, NO_GOLD, PROMPT, JudgeReply, Vote, filled, verdict_of
from resources.generation.structured import parse, response_format


def vote(said: str, thoughts: str = "because") -> Vote:
    return Vote(JudgeReply.model_validate({"thoughts": thoughts, "verdict": said}))


def task(answer: str | None, gold: str | None = None) -> VerifyTask:
    return VerifyTask("judge", None, gold, answer)


def test_more_votes_decide() -> None:
    verdict = verdict_of("r1", [vote("wrong"), vote("correct", "first"), vote("correct", "second")])
    assert verdict.correct
    assert verdict.reason == "2 of 3 votes of r1 say correct: first"
    assert json.loads(verdict.evidence or "") == {
        "judge": "r1",
        "votes": {"correct": 2, "wrong": 1, "cannot_tell": 0},
    }
    assert verdict_of("r1", [vote("wrong")]).verdict == "wrong"
    assert verdict_of("r1", [vote("wrong"), vote("cannot_tell"), vote("cannot_tell")]).verdict == "wrong"


def test_a_tie_decides_nothing() -> None:
    tie = verdict_of("r1", [vote("wrong"), vote("correct"), Vote(None, "no JSON")])
    assert tie.verdict == "unverifiable"
    assert json.loads(tie.evidence or "")["unread"] == 1
    assert verdict_of("r1", [vote("cannot_tell")]).verdict == "unverifiable"


def test_votes_that_nobody_can_read_are_the_verifiers_failure() -> None:
    verdict = verdict_of("r1", [Vote(None, "no JSON " * 200), Vote(None, "refused")])
    assert verdict.verdict == "verifier_failed"
    assert "none of 2 votes of r1 could be read: no JSON" in verdict.reason
    assert json.loads(verdict.evidence or "")["fault"]


@given(st.lists(st.sampled_from(["correct", "wrong", "cannot_tell", ""]), max_size=9))
def test_the_verdict_is_that_of_more_votes(said: list[str]) -> None:
    verdict = verdict_of("j", [vote(one) if one else Vote(None, "x") for one in said]).verdict
    right, false = said.count("correct"), said.count("wrong")
    if right != false:
        assert verdict == ("correct" if right > false else "wrong")
    else:
        assert verdict == ("unverifiable" if any(said) else "verifier_failed")


def test_the_prompt_is_filled_in_one_pass() -> None:
    said = filled("Q {question} G {gold} A {answer} {answer} {x}", "{answer}", task("{gold}", " 5 "))
    assert said == "Q {answer} G 5 A {gold} {gold} {x}"
    assert NO_GOLD in filled(PROMPT, "q", task("a"))
    long = filled("{answer}", "q", task("x" * LONGEST_ANSWER + "the end"))
    assert len(long) == LONGEST_ANSWER + 1
    assert long.endswith("the end")


def test_the_reply_has_a_form_that_endpoints_take() -> None:
    assert response_format(JudgeReply)["json_schema"]["strict"]
    read = parse('```json\n{"thoughts": "t", "verdict": "cannot_tell"}\n```', JudgeReply)
    assert read.value == JudgeReply(thoughts="t", verdict="cannot_tell")
    assert parse('{"thoughts": "t", "verdict": "maybe"}', JudgeReply).fault


def test_one_answer_alone_is_no_case_for_a_judge_or_a_majority() -> None:
    assert verify("judge", None, None, "x").verdict == "unverifiable"
    assert "needs all answers" in verify("majority", None, None, "x").reason
