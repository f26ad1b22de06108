from __future__ import annotations

import json
import string

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ot_assets.verification import Verdict, verify
from ot_assets.verification.args import ExactArgs
from ot_assets.verification.exact import normal


def judged(gold: str | None, answer: str | None, **how: str) -> Verdict:
    return verify("exact", json.dumps(how) if how else None, gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("Paris", "paris"),
        ("Paris", "The answer is **Paris**."),
        ("Paris", "I think of Rome.\nParis"),
        ("Paris", r"Not Rome but \boxed{\text{Paris}}, or Lyon"),
        ("Paris", "<answer>Paris</answer>"),
        ("New  York", "new york"),
        ("ﬁve", "five"),
        ("two\nlines", "two lines"),
        ("a_b", "a_b"),
    ],
)
def test_equal_texts(gold: str, answer: str) -> None:
    assert judged(gold, answer).correct


@pytest.mark.parametrize(
    ("gold", "answer", "read"),
    [
        ("Paris", "Paris is nice.\nRome", "Rome"),
        ("Paris", r"\boxed{Rome} and Paris", "Rome"),
        ("Paris", "Parisian", "Parisian"),
    ],
)
def test_other_texts_show_what_was_read(gold: str, answer: str, read: str) -> None:
    verdict = judged(gold, answer)
    assert (verdict.verdict, verdict.extracted) == ("wrong", read)
    assert "is not the gold answer" in verdict.reason


def test_case_and_space_as_the_source_says() -> None:
    assert judged("Paris", "paris").correct
    assert judged("Paris", "paris", case="keep").verdict == "wrong"
    assert judged("New York", "newyork").verdict == "wrong"
    assert judged("New York", "newyork", space="ignore").correct
    assert judged("a  b", "a b", space="keep").verdict == "wrong"


def test_what_cannot_be_judged_and_what_holds_no_answer() -> None:
    assert judged(None, "x").verdict == "unverifiable"
    assert judged("  ", "x").verdict == "unverifiable"
    assert judged("x", None).reason == "no answer found"
    cut = verify("exact", None, "Paris", "and so we\nParis", finish_reason="length")
    assert (cut.verdict, cut.extracted) == ("wrong", None)


@settings(max_examples=200)
@given(st.text(min_size=1).filter(lambda t: t.strip()))
def test_a_gold_answer_equals_itself(gold: str) -> None:
    assert judged(gold, gold).correct


@given(st.text(), st.sampled_from([ExactArgs(), ExactArgs("keep", "keep"), ExactArgs("ignore", "ignore")]))
def test_normalising_twice_changes_nothing_for_plain_text(text: str, how: ExactArgs) -> None:
    plain = "".join(c for c in text if c in string.printable)
    assert normal(normal(plain, how), how) == normal(plain, how)
