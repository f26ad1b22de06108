"""Every worked solution is checked against the item's own gold answer, and line by line against arithmetic itself."""

import re

import pytest
import reasoning_gym
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.sourcing.worked import worked_solution

SETTINGS = {
    "chain_sum": {"min_terms": 2, "max_terms": 4, "min_digits": 1, "max_digits": 3},
    "products": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 4},
    "gcd": {"min_numbers": 2, "max_numbers": 3},
    "letter_counting": {},
    "knights_knaves": {"n_people": 2},
}


@pytest.mark.parametrize("dataset", SETTINGS)
def test_every_item_is_worked_out_to_its_gold_answer(dataset):
    items = reasoning_gym.create_dataset(dataset, size=150, seed=5, **SETTINGS[dataset])
    for item in items:
        text = worked_solution(dataset, item)
        assert text is not None, item["question"]
        assert text.endswith(item["answer"])


def value(expression):
    """A whole-number expression, worked out by Python; only digits, signs and brackets get here."""
    assert re.fullmatch(r"[\d+\-*() ]+", expression)
    return eval(expression)


def check_equations(text):
    for line in text.splitlines():
        equation = line.split(": ")[-1]
        assert len({value(side) for side in equation.split("=")}) == 1, line


@given(st.lists(st.integers(0, 999), min_size=2, max_size=5), st.data())
def test_every_line_of_a_sum_is_true(numbers, data):
    signs = data.draw(st.lists(st.sampled_from("+-"), min_size=len(numbers) - 1, max_size=len(numbers) - 1))
    expression = str(numbers[0]) + "".join(f" {s} {n}" for s, n in zip(signs, numbers[1:], strict=True))
    gold = value(expression)
    text = worked_solution("chain_sum", {"answer": str(gold), "metadata": {"expression": expression}})
    assert text is not None
    check_equations(text)
    assert text.splitlines()[-1].startswith(expression) and text.endswith(f"= {gold}")


@given(st.integers(0, 99_999), st.integers(0, 99_999))
def test_every_line_of_a_product_is_true(a, b):
    item = {"answer": str(a * b), "metadata": {"expression": f"{a} * {b}"}}
    text = worked_solution("products", item)
    assert text is not None
    check_equations(text)
    assert text.endswith(f"= {a * b}")


def test_sums_are_taken_apart_into_tens_and_units():
    def sums(expression):
        return worked_solution("chain_sum", {"answer": str(value(expression)), "metadata": {"expression": expression}})

    assert sums("41 + 27") == "41 + 27 = 41 + 20 + 7 = 61 + 7 = 68"
    assert sums("8 + 5") == "8 + 5 = 13"
    assert sums("62 - 38") == "62 - 38 = 62 - 30 - 8 = 32 - 8 = 24"
    assert sums("11 - 51") == "51 is larger than 11: 51 - 11 = 51 - 10 - 1 = 41 - 1 = 40\n11 - 51 = -40"


def test_a_puzzle_is_solved_by_trying_everything():
    item = {
        "answer": "Lily is an egoist, and Logan is an altruist.",
        "metadata": {
            "statements": (("not", ("telling-truth", 1)), ("or", ("telling-truth", 0), ("lying", 0))),
            "names": ["Lily", "Logan"],
            "knight_knave_terms": {"a_knight": "an altruist", "a_knave": "an egoist"},
        },
    }
    text = worked_solution("knights_knaves", item)
    assert text is not None
    assert text.splitlines()[0] == (
        "Suppose Lily is an altruist and Logan is an altruist: "
        "what Lily said would be false, but Lily would be telling the truth. No."
    )
    assert text.count("every statement fits") == 1
    assert text.splitlines()[-1] == item["answer"]


@pytest.mark.parametrize(
    ("dataset", "answer", "metadata"),
    [
        ("chain_sum", "69", {"expression": "41 + 27"}),
        ("chain_sum", "5", {"expression": "-3 + 8"}),
        ("chain_sum", "", {"expression": "1 + 1"}),
        ("products", "24", {"expression": "2 * 3 * 4"}),
        ("gcd", "4", {"numbers": [0, 4]}),
        ("coin_flip", "0.5", {}),
    ],
)
def test_what_cannot_be_explained_rightly_is_not_explained(dataset, answer, metadata):
    assert worked_solution(dataset, {"answer": answer, "metadata": metadata}) is None
