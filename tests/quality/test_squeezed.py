"""Texts that differ in case and white space only have one number, however many there are."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.quality import squeezed
from ot_assets.quality.squeezed import MANY, SPACES, squeezed_hash

PIECES = st.sampled_from(
    ["a", "A", "b", " ", "\t", "\n", "é", "É", "ß", "\u2028", "\u00a0", "İ", "K", "k", "\x1c", "1"]
)
TEXTS = st.lists(st.none() | st.lists(PIECES, max_size=6).map("".join), max_size=30)


def numbers(texts: list[str | None], rows: int) -> list[int | None]:
    frame = pl.LazyFrame({"t": pl.Series(texts, dtype=pl.String)})
    return frame.select(squeezed_hash("t", rows)).collect(engine="streaming")["t"].to_list()


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_the_compiled_way_calls_the_same_texts_equal(texts: list[str | None]) -> None:
    few, many = numbers(texts, 0), numbers(texts, MANY)
    assert [number is None for number in few] == [number is None for number in many] == [text is None for text in texts]
    assert len(set(few)) == len(set(many)) == len(set(zip(few, many, strict=True)))


def test_what_is_the_same_and_what_is_not() -> None:
    same = ["One Two", "onetwo", " ONE\n\ttwo\u2003", "oNe\u00a0Two"]
    other = ["one", "onetw", "twoone", "", "one two 1", "\x1conetwo"]
    for rows in (0, MANY):
        found = numbers(same + other, rows)
        assert len(set(found[:4])) == 1
        assert len(set(found[3:])) == 1 + len(other)


def test_ascii_spaces_are_unicodes() -> None:
    every = [chr(code) for code in range(128)]
    found = numbers(["x", *(f"x{one}" for one in every)], MANY)
    assert [one for one, number in zip(every, found[1:], strict=True) if number == found[0]] == [
        one for one in every if one in SPACES
    ]


def test_many_texts_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squeezed, "_AT_ONCE", 7)
    texts = [f"Text {'É' if n % 3 else ''} {n % 50}" for n in range(200)]
    found = numbers(texts, MANY)
    bare = [re.sub(r"\s", "", text).lower() for text in texts]
    assert len(set(found)) == len(set(bare)) == len(set(zip(found, bare, strict=True)))
