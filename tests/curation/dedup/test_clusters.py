"""Clusters of pairs: who stays, whatever the order, and what star and connected promise."""

from __future__ import annotations

import random

import hypothesis.strategies as st
import numpy as np
import polars as pl
from hypothesis import given, settings

from ot_assets.curation.dedup.clusters import Clusters, connected, star
from ot_assets.curation.dedup.survivors import ranks

COUNT = 12
EDGES = st.sets(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda e: e[0] < e[1]), max_size=30
)
RANKS = st.permutations(range(COUNT))


def clusters(how: object, order: list[int], edges: list[tuple[int, int]]) -> Clusters:
    left, right = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    similarity = np.array([90.0 + (a * COUNT + b) / 100 for a, b in edges])
    return how(np.array(order, np.int64), left, right, similarity)  # type: ignore[operator]


@settings(max_examples=300, deadline=None)
@given(edges=EDGES, order=RANKS)
def test_star(edges: set[tuple[int, int]], order: list[int]) -> None:
    found = clusters(star, order, sorted(edges))
    stay = {place for place in range(COUNT) if found.survivor[place] == place}
    for place in range(COUNT):
        winner = int(found.survivor[place])
        assert winner in stay
        if place != winner:
            edge = (min(place, winner), max(place, winner))
            assert edge in edges
            assert order[winner] < order[place]
            assert found.similarity[place] == 90.0 + (edge[0] * COUNT + edge[1]) / 100
        else:
            assert found.similarity[place] == 100.0
    assert not any(a in stay and b in stay for a, b in edges)


@settings(max_examples=300, deadline=None)
@given(edges=EDGES, order=RANKS)
def test_connected(edges: set[tuple[int, int]], order: list[int]) -> None:
    found = clusters(connected, order, sorted(edges))
    label = list(range(COUNT))
    for _ in range(COUNT):
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    for place in range(COUNT):
        members = [other for other in range(COUNT) if label[other] == label[place]]
        assert found.survivor[place] == min(members, key=lambda other: order[other])
        winner = int(found.survivor[place])
        named = (min(place, winner), max(place, winner)) in edges
        assert np.isnan(found.similarity[place]) == (place != winner and not named)


@settings(max_examples=100, deadline=None)
@given(edges=EDGES, order=RANKS, draw=st.randoms(use_true_random=False))
def test_the_order_of_pairs_changes_nothing(edges: set[tuple[int, int]], order: list[int], draw: random.Random) -> None:
    shuffled = sorted(edges)
    draw.shuffle(shuffled)
    for how in (star, connected):
        one, other = clusters(how, order, sorted(edges)), clusters(how, order, shuffled)
        assert one.survivor.tolist() == other.survivor.tolist()
        assert np.array_equal(one.similarity, other.similarity, equal_nan=True)


def test_a_chain_keeps_both_ends_or_one() -> None:
    edges = [(0, 1), (1, 2)]
    assert clusters(star, [0, 1, 2, *range(3, COUNT)], edges).survivor[:3].tolist() == [0, 0, 2]
    assert clusters(star, [1, 0, 2, *range(3, COUNT)], edges).survivor[:3].tolist() == [1, 1, 1]
    assert clusters(connected, [0, 1, 2, *range(3, COUNT)], edges).survivor[:3].tolist() == [0, 0, 0]


ROWS = st.lists(
    st.tuples(st.sampled_from("abz"), st.integers(0, 5), st.integers(0, 2), st.booleans(), st.integers(1, 3)),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, draw=st.randoms(use_true_random=False))
def test_the_rule_of_survival(rows: list[tuple[str, int, int, bool, int]], draw: random.Random) -> None:
    def ranked(given: list[tuple[str, int, int, bool, int]]) -> list[tuple[str, int, int, bool, int]]:
        frame = pl.DataFrame(
            {"source": [r[0] for r in given], "question_id": [f"q{r[1]}" for r in given], "copy": [r[2] for r in given]}
        )
        found = ranks(
            frame,
            ["b", "a"],
            gold=pl.Series([r[3] for r in given]),
            length=pl.Series([r[4] for r in given], dtype=pl.Int64),
        )
        assert sorted(found.tolist()) == list(range(len(given)))
        return [given[place] for place in np.argsort(found).tolist()]

    turned = list(rows)
    draw.shuffle(turned)
    assert ranked(rows) == ranked(turned)
    order = {"b": 0, "a": 1, "z": 2}
    assert ranked(rows) == sorted(rows, key=lambda r: (order[r[0]], not r[3], -r[4], r[1], r[2]))
