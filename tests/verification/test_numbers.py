from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.verification import verify
from ot_assets.verification.numbers import as_number, first_number, last_number

FORMATS = [
    "{n}", "{n}.", "{n}.0", "**{n}**", "${n}$", r"\text{{{n}}}", "{n} apples", "{n} square inches", "{n} cm",
    "{n} cm^2", "{n:,}",
    "{n:,}.00", r"\({n}\)", "  {n}  ", "{n}%%",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234", 1234), ("1 234", 1234), ("1.234.567", 1234567), (r"1{,}234", 1234), (r"1\,234", 1234), ("-3",
        -3), ("−3", -3),
        (".5", Fraction(1, 2)), ("1.2E-3", Fraction(3, 2500)), ("1 1/2", Fraction(3, 2)), (r"2\frac{1}{3}",
        Fraction(7, 3)),
        (r"-\dfrac{3}{4}", Fraction(-3, 4)), ("$5", 5), (r"\$18.90", Fraction(189, 10)), ("5 €", 5), ("5 dollars", 5),
        ("50%", Fraction(1, 2)), (r"50\%", Fraction(1, 2)), ("12 star-shaped stones", 12), ("22 Valentines",
        22), ("3 min", 3),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, number: Fraction | int) -> None:
    assert as_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1,2",
        "(1,2)",
        "1/0",
        "2 pi",
        "2xy",
        "3 x",
        "3 and 4",
        "1 million",
        "7:30",
        "0x10",
        "1e",
        "x = 5",
        "5; 6",
        "9" * 400,
        "３",
    ],
)
def test_what_is_no_number_as_a_whole(text: str) -> None:
    assert as_number(text) is None


def test_numbers_in_prose() -> None:
    assert last_number("So 3 + 4 = 7.") == "7"
    assert last_number("10-3") == "3"
    assert last_number("it is -3") == "-3"
    assert last_number("$1,234.50.") == "1,234.50"
    assert last_number("no number") is None
    assert first_number("(-4) and 5") == "-4"


@given(st.integers(min_value=-(10**9), max_value=10**9), st.sampled_from(FORMATS))
def test_every_format_of_a_number_is_judged_right_and_its_neighbour_wrong(n: int, form: str) -> None:
    written = form.replace("%%", "").format(n=n)
    assert verify("math", None, str(n), f"So we get \\boxed{{{written}}}.").verdict == "correct"
    assert verify("math", None, str(n + 1), f"So we get \\boxed{{{written}}}.").verdict == "wrong"


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=97))
def test_fractions_equal_their_decimals_to_a_millionth(value: Fraction) -> None:
    gold = f"{value.numerator}/{value.denominator}"
    assert verify("math", None, gold, f"\\boxed{{{float(value):.12f}}}").verdict == "correct"
    assert (
        verify("math", None, gold, f"\\boxed{{{float(value) + 0.01 * (abs(float(value)) + 1):.12f}}}").verdict
        == "wrong"
    )


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    as_number(text)
    last_number(text)


def test_hyphens_do_not_take_exponential_time() -> None:
    assert as_number("5 apples" + "-a" * 140 + "§") is None
