"""Ranked pairs against another definition of it, and what any way of merging ballots must do."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.conversations.merging import METHODS, margins, merge

elections = st.integers(2, 6).flatmap(
    lambda n: st.lists(st.permutations("abcdef"[:n]), min_size=1, max_size=6).map(
        lambda ballots: ["".join(b) for b in ballots]
    )
)


@cache
def _orders(count: int) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Every order of so many candidates, and whether it puts i before j."""
    orders = list(permutations(range(count)))
    place = np.argsort(np.array(orders), axis=1)
    return orders, place[:, :, None] < place[:, None, :]


def by_elimination(ballots: list[str]) -> list[str]:
    """Ranked pairs without any graph: of all orders keep those that agree with the strongest pair, then with the next
    one, and so on, ignoring a pair with which none that is left agrees. (A pair closes a circle exactly where no
    order is left for it.)
    """
    ids = sorted(ballots[0])
    orders, before = _orders(len(ids))
    margin = {
        (i, j): sum(1 if b.index(ids[i]) < b.index(ids[j]) else -1 for b in ballots)
        for i in range(len(ids))
        for j in range(len(ids))
        if i != j
    }
    left = np.ones(len(orders), dtype=bool)
    for i, j in sorted((pair for pair in margin if margin[pair] >= 0), key=lambda pair: (-margin[pair], pair)):
        some = left & before[:, i, j]
        if some.any():
            left = some
    assert left.sum() == 1
    return [ids[i] for i in orders[int(left.argmax())]]


def test_ranked_pairs_is_what_is_left_of_all_orders_in_ten_thousand_elections():
    random = Random(2023)
    for _ in range(10_000):
        ids = "abcdef"[: random.randint(2, 6)]
        ballots = ["".join(random.sample(ids, len(ids))) for _ in range(random.randint(1, 6))]
        assert merge("ranked_pairs", ballots) == by_elimination(ballots), ballots


@pytest.mark.parametrize(
    ("ballots", "order"),
    [
        (["ABC", "BCA", "CAB"], "ABC"),  # a perfect circle: by id
        (["AB", "BA"], "AB"),  # a tie: the smaller id
        (["ba", "ab"], "ab"),
        (["CAB"], "CAB"),  # one ballot is itself
        (["ACB", "ACB", "BAC"], "ACB"),
        (["ABCD", "BCDA", "CDAB", "DABC"], "ABCD"),
        (["acb", "cab", "cab", "bca"], "cab"),
    ],
)
def test_examples(ballots, order):
    assert "".join(merge("ranked_pairs", ballots) or ()) == order == "".join(by_elimination(ballots))


def test_the_example_that_the_original_prints():
    c51, dcf, d11 = "c5181083", "dcf3d179", "d11705af"
    assert merge("ranked_pairs", [(c51, dcf, d11), (d11, c51, dcf), (dcf, c51, d11), (d11, c51, dcf)]) == [
        c51,
        d11,
        dcf,
    ]


def test_tidemans_own_property_a_clone_does_not_change_who_wins():
    """Of a circle A > B > C > A the winner stays who it is when C gets a copy that stands beside it on every ballot."""
    plain = ["ABC"] * 4 + ["BCA"] * 3 + ["CAB"] * 2
    cloned = [ballot.replace("C", "CD") for ballot in plain]
    assert "".join(merge("ranked_pairs", plain) or ()) == "ABC"
    assert "".join(merge("ranked_pairs", cloned) or ()) == "ABCD"


def _turned_round(method: str, ballots: list[str]) -> bool:
    return merge(method, [ballot[::-1] for ballot in ballots]) == (merge(method, ballots) or [])[::-1]


def _has_ties(method: str, ballots: list[str]) -> bool:
    """Whether names decide: the order is another one where they are turned round."""
    other = str.maketrans("abcdef", "fedcba")
    renamed = merge(method, [ballot.translate(other) for ballot in ballots]) or []
    return [name.translate(other) for name in renamed] != merge(method, ballots)


