"""The containment index equals asking rapidfuzz of every item."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from rapidfuzz import fuzz

from ot_assets.curation.containment import SHORTEST, Contained, ContainmentIndex, needed
from tests.curation.indexed import Indexed

TOKENS = st.lists(st.sampled_from("abcdefghijkl"), max_size=36)


def indexed(items: list[list[str]], sizes: list[float | None], bounds: list[int]) -> Indexed[Contained]:
    return Indexed.of(lambda coded: ContainmentIndex(coded, sizes, bounds), items)


def figure(question: list[str], item: list[str], threshold: float | None) -> float:
    """The definition, stretch by stretch; 0 for no hit."""
    size = len(item)
    if threshold is None or size < SHORTEST or len(question) <= size:
        return 0.0
    stretches = [question[at : at + size] for at in range(len(question) - size + 1)]
    stretches += [question[:end] for end in range(1, size)] + [question[-end:] for end in range(1, size)]
    found = max(fuzz.ratio(item, stretch) for stretch in stretches)
    return found if found >= threshold else 0.0


@settings(max_examples=200, deadline=None)
@given(
    questions=st.lists(TOKENS, max_size=5),
    items=st.lists(TOKENS, min_size=1, max_size=8),
    first=st.sampled_from([60.0, 75.0, 85.0, 100.0, None]),
    second=st.sampled_from([50.0, 80.0]),
    data=st.data(),
)
def test_equals_the_definition(
    questions: list[list[str]], items: list[list[str]], first: float | None, second: float, data: st.DataObject
) -> None:
    for item in data.draw(st.lists(st.sampled_from(items), max_size=4)):
        cut = data.draw(st.integers(0, len(item)))
        questions = [*questions, ["z", "y", *item[:cut], "q", *item[cut + 1 :], "b", "c"], ["b", *item[2:]]]
    cut = data.draw(st.integers(0, len(items)))
    thresholds = [first] * cut + [second] * (len(items) - cut)
    bounds = [0, cut, len(items)]
    expected: list[object] = []
    for row, question in enumerate(questions):
        for low, high in pairwise(bounds):
            figures = [(figure(question, items[i], thresholds[i]), -i) for i in range(low, high)]
            if figures and max(figures)[0]:
                expected.append((row, -max(figures)[1], pytest.approx(max(figures)[0])))
    hits = list(indexed(items, thresholds, bounds).asked(questions))
    assert [tuple(hit[:3]) for hit in sorted(hits)] == expected


def test_names_the_stretch() -> None:
    item = [f"w{i}" for i in range(20)]
    changed = [*item[:5], "other", *item[6:]]
    question = ["so", "then", *changed, "and", "why"]
    (hit,) = indexed([item], [90], [0, 1]).asked([question])
    assert hit._replace(similarity=0.0) == Contained(0, 0, 0.0, 2, 22)
    assert hit.similarity == pytest.approx(95.0)


def test_short_items_and_shorter_questions_are_not_compared() -> None:
    item = [f"w{i}" for i in range(SHORTEST - 1)]
    assert not list(indexed([item], [80], [0, 1]).asked([["x", *item]]))
    long = [f"w{i}" for i in range(20)]
    assert not list(indexed([long], [80], [0, 1]).asked([long, long[:-1]]))


def test_repeated_tokens_count_as_often_as_they_stand() -> None:
    item = ["a", "b"] * 10
    index = indexed([item], [90], [0, 1])
    assert not list(index.asked([["a", "b"] * 4 + ["z"] * 20]))
    assert list(index.asked([["z", *item, "z"]]))


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [[f"w{i}_{k}" for k in range(15)] for i in range(5)]
    questions = [["x"] * (i % 3 + 1) + items[i % 5] for i in range(17)]
    whole = list(indexed(items, [80.0] * 5, [0, 3, 5]).asked(questions))
    monkeypatch.setattr("ot_assets.curation.containment._CHUNK", 4)
    assert list(indexed(items, [80.0] * 5, [0, 3, 5]).asked(questions)) == whole
    assert [hit.row for hit in whole] == list(range(17))


def test_needed() -> None:
    assert needed(10, 100) == 10
    assert needed(10, 1) == 1
    assert needed(20, 80) == 14


def test_no_items_of_fitting_length_and_no_questions() -> None:
    assert not list(indexed([["a"]], [80], [0, 1]).asked([["a"]]))
    assert not list(indexed([["a"] * 19], [80], [0, 1]).asked([]))
