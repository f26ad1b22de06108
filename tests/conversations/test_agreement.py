"""Kendall's tau on positions, and how sure a pair of replies is."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ot_assets.conversations import agreement as a
from ot_assets.conversations.concordance import ballot_agreement
from schemas.conversations import Ballots, Messages

orders = st.permutations("abcdef").flatmap(lambda ids: st.integers(0, 6).map(lambda n: ids[:n]))


def test_positions_are_compared_and_not_ids():
    assert a.tau("bac", "bca") == pytest.approx(1 / 3)
    assert a.agreement("bac", "bca") == pytest.approx(2 / 3)
    assert a.tau("abc", "abc") == 1 and a.tau("abc", "cba") == -1


def test_only_what_stands_on_both_counts():
    assert a.tau("axbyc", "cba") == -1
    assert a.tau("abc", "ade") is None and a.agreement("a", "a") is None and not a.good("a", "a")


@given(st.permutations("abcdefg"), st.permutations("abcdefg"))
def test_tau_is_scipys_on_positions(one, other):
    places = [[order.index(name) for name in "abcdefg"] for order in (one, other)]
    assert a.tau(one, other) == pytest.approx(stats.kendalltau(*places).statistic)


@given(orders, orders)
def test_tau_is_symmetric_and_turns_round_with_an_order(one, other):
    found = a.tau(one, other)
    assert found == a.tau(other, one)
    if found is not None:
        assert -1 <= found <= 1 and a.tau(one[::-1], other) == -found
        assert a.good(one, other) is (found > 0)


def test_half_agreement_is_not_good():
    assert a.agreement("abcd", "dabc") == 0.5 and not a.good("abcd", "dabc")
    assert a.good("abcd", "abdc")


def test_between_ballots():
    assert a.between(["abc", "abc"]) == 1
    assert a.between(["abc", "cba", "abc"]) == pytest.approx(-1 / 3)
    assert a.between(["abc"]) is None and a.between(["a", "b"]) is None and a.between([]) is None


def test_pairs_say_how_many_ballots_stand_behind_them():
    found = {(one.better, one.worse): one for one in a.pairs("abcd", ["abc", "bac", "abc", "cx"])}
    assert found.keys() == {("a", "b"), ("a", "c"), ("b", "c")}
    pair = found["a", "b"]
    assert (pair.ballots, pair.agree, pair.share) == (3, 2, pytest.approx(2 / 3))
    assert (pair.low, pair.high) == (pytest.approx(0.2077, abs=1e-4), pytest.approx(0.9385, abs=1e-4))
    sure = found["a", "c"]
    assert (sure.share, sure.high) == (1.0, 1.0) and sure.low == pytest.approx(0.4385, abs=1e-4)


@given(
    st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_wilsons_interval_is_scipys(seen, level):
    hits, count = seen
    low, high = a.wilson(hits, count, level)
    theirs = stats.binomtest(hits, count).proportion_ci(level, method="wilson")
    assert (low, high) == (pytest.approx(theirs.low, abs=1e-9), pytest.approx(theirs.high, abs=1e-9))
    assert 0 <= low <= hits / count <= high <= 1


def test_rankers_by_their_mean():
    cast = [("u", "abc", "abc"), ("u", "bac", "abc"), ("v", "cba", "abc"), ("w", "a", "abc")]
    cast += [("sure", "ab", "ab")] * a.ENOUGH_BALLOTS
    found = {one.user_id: one for one in a.rankers(cast)}
    assert found.keys() == {"sure", "u", "v"}
    assert (found["u"].ballots, found["u"].tau, found["u"].good) == (2, pytest.approx(2 / 3), 1.0)
    assert (found["v"].tau, found["v"].good, found["v"].enough) == (-1, 0, False)
    assert found["sure"].enough


@given(
    st.lists(
        st.permutations("abcde").flatmap(lambda ids: st.integers(1, 5).map(lambda n: ids[:n])), min_size=1, max_size=5
    )
)
def test_tables_of_ballots_say_the_same(ballots):
    merged = "cadbe"
    now = datetime(2023, 1, 1, tzinfo=UTC)
    rows = [
        {"event_id": f"e{n}", "tree_id": "t", "parent_id": "t", "user_id": f"u{n}", "at": now, "ranking": ballot,
         "shown": ballot, "not_rankable": False} for n, ballot in enumerate(ballots)
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=Ballots.dtypes())
    names = [name for name in Messages.dtypes() if name in ("message_id", "rank")]
    ranks = pl.DataFrame(
        {"message_id": list(merged), "rank": range(5)}, schema={n: Messages.dtypes()[n] for n in names}
    )
    theirs = ballot_agreement(frame, ranks)
    assert theirs["tau"].to_list() == [pytest.approx(a.tau(ballot, merged)) for ballot in ballots]