@given(elections)
def test_a_condorcet_winner_comes_first(ballots):
    ids = sorted(ballots[0])
    margin = margins(ids, ballots)
    for i, name in enumerate(ids):
        if all(margin[i][j] > 0 for j in range(len(ids)) if j != i):
            assert (merge("ranked_pairs", ballots) or [])[0] == name


@given(elections)
def test_margins_are_skew(ballots):
    made = np.array(margins(sorted(ballots[0]), ballots))
    assert (made == -made.T).all() and (abs(made) <= len(ballots)).all()
    assert (made[~np.eye(len(made), dtype=bool)] % 2 == len(ballots) % 2).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_every_method_must_do(method):
    random = Random(7)
    for _ in range(25):
        ids = "abcdef"[: random.randint(2, 6)]
        ballots = ["".join(random.sample(ids, len(ids))) for _ in range(random.randint(1, 6))]
        order = merge(method, ballots)
        assert order is not None and sorted(order) == sorted(ids)
        assert merge(method, random.sample(ballots, len(ballots))) == order, "the order of the ballots matters"
        unanimous = [ballots[0]] * random.randint(1, 6)
        assert merge(method, unanimous) == list(ballots[0])
        turned = [ids[n:] + ids[:n] for n in range(len(ids))]
        assert merge(method, turned) == sorted(ids), "everybody stands everywhere once: a tie, by id"
        if method != "plackett_luce":  # which sees the ends of ballots with other eyes than the middle
            assert merge(method, [ballots[0], ballots[0][::-1]]) == sorted(ids), "the contrary of each other: a tie"
            assert method == "ranked_pairs" or _turned_round(method, ballots) or _has_ties(method, ballots)


@pytest.mark.parametrize("method", METHODS)
def test_more_ballots_for_it_never_put_the_better_of_two_behind(method):
    for count in range(1, 6):
        assert merge(method, ["ba"] * count + ["ab"] * (count - 1)) == ["b", "a"]


@pytest.mark.parametrize("method", METHODS)
def test_only_what_stands_on_all_ballots_is_ranked(method):
    assert merge(method, [("x", "b", "a"), ("b", "a", "y"), ("b", "z", "a")]) == ["b", "a"]
    assert merge(method, [("a", "b"), ("b", "c")]) is None
    assert merge(method, [("a",)]) is None and merge(method, []) is None


def test_borda_counts_who_stands_below():
    # a: 2 + 2 + 0 = 4, b: 1 + 1 + 2 = 4, c: 0 + 0 + 1 = 1; equal ones by id
    assert merge("borda", ["abc", "abc", "bca"]) == ["a", "b", "c"]
    assert merge("borda", ["abc", "bca", "bca"]) == ["b", "a", "c"] or merge("borda", ["abc", "bca", "bca"]) == [
        "b",
        "c",
        "a",
    ]


def test_methods_differ_where_they_should():
    ballots = ["abc"] * 3 + ["bca"] * 2  # a wins against each of the others, b has more points
    assert merge("ranked_pairs", ballots) == ["a", "b", "c"]
    assert merge("borda", ballots) == ["b", "a", "c"]


def test_the_models_find_the_order_of_the_strengths_that_made_the_ballots():
    random = Random(5)
    strengths = {"a": 8.0, "b": 4.0, "c": 2.0, "d": 1.0}

    def ballot() -> str:
        left, said = dict(strengths), ""
        while left:
            said += random.choices(list(left), list(left.values()))[0]
            del left[said[-1]]
        return said

    ballots = [ballot() for _ in range(300)]
    assert merge("plackett_luce", ballots) == merge("bradley_terry", ballots) == ["a", "b", "c", "d"]


def test_an_unknown_method():
    with pytest.raises(ValueError, match="known are ranked_pairs, borda, bradley_terry, plackett_luce"):
        merge("best", ["ab"])
