"""The filtered Indel search equals comparing every pair."""

from __future__ import annotations

import random
import runpy
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from rapidfuzz import fuzz

from ot_assets.curation import similarity
from ot_assets.curation.similarity import COMPILED_FROM, IndelHit, IndelIndex

ALPHABET = st.sampled_from("abcdefgh ij\u00e9\u4e2d\U0001f600")
LONG_WORDS = "the sum of all primes below n is found with a sieve that costs x^2 steps; 42 = 6 * 7, so what?"
WORDS = st.lists(st.sampled_from(["the", "sum", "of", "two", "primes", "is", "42", "find", "x^2"]), max_size=40)
TEXTS = st.one_of(st.text(ALPHABET, max_size=90), WORDS.map(" ".join))


def naive(
    questions: list[str], items: list[str], thresholds: list[float | None], bounds: list[int]
) -> set[tuple[int, int, float]]:
    """The definition: every pair, the best of each group, the first of equals."""
    found = set()
    for row, question in enumerate(questions):
        for low, high in pairwise(bounds):
            scores = [
                (fuzz.ratio(question, items[item]), -item)
                for item in range(low, high)
                if (limit := thresholds[item]) is not None and fuzz.ratio(question, items[item]) >= limit
            ]
            if scores and question:
                score, item = max(scores)
                found.add((row, -item, score))
    return found


@settings(max_examples=150, deadline=None)
@given(
    questions=st.lists(TEXTS, max_size=8),
    items=st.lists(TEXTS.filter(bool), min_size=1, max_size=8),
    first=st.sampled_from([50.0, 75.0, 90.0, 100.0, None]),
    second=st.sampled_from([33.3, 75.0, None]),
    data=st.data(),
)
def test_equals_all_pairs(
    questions: list[str], items: list[str], first: float | None, second: float | None, data: st.DataObject
) -> None:
    near = data.draw(st.lists(st.sampled_from(items), max_size=3))
    questions = [*questions, *(text + " extra" for text in near), *(text[1:] + text[:1] for text in near)]
    cut = data.draw(st.integers(0, len(items)))
    thresholds = [first] * cut + [second] * (len(items) - cut)
    bounds = [0, cut, len(items)]
    index = IndelIndex(items, thresholds, bounds, workers=1)
    assert {tuple(hit) for hit in index.hits(questions)} == naive(questions, items, thresholds, bounds)


@pytest.mark.parametrize("length", [40, 400])
def test_the_threshold_itself_counts(length: int) -> None:
    """Similarity of exactly 75, in short texts (vector registers) and in long ones (bounds)."""
    item = "ab" * (length // 2)
    kept = item[: length * 3 // 4]
    question = kept + "z" * (length - len(kept))
    assert fuzz.ratio(question, item) == 75
    assert list(IndelIndex([item], [75], [0, 1], workers=1).hits([question])) == [IndelHit(0, 0, 75.0)]
    assert list(IndelIndex([item], [75.01], [0, 1], workers=1).hits([question])) == []


def test_lone_surrogates_and_very_long_texts_do_not_break_it() -> None:
    index = IndelIndex(["what is \ud800 here", "x" * 200], [75, 75], [0, 2], workers=2)
    hits = list(index.hits(["what is \ud800 here", "y" * 300_000, ""]))
    assert hits == [IndelHit(0, 0, 100.0)]


def test_more_questions_than_a_chunk() -> None:
    items = [f"item number {i} about {'abcdefghij'[i % 10] * 9} and then a good many more words {i}" for i in range(30)]
    questions = [f"{items[i % 30]} {i}" if i % 3 else f"nothing of the kind {i * 7919}" for i in range(700)]
    thresholds: list[float | None] = [75.0] * 30
    index = IndelIndex(items, thresholds, [0, 30], workers=2)
    assert {tuple(hit) for hit in index.hits(questions)} == naive(questions, items, thresholds, [0, 30])


def test_texts_made_from_one_template() -> None:
    """Nearly all pairs are alike, so no bound helps and every pair is compared."""
    stem = "State the final answer to the following arithmetic problem, and explain every step of it in words: "
    items = [f"{stem}{i * 37} + {i * 11 % 97} - {i * i} =" for i in range(25)]
    questions = [f"{stem}{i * 41} - {i * 13 % 89} + {i} =" for i in range(300)] + ["something quite different " * 5]
    thresholds: list[float | None] = [90.0] * 25
    index = IndelIndex(items, thresholds, [0, 10, 25], workers=2)
    expected = naive(questions, items, thresholds, [0, 10, 25])
    assert len(expected) > 500
    assert {tuple(hit) for hit in index.hits(questions)} == expected


@settings(max_examples=40, deadline=None)
@given(
    questions=st.lists(TEXTS, max_size=8),
    items=st.lists(TEXTS.filter(bool), min_size=1, max_size=70),
    first=st.sampled_from([50.0, 75.0, 90.0, 100.0, None]),
    second=st.sampled_from([33.3, 75.0, None]),
    data=st.data(),
)
def test_the_compiled_search_equals_all_pairs(
    questions: list[str], items: list[str], first: float | None, second: float | None, data: st.DataObject
) -> None:
    near = data.draw(st.lists(st.sampled_from(items), max_size=3))
    questions = [*questions, *(text + " extra" for text in near), *(text[1:] + text[:1] for text in near)]
    cut = data.draw(st.integers(0, len(items)))
    thresholds = [first] * cut + [second] * (len(items) - cut)
    bounds = [0, cut, len(items)]
    index = IndelIndex(items, thresholds, bounds, workers=2)
    index._compared = COMPILED_FROM + 1
    assert {tuple(hit) for hit in index.hits(questions)} == naive(questions, items, thresholds, bounds)


def test_the_compiled_search_on_long_and_alike_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items of many words a class, texts from one template, and lengths on either side of every window."""
    draw = random.Random(4)
    words = LONG_WORDS.split()
    items = [" ".join(draw.choices(words, k=draw.randint(1, 500))) for _ in range(150)]
    items += [f"State the final answer to this problem and explain every step of it: {i * 37} + {i}" for i in range(50)]
    questions = [" ".join(draw.choices(words, k=draw.randint(1, 600))) for _ in range(60)]
    questions += [text[: len(text) * 4 // 5] + " and so on" for text in items[::5]]
    questions += [f"State the final answer to this problem and explain every step of it: {i} - {i}" for i in range(20)]
    thresholds: list[float | None] = [75.0, 60.0] * 100
    monkeypatch.setattr(similarity, "COMPILED_FROM", 0)
    index = IndelIndex(items, thresholds, [0, 70, 200], workers=2)
    expected = naive(questions, items, thresholds, [0, 70, 200])
    assert len(expected) >= 60
    assert {tuple(hit) for hit in index.hits(questions)} == expected


def test_the_compiled_search_on_huge_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "COMPILED_FROM", 0)
    index = IndelIndex(["x" * 300_000], [75], [0, 1], workers=2)
    questions = ["x" * 300_000 + "y" * 200_000, "z" * 500_000]
    assert list(index.hits(questions)) == [IndelHit(0, 0, 75.0)]


def test_the_compiled_search_needs_no_folder_to_keep_it_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from ot_assets.curation import similarity_kernels

    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    assert "survivors" in runpy.run_path(similarity_kernels.__file__)
