from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.sourcing.choices import ChoiceError, gold_letter, options_in, read_columns, read_options, render
from ot_assets.verification import check_gold

TEXTS = ["a marsh", "a tundra", "the plains", "a desert"]
LETTERED = "A. a marsh\nB. a tundra\nC. the plains\nD. a desert"


@pytest.mark.parametrize(
    "value",
    [
        TEXTS,
        dict(zip("ABCD", TEXTS, strict=True)),
        {"A": "a marsh", "B": "a tundra", "C": "the plains", "D": "a desert", "E": None},
        {"text": TEXTS, "label": list("ABCD")},
        {"text": TEXTS, "label": list("1234")},
        [{"label": k, "text": t} for k, t in zip("ABCD", TEXTS, strict=True)],
        LETTERED,
        "\n" + LETTERED + " \n",
        LETTERED.replace(". ", ") "),
        "(A) a marsh\n(B) a tundra\n(C) the plains\n(D) a desert",
        json.dumps(TEXTS),
        str(TEXTS),
        json.dumps({"A": "a marsh", "B": "a tundra", "C": "the plains", "D": "a desert"}),
        [*TEXTS, None, ""],
    ],
)
def test_options_in_all_the_shapes_of_real_data(value: Any) -> None:
    options = read_options(value)
    assert dict(options.texts) == dict(zip("ABCD", TEXTS, strict=True))
    assert render("Where is fog?", options) == f"Where is fog?\n\n{LETTERED}"
    assert check_gold("choice", options.verifier_args, "C").correct


def test_an_option_may_go_over_several_lines() -> None:
    code = "A. x = 1\n y = 2\nB. y = 2\n x = 1\n B. is no option\nC. nothing"
    assert dict(read_options(code).texts) == {
        "A": "x = 1\n y = 2",
        "B": "y = 2\n x = 1\n B. is no option",
        "C": "nothing",
    }


@pytest.mark.parametrize(
    "value", [None, "", "no letters here", [], ["one"], {"A": "one"}, 5, "C. third\nD. fourth", [["x"] * 27][0]]
)
def test_fewer_than_two_options_or_too_many_are_refused(value: Any) -> None:
    with pytest.raises(ChoiceError) as raised:
        read_options(value)
    assert raised.value.rule == "bad_row"


def test_an_empty_option_between_others_is_refused() -> None:
    with pytest.raises(ChoiceError, match="between others"):
        read_options(["a", "", "c"])


@pytest.mark.parametrize(
    ("gold", "gold_is", "letter"),
    [
        ("B", "letter", "B"),
        ("b", "letter", "B"),
        ("(B)", "letter", "B"),
        ("B.", "letter", "B"),
        ("B. a tundra", "letter", "B"),
        ("B. a tundra?", "letter", "B"),
        ("B) a tundra", "letter", "B"),
        (["B"], "letter", "B"),
        ("a tundra", "letter", "B"),
        ("A Tundra", "text", "B"),
        (1, "index", "B"),
        ("1", "index", "B"),
        (1.0, "index", "B"),
    ],
)
def test_gold_answers_in_all_their_shapes(gold: Any, gold_is: Any, letter: str) -> None:
    assert gold_letter(gold, read_options(TEXTS), gold_is) == letter


def test_labels_of_the_data_are_turned_into_letters() -> None:
    options = read_options({"text": TEXTS, "label": list("1234")})
    assert gold_letter("2", options, "letter") == "B"


@pytest.mark.parametrize(
    ("gold", "gold_is"),
    [
        ("E", "letter"),
        ("B. a desert", "letter"),
        ("nowhere", "text"),
        (4, "index"),
        (-1, "index"),
        (True, "index"),
        ("x", "index"),
        (None, "text"),
    ],
)
def test_a_gold_that_is_no_option_is_refused_and_shows_the_options(gold: Any, gold_is: Any) -> None:
    with pytest.raises(ChoiceError, match=r"none of: A\. a marsh \| B\. a tundra") as raised:
        gold_letter(gold, read_options(TEXTS), gold_is)
    assert raised.value.rule == "gold_not_in_options"


def test_two_options_of_the_same_text_name_no_letter() -> None:
    with pytest.raises(ChoiceError):
        gold_letter("same", read_options(["same", "same", "other"]), "text")


def test_shuffled_options_spread_the_right_answer_evenly_and_stay_put() -> None:
    def letter(number: int) -> str:
        question = f"Question number {number}?"
        options = read_columns(["right", "wrong 1", "wrong 2", "wrong 3"], question, shuffle=True)
        again = read_columns(["right", "wrong 1", "wrong 2", "wrong 3"], question + "  ", shuffle=True)
        assert options == again
        return gold_letter("right", options, "text")

    counts = Counter(letter(number) for number in range(400))
    assert set(counts) == set("ABCD")
    assert min(counts.values()) > 60  # 100 each on average; 60 is 4.6 standard deviations away


def test_options_within_the_question_are_found() -> None:
    options = options_in(f"Dr A. Smith asks where fog is.\n\nAnswer Choices:\n{LETTERED}")
    assert options is not None
    assert dict(options.texts) == dict(zip("ABCD", TEXTS, strict=True))
    assert options_in("No choices at all.") is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=4), v, max_size=4),
        max_leaves=8,
    )
)
def test_whatever_stands_there_gives_options_or_a_reason(value: Any) -> None:
    try:
        options = read_options(value)
    except ChoiceError as error:
        assert error.note
    else:
        assert 2 <= len(options.texts) <= 26
        assert all(options.texts.values())
