from __future__ import annotations

import threading

import pytest

from ot_assets.verification import Verdict, check_gold, verify


def judged(gold: str | None, answer: str | None, **more: object) -> Verdict:
    return verify("math", None, gold, answer, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("12", "So 5+7=12."),
        ("12", r"\boxed{13}, no wait: \boxed{12}"),
        ("5 dollars", "The answer is $5."),
        ("5 dollars", "He pays 5 dollars."),
        ("1/3", "0.333333"),
        ("50", "50%"),
        ("50%", "0.5"),
        (r"\frac{1}{2}", r"The answer is $\frac{2}{4}$."),
        ("x^2+2x+1", r"It is $(x+1)^2$"),
        ("x = 5", r"\boxed{5}"),
        ("5", r"\boxed{x=5}"),
        ("(1,2)", r"\boxed{(1,2)}"),
        ("{1,2}", r"\boxed{2,1}"),
        ("1 1/2", "The answer is 1 1/2."),
        (r"2\sqrt{3}", r"$\sqrt{12}$"),
        ("[0,1)", r"\boxed{[0, 1)}"),
        (r"36^\circ", r"\boxed{36}"),
        ("4 cm^2", r"\boxed{4}"),
        ("No", "Answer: No"),
        ("They are equal", "They are equal."),
        ("3:30 p.m.", r"\boxed{3:30 \text{ PM}}"),
        ("3:4", r"\boxed{6:8}"),
        ("B", r"\boxed{\text{(B)}}"),
        (r"\text{east}", r"\boxed{east}"),
        ("10", "<answer>10</answer>"),
        ("ACD", r"\boxed{A, C, D}"),
        ("ACD", r"\boxed{DCA}"),
    ],
)
def test_right_answers(gold: str, answer: str) -> None:
    verdict = judged(gold, answer)
    assert verdict.correct, verdict


@pytest.mark.parametrize(
    ("gold", "answer", "extracted"),
    [
        ("12", r"\boxed{12} or rather \boxed{13}", "13"),
        ("1 1/2", "The answer is 1.", "1"),
        ("(1,2)", r"\boxed{(2,1)}", "(2,1)"),
        ("1/3", "0.33", "0.33"),
        ("No", r"\boxed{on}", "on"),
        ("1000", r"\boxed{1}", "1"),
        ("x+1", r"\boxed{x-1}", "x-1"),
        ("7", r"\boxed{\sqrt{}}", r"\sqrt{}"),
    ],
)
def test_wrong_answers_show_what_was_read(gold: str, answer: str, extracted: str) -> None:
    verdict = judged(gold, answer)
    assert (verdict.verdict, verdict.extracted) == ("wrong", extracted)
    assert "is not the gold answer" in verdict.reason


@pytest.mark.parametrize(
    ("gold", "why"),
    [
        (None, "no gold answer"),
        ("  ", "no gold answer"),
        ("24 years old; 24 years old", "several answers"),
        (r"\frac{", "cannot read"),
    ],
)
def test_gold_answers_that_nothing_can_be_judged_by(gold: str | None, why: str) -> None:
    verdict = judged(gold, r"\boxed{5}")
    assert verdict.verdict == "unverifiable"
    assert why in verdict.reason


def test_a_reply_without_an_answer_is_wrong_and_says_so() -> None:
    for answer in (None, "", "I do not know."):
        verdict = judged("5", answer)
        assert (verdict.verdict, verdict.extracted, verdict.reason) == ("wrong", None, "no answer found")
    assert "reasoning never came to its end" in judged("5", None, reasoning_closed=False).reason


def test_a_cut_reply_counts_only_with_an_announced_answer() -> None:
    cut = judged("5", "so 2 + 3 gives 5", finish_reason="length")
    assert (cut.verdict, cut.extracted) == ("wrong", None)
    assert "cut at its token limit" in cut.reason
    assert judged("5", "The answer is 5, and", finish_reason="length").correct


def test_a_reply_that_a_content_filter_ended_is_not_wrong() -> None:
    assert judged("5", "", finish_reason="content_filter").verdict == "unverifiable"


def test_words_that_a_reply_never_marks_cannot_be_judged() -> None:
    verdict = judged("They are equal", "Both weigh the same, I would say.")
    assert verdict.verdict == "unverifiable"
    assert "words" in verdict.reason


def test_gold_answers_are_checked_against_themselves() -> None:
    for gold in ("12", "x^2", "They are equal", r"\frac{1}{2}", r"so \boxed{4}", "3:4", "[0,1)"):
        assert check_gold("math", None, gold).correct, gold
    assert check_gold("math", None, "1; 2 apples").verdict == "unverifiable"


def test_it_works_outside_of_the_main_thread() -> None:
    found: list[Verdict] = []
    thread = threading.Thread(target=lambda: found.append(judged("x+1", r"\boxed{1+x}")))
    thread.start()
    thread.join()
    assert found[0].correct


def test_an_error_while_comparing_is_the_verifiers_failure_not_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import math_verify

    def broken(*_args: object, **_more: object) -> bool:
        raise TypeError("cannot determine truth value of Relational")

    assert check_gold("math", None, "z+2").correct  # the gold answer's own check is done before
    monkeypatch.setattr(math_verify, "verify", broken)
    verdict = judged("z+2", r"\boxed{z<2}")
    assert verdict.verdict == "verifier_failed"
    assert "cannot determine truth value" in verdict.reason


def test_its_own_alarm_is_a_failure_not_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import math_verify
    from math_verify.errors import TimeoutException

    def slow(*_args: object, **_more: object) -> bool:
        raise TimeoutException("Operation timed out!")

    assert check_gold("math", None, "z+3", seconds=1).correct
    monkeypatch.setattr(math_verify, "verify", slow)
    verdict = judged("z+3", r"\boxed{z}", seconds=1)
    assert verdict.verdict == "verifier_failed"
    assert "did not come to an end" in verdict.reason
