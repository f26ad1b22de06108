from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.verification import check_gold, verify
from ot_assets.verification.choice import choose

OPTIONS = {
    "A": "make more phone calls",
    "B": "quit eating lunch out",
    "C": "buy less with monopoly money",
    "D": "have lunch with friends",
}
PLACES = {"A": "a marsh", "B": "a tundra", "C": "the plains", "D": "a desert"}
NUMBERS = {"A": "0", "B": "25000", "C": "5", "D": "None of the above"}
BLOOD = {"A": "O", "B": "A", "C": "B", "D": "AB"}
CELLS = {"A": "T cells", "B": "NK cells", "C": "B cells", "D": "mast cells"}

TEMPLATES = [
    "{x}", "({x})", "{x}.", "**{x}**", r"\boxed{{{x}}}", r"\boxed{{\text{{{x}}}}}", r"$\boxed{{({x})}}$",
    r"\boxed{{{x}. {text}}}",
    "The answer is {x}", "The answer is ({x}).", "Answer: {x}", "**Answer:** {x}", "**Answer**: **{x}**",
    "Answer:\n{x}",
    "The correct answer is option {x}.", "The correct option is {x}", "I choose {x}.", "Option {x} is correct.",
    "{x} is the best answer.", "{x}. {text}", "({x}) {text}", "<answer>{x}</answer>", 'So the answer would be "{x}"',
    "Therefore, I'd go with {x}", "The answer is {x}, {text}", "The answer is {x}) {text}",
    "The answer is {text}.", "{text}",
    r"\boxed{{{text}}}", "The answer is $\\textbf{{({x})}}$", "answer = {x}", "so {x}.", "Therefore {x}",
]  # fmt: skip
BEFORE = [
    "",
    "Let me think about a person and what I know.\n\n",
    "A. is it? Hmm.\n",
    "First I guessed the answer is {other}. ",
]


@given(st.sampled_from("ABCD"), st.sampled_from(TEMPLATES), st.sampled_from([OPTIONS, PLACES, NUMBERS, CELLS]))
def test_every_way_to_state_a_letter_is_read(letter: str, template: str, options: dict[str, str]) -> None:
    reply = template.format(x=letter, text=options[letter])
    assert choose(reply, options).letter == letter, reply


@given(st.sampled_from("ABCD"), st.sampled_from("ABCD"), st.sampled_from(TEMPLATES[4:18]), st.sampled_from(BEFORE))
def test_what_stands_before_the_last_statement_does_not_matter(
    letter: str, other: str, template: str, before: str
) -> None:
    reply = before.format(other=other) + template.format(x=letter, text=OPTIONS[letter])
    assert choose(reply, OPTIONS).letter == letter, reply


@given(st.sampled_from("ABCD"), st.sampled_from("ABCD"))
def test_the_box_wins_over_a_later_letter(boxed: str, later: str) -> None:
    reply = f"\\boxed{{{boxed}}}\nHowever, option {later} is correct. The answer is {later}"
    assert choose(reply, OPTIONS).letter == boxed


@pytest.mark.parametrize(
    ("reply", "options", "letter"),
    [
        ("a", PLACES, "A"),
        ("The marsh", PLACES, "A"),
        ("It is a marsh", PLACES, "A"),
        ("The answer is a.", PLACES, "A"),
        ("The answer is B cells.", CELLS, "C"),
        ("The answer is C, B cells", CELLS, "C"),
        ("The answer is (A): T cells.", CELLS, "A"),
        ("The answer is B so far", CELLS, "B"),
        (r"\boxed{25,000}", NUMBERS, "B"),
        (r"\boxed{O}", BLOOD, "A"),
        (r"\boxed{A}", BLOOD, "A"),
        ("The answer is AB", BLOOD, "D"),
        ("(A) is wrong, (B) fits", OPTIONS, "B"),
        ("A is incorrect. B is incorrect. D is incorrect. C is correct.", OPTIONS, "C"),
        ("The answer is B. The answer is C.", OPTIONS, "C"),
        ("A. no\nB. yes\nC. no\nSo B", OPTIONS, "B"),
    ],
)
def test_letters_among_words(reply: str, options: dict[str, str], letter: str) -> None:
    assert choose(reply, options).letter == letter


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Hmm, no idea",
        "A person wants to save",
        "The answer is a dog",
        "The answer is not B",
        "answer: A person",
        "Both A and B",
    ],
)
def test_articles_and_refusals_are_no_letters(reply: str) -> None:
    assert choose(reply, OPTIONS).letter is None


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("The answer is A or B", "several options"),
        (r"\boxed{A, B}", "several options"),
        (r"\boxed{E}", "none of the options"),
        ("\n".join(f"{k}. {v}" for k, v in OPTIONS.items()), "commits to none"),
        ("A tundra is cold but a marsh is wet", "several options"),
    ],
)
def test_a_reply_that_commits_to_no_option_is_wrong_with_the_reason(reply: str, why: str) -> None:
    options = PLACES if "tundra" in reply else OPTIONS
    verdict = verify("choice", json.dumps({"options": options}), "A", reply)
    assert verdict.verdict == "wrong"
    assert why in verdict.reason
    assert verdict.extracted


def test_verdicts_carry_letter_and_reason() -> None:
    args = json.dumps({"options": OPTIONS})
    right = verify("choice", args, "B", "I think it is (B).")
    assert (right.verdict, right.extracted) == ("correct", "B")
    wrong = verify("choice", args, "B", "Answer: C")
    assert (wrong.verdict, wrong.extracted) == ("wrong", "C")
    assert "the gold answer is B" in wrong.reason
    assert verify("choice", args, "B", "").reason == "no answer found"


def test_a_cut_reply_is_not_guessed_at() -> None:
    args = json.dumps({"options": OPTIONS})
    assert verify("choice", args, "B", "B. quit eating lunch out", finish_reason="length").reason.startswith(
        "no answer found"
    )
    assert verify("choice", args, "B", "The answer is B", finish_reason="length").correct


@pytest.mark.parametrize(
    ("args", "gold", "why"),
    [
        (None, "A", "options are not known"),
        ("[]", "A", "options are not known"),
        ("not json", "A", "options are not known"),
        (json.dumps({"options": OPTIONS}), "E", "none of the letters A, B, C, D"),
        (json.dumps({"options": OPTIONS}), None, "no gold answer"),
    ],
)
def test_what_cannot_be_judged_says_why(args: str | None, gold: str | None, why: str) -> None:
    verdict = verify("choice", args, gold, "A")
    assert verdict.verdict == "unverifiable"
    assert why in verdict.reason
    assert not check_gold("choice", args, gold).correct


def test_letters_beyond_d() -> None:
    options = {letter: f"thing number {i}" for i, letter in enumerate("ABCDEFGHIJ")}
    for letter in options:
        assert choose(f"\\boxed{{{letter}}}", options).letter == letter
        assert choose(f"The answer is ({letter}).", options).letter == letter
    assert choose("I think I know it", options).letter is None


@given(st.text(alphabet=st.sampled_from("ABCDabcd ().:*\nanswer is\\boxed{}optionnot,"), max_size=300))
def test_no_reply_raises(reply: str) -> None:
    choice = choose(reply, OPTIONS)
    assert choice.letter is None or choice.letter in OPTIONS
    assert choice.why
