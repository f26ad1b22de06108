from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ot_assets.verification import Limits, Verdict, VerifyTask, check_gold, verify, verify_many
from ot_assets.verification.args import check


def judged(pattern: str, answer: str | None, gold: str | None = None, **how: str) -> Verdict:
    return verify("regex", json.dumps({"pattern": pattern, **how}), gold, answer)


def test_the_whole_stated_answer_must_match() -> None:
    assert judged(r"\d{4}", r"So \boxed{1984}").correct
    assert judged(r"\d{4}", "The answer is 1984").correct
    verdict = judged(r"\d{4}", r"\boxed{19845}")
    assert (verdict.verdict, verdict.extracted) == ("wrong", "19845")
    assert "does not match" in verdict.reason


def test_search_takes_the_last_match_anywhere() -> None:
    verdict = judged(r"\d{4}", "from 1984 to 2001 and on", match="search")
    assert (verdict.verdict, verdict.extracted) == ("correct", "2001")
    assert judged("yes", "YES", match="search").verdict == "wrong"
    assert judged("yes", "well, YES!", match="search", flags="i").correct


def test_a_group_named_answer_is_compared_with_the_gold_answer() -> None:
    pattern = r"capital: (?P<answer>\w+)"
    assert judged(pattern, "capital: Rome, capital: paris", "Paris", match="search").correct
    wrong = judged(pattern, "capital: Rome", "Paris", match="search")
    assert (wrong.verdict, wrong.extracted) == ("wrong", "Rome")
    assert judged(pattern, "capital: Rome", match="search").verdict == "unverifiable"


def test_a_gold_answer_that_does_not_match_its_own_pattern_cannot_judge() -> None:
    verdict = judged(r"\d+", "12", "twelve")
    assert verdict.verdict == "unverifiable"
    assert "does not match its own pattern" in verdict.reason
    assert check_gold("regex", '{"pattern": "[a-z]+"}', "twelve").correct


@pytest.mark.parametrize("args", [None, "no json", "{}", '{"pattern": 5}', '{"pattern": "("}', "[1]"])
def test_without_a_usable_pattern_nothing_is_judged(args: str | None) -> None:
    assert verify("regex", args, None, "x").verdict == "unverifiable"


def test_a_reply_without_an_answer_is_wrong_and_says_so() -> None:
    assert judged("x", None).reason == "no answer found"


def test_a_pattern_that_never_ends_is_killed() -> None:
    args = json.dumps({"pattern": "(a+)+b"})
    slow, fine = verify_many(
        [VerifyTask("regex", args, None, "a" * 60), VerifyTask("regex", args, None, "aab")],
        workers=1,
        limits=Limits(seconds=0.5),
    )
    assert slow.verdict == "verifier_failed"
    assert "killed" in slow.reason
    assert fine.correct


@pytest.mark.parametrize(
    ("verifier", "args", "said"),
    [
        ("regex", {}, "pattern is needed"),
        ("regex", {"pattern": "("}, "no regular expression"),
        ("regex", {"pattern": "x", "flags": "q"}, "flags may hold"),
        ("regex", {"pattern": "x", "mach": "full"}, "'mach' is no setting of regex"),
        ("regex", {"pattern": "x", "match": "half"}, "one of full, search"),
        ("exact", {"case": True}, "one of ignore, keep"),
        ("majority", {"least": 0}, "1 or more"),
        ("majority", {"of": "code"}, "one of math, choice, exact, auto"),
    ],
)
def test_settings_are_checked(verifier: str, args: dict[str, object], said: str) -> None:
    assert said in str(check(verifier, args))


def test_good_settings_are_fine() -> None:
    assert check("regex", {"pattern": "x", "flags": "im", "match": "search"}) is None
    assert check("regex", {"flags": "i"}, whole=False) is None
    assert check("majority", {"options": {"A": "x"}, "of": "choice", "least": 3, "when": "no_gold"}) is None
    assert check("math", {"anything": 1}) is None


@given(st.text(), st.text())
def test_never_raises(pattern: str, answer: str) -> None:
    assert judged(pattern, answer[:30]).reason
