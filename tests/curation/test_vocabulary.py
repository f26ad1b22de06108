"""Tokens as numbers: lists and columns of words are numbered alike."""

from __future__ import annotations

import re

import hypothesis.strategies as st
import polars as pl
from hypothesis import given, settings

from ot_assets.curation.tokens import WordTokenizer
from ot_assets.curation.vocabulary import Vocabulary

WORDS = st.lists(st.sampled_from(["a", "b", "ü", "中", "", "\0"]), max_size=5)


@settings(max_examples=200, deadline=None)
@given(items=st.lists(WORDS, max_size=5), texts=st.lists(WORDS, max_size=5))
def test_columns_and_lists_are_numbered_alike(items: list[list[str]], texts: list[list[str]]) -> None:
    known = Vocabulary(items)
    column = Vocabulary(pl.Series(items, dtype=pl.List(pl.String)))
    read = known.read(texts)
    same = column.read(pl.Series(texts, dtype=pl.List(pl.String)))
    assert read.codes.tolist() == same.codes.tolist()
    assert read.starts.tolist() == same.starts.tolist()
    names = dict(zip((token for item in items for token in item), known.items.codes.tolist(), strict=True))
    assert [read[row].tolist() for row in range(len(texts))] == [[names.get(t, 0) for t in text] for text in texts]
    assert sorted(set(names.values())) == list(range(1, len(names) + 1))


def test_parts() -> None:
    read = Vocabulary([["a", "b"]]).read([["a"], [], ["b", "c"], ["a"]])
    part = read.part(1, 4)
    assert [part[row].tolist() for row in range(len(part))] == [[], [2, 0], [1]]
    assert part.owners.tolist() == [1, 1, 2]
    assert part.sizes.tolist() == [0, 2, 1]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"])))
def test_words_are_those_of_a_regular_expression(text: str) -> None:
    """Letters that no other mark is put on: there the two engines mean the same by a word."""
    plain = "".join(letter for letter in text.casefold() if letter.isascii() or letter.isalpha())
    (words,) = WordTokenizer().split([plain])
    assert words == re.findall(r"\w+|[^\w\s]", plain)
