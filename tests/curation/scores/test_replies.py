"""What is read out of any reply to a rating."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ot_assets.curation.scores.replies import parse_difficulty, parse_worth


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("**7**", 7),
        (" 10.\n", 10),
        ("Difficulty: 7/10", 7),
        ("7/10.", 7),
        ("7/10.5", None),
        ("difficulty = 3 out of 10", 3),
        ('{"difficulty": 4}', 4),
        ("On a scale of 1 to 10, I would rate this problem a 6.", 6),
        ("It needs 3 steps and 2 ideas.\n\n8", 8),
        ("The rating is 5, since 2 primes are involved.", 5),
        ("Score: 4\nOn reflection, the score should be 5", 5),
        (r"\boxed{9}", 9),
        ("I'd say 6.5", 6.5),
        ("between 3 and 5", None),
        ("seven", None),
        ("", None),
        ("0", None),
        ("11", None),
        ("-5", None),
        ("1-10", None),
        ("100%", None),
        ("I cannot rate this.", None),
    ],
)
def test_difficulty(text: str, value: float | None) -> None:
    assert parse_difficulty(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"reason": "clear, 3 steps", "score": 85}', 85),
        ('```json\n{"reason": "clear", "score": 62.5}\n```', 62.5),
        ('<think>10? 20?</think>{"reason": "no", "score": 12}', 12),
        ('{"reason": "three of 4 parts", "score": 150}', None),
        ('{"score": 85}', 85),
        ('{"reason": "it is cut in the mid', None),
        ("85", 85),
        ("100", 100),
        ("Score: 85/100", 85),
        ("85/100.", 85),
        ("I would give it 40 out of 100.", 40),
        ("70 out of a hundred", 70),
        ("On a scale from 1 to 100 this is a 55.", 55),
        ("Clear: 20, deep: 15, sound: 25, teaches: 10.\n\n70", 70),
        ("Clear: 20, deep: 15", None),
        ("85%", None),
        ("0", None),
        ("101", None),
        ("", None),
    ],
)
def test_worth(text: str, value: float | None) -> None:
    assert parse_worth(text) == value


@given(st.text() | st.from_regex(r"[\d./\-% \n]*(score|10|100)?[\d./\-% \n]*", fullmatch=True))
def test_any_text_gives_a_rating_in_range_or_none(text: str) -> None:
    for parse, top in ((parse_difficulty, 10), (parse_worth, 100)):
        value = parse(text)
        assert value is None or 1 <= value <= top


@given(number=st.integers(1, 100), reason=st.text())
def test_the_json_that_was_asked_for_is_read_whatever_the_reason_says(number: int, reason: str) -> None:
    assert parse_worth(json.dumps({"reason": reason, "score": number})) == number


@given(number=st.integers(1, 10), prose=st.from_regex(r"[A-Za-z ,]*", fullmatch=True))
def test_a_number_on_the_last_line_is_the_rating(number: int, prose: str) -> None:
    assert parse_difficulty(f"{prose} 3 of 4\n{number}") == number
    assert parse_worth(f"{prose} 3 of 4\n{number}") == number
