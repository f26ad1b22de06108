"""The n-gram index equals looking for every run of tokens in every item."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from ot_assets.curation import ngrams
from ot_assets.curation.ngrams import SHORTEST_RUN, GramHit, NgramIndex
from tests.curation.indexed import Indexed

TOKENS = st.lists(st.sampled_from("abc"), max_size=30)


def indexed(items: list[list[str]], sizes: list[int | None], bounds: list[int]) -> Indexed[GramHit]:
    return Indexed.of(lambda coded: NgramIndex(coded, sizes, bounds), items)


def grams(tokens: list[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}


def shared(question: list[str], item: list[str], n: int | None) -> int:
    """The definition: how many distinct n-grams of the question the item has."""
    if n is None or not item:
        return 0
    if len(item) < min(n, SHORTEST_RUN):
        return int(question == item)
    return len(grams(question, min(n, len(item))) & grams(item, min(n, len(item))))


def naive(questions: list[list[str]], items: list[list[str]], sizes: list[int | None], bounds: list[int]) -> set:
    found = set()
    for row, question in enumerate(questions):
        for low, high in pairwise(bounds):
            counts = [(shared(question, items[i], sizes[i]), -i) for i in range(low, high)]
            if counts and max(counts)[0]:
                count, item = max(counts)
                found.add((row, -item, count))
    return found


@settings(max_examples=200, deadline=None)
@given(
    questions=st.lists(TOKENS, max_size=6),
    items=st.lists(TOKENS, min_size=1, max_size=6),
    sizes=st.tuples(st.sampled_from([3, 7, 13, None]), st.sampled_from([5, 13])),
    data=st.data(),
)
def test_equals_the_definition(
    questions: list[list[str]], items: list[list[str]], sizes: tuple[int | None, int], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(items)))
    questions = [*questions, *(["z", *item, "z"] for item in items), *items]
    each = [sizes[0]] * cut + [sizes[1]] * (len(items) - cut)
    bounds = [0, cut, len(items)]
    hits = list(indexed(items, each, bounds).asked(questions))
    assert {(hit.row, hit.item, hit.shared) for hit in hits} == naive(questions, items, each, bounds)


def test_names_the_shared_stretch() -> None:
    item = [f"w{i}" for i in range(40)]
    question = ["so", *item[5:25], "and", *item[30:37]]
    (hit,) = indexed([item], [13], [0, 1]).asked([question])
    assert question[hit.start : hit.stop] == item[5:25]
    assert hit.shared == 20 - 13 + 1


def test_twelve_shared_tokens_are_no_match_and_thirteen_are() -> None:
    item = [f"w{i}" for i in range(40)]
    index = indexed([item], [13], [0, 1])
    assert not list(index.asked([["x", *item[10:22], "y"]]))
    assert list(index.asked([["x", *item[10:23], "y"]]))


def test_short_items_are_compared_whole() -> None:
    item = ["what", "is", "the", "capital", "of", "france", "?"]
    assert len(item) < 13
    index = indexed([item], [13], [0, 1])
    assert list(index.asked([["please", "tell", ":", *item, "one", "word"]])) == [GramHit(0, 0, 1, 3, 10)]
    assert not list(index.asked([item[:-1]]))


def test_very_short_items_must_be_the_whole_question() -> None:
    item = ["2", "+", "2", "?"]
    index = indexed([item], [13], [0, 1])
    assert list(index.asked([item])) == [GramHit(0, 0, 1, 0, 4)]
    assert not list(index.asked([["what", "is", *item]]))


def test_runs_do_not_cross_from_one_question_into_the_next() -> None:
    item = [f"w{i}" for i in range(20)]
    assert not list(indexed([item], [13], [0, 1]).asked([item[:10], item[10:]]))


def test_hash_collisions_drop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run gets the same hash; only the tokens can tell them apart."""
    monkeypatch.setattr(ngrams, "window_hashes", lambda ids, n: np.zeros(max(0, len(ids) - n + 1), np.uint64))
    items = [[f"a{i}" for i in range(20)], [f"b{i}" for i in range(20)]]
    index = indexed(items, [13, 13], [0, 2])
    questions = [[f"c{i}" for i in range(20)], items[1][3:18]]
    assert [(hit.row, hit.item, hit.shared) for hit in index.asked(questions)] == [(1, 1, 3)]


def test_no_questions() -> None:
    assert not list(indexed([["a"] * 20], [13], [0, 1]).asked([]))
