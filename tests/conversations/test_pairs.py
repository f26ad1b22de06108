from collections import Counter, defaultdict
from itertools import combinations
from math import comb

import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.conversations.kept import kept_trees
from ot_assets.conversations.pairs import BallotBox, pairs
from schemas.conversations import PreferencePairs
from schemas.ledger import Ledger

from .forests import a_spec, a_tree, ballots_of, cast, forests, holds, messages_of, said


def made_of(trees, at_once=10, **rules):
    spec = a_spec(pairs=rules)
    box = BallotBox(ballots_of(*trees, at_once=at_once))
    batches = [pairs(some, box, spec) for some in kept_trees(messages_of(*trees, at_once=at_once), spec.kept)]
    frame = pl.concat([PreferencePairs.empty(), *(batch.frame for batch in batches)])
    ledger = pl.concat([Ledger.empty(), *(batch.ledger for batch in batches)])
    assert sum(batch.rows_in for batch in batches) == len(frame) + len(ledger)
    return frame, ledger


def ranked(*names, **fields):
    return [said(name, rank=rank, **fields) for rank, name in enumerate(names)]


FOUR = cast(
    a_tree(said("r", *ranked("a", "b", "c", "d"))),
    "r", ("a", "b", "c", "d"), ("a", "c", "b", "d"), ("d", "a", "b"),
)  # fmt: skip


@given(forests())
@settings(max_examples=15, deadline=None)
def test_every_two_replies_are_a_pair_or_in_the_ledger_once(trees):
    frame, ledger = made_of(trees)
    holds(PreferencePairs, frame)
    holds(Ledger, ledger)
    by_id = {name: one for tree in trees for name, one in tree.messages.items()}
    told = [frozenset(pair) for pair in frame.select("chosen_id", "rejected_id").iter_rows()]
    told += [frozenset(row.split()) for row in ledger["row_id"].to_list()]
    some = [
        frozenset(two)
        for tree in trees
        for parent in tree.messages.values()
        if parent.role == "prompter"
        for two in combinations(parent.children, 2)
    ]
    assert Counter(told) == Counter(some)
    for row in frame.iter_rows(named=True):
        better, worse = by_id[row["chosen_id"]], by_id[row["rejected_id"]]
        assert better.parent_id == worse.parent_id == row["parent_id"] and better.accepted and worse.accepted
        assert row["margin"] == worse.rank - better.rank > 0
        assert row["chosen"] == [{"role": "assistant", "content": better.text}]
        assert row["rejected"] == [{"role": "assistant", "content": worse.text}]
        assert row["prompt"][-1] == {"role": "user", "content": by_id[row["parent_id"]].text}


@given(forests(clean=True))
@settings(max_examples=15, deadline=None)
def test_the_weights_of_a_message_sum_to_one_and_its_pairs_are_all_of_the_ranking(trees):
    for rule, number in (("all", lambda k: comb(k, 2)), ("adjacent", lambda k: k - 1), ("best_worst", lambda k: 1)):
        frame, _ = made_of(trees, pairs=rule)
        weights, rows = defaultdict(float), Counter()
        for parent, weight in frame.select("parent_id", "weight").iter_rows():
            weights[parent] += weight
            rows[parent] += 1
        for tree in trees:
            for parent in tree.messages.values():
                ranks = [tree.messages[name].rank for name in parent.children]
                known = len(ranks) - ranks.count(None)
                if parent.role == "prompter" and known > 1:
                    assert rows.pop(parent.message_id) == number(known)
                    assert weights[parent.message_id] == pytest.approx(1)
        assert not rows


@given(forests())
@settings(max_examples=15, deadline=None)
def test_agreement_is_the_share_of_ballots_with_both(trees):
    frame, _ = made_of(trees)
    cast_by = {tree.tree_id: tree for tree in trees}
    for row in frame.iter_rows(named=True):
        both = [
            one for one in cast_by[row["tree_id"]].ballots if {row["chosen_id"], row["rejected_id"]} <= set(one.ranking)
        ]
        assert row["event_ids"] == [one.event_id for one in both] and row["ballots"] == len(both)
        first = [one.ranking.index(row["chosen_id"]) < one.ranking.index(row["rejected_id"]) for one in both]
        assert row["agreement"] == (sum(first) / len(both) if both else None)


def pick(frame):
    return ["".join(two) for two in frame.select("chosen_id", "rejected_id").iter_rows()]


def test_which_pairs_of_a_ranking():
    frame, ledger = made_of([FOUR])
    assert pick(frame) == ["ab", "ac", "ad", "bc", "bd", "cd"] and ledger.is_empty()
    assert frame["margin"].to_list() == [1, 2, 3, 1, 2, 1] and set(frame["weight"]) == {1 / 6}
    assert frame["agreement"].to_list() == [1, 1, 2 / 3, 0.5, 2 / 3, 1]
    assert frame["ballots"].to_list() == [3, 2, 3, 2, 3, 2]
    assert frame["event_ids"].to_list()[1] == ["b-r-0", "b-r-1"]
    adjacent, lost = made_of([FOUR], pairs="adjacent")
    assert pick(adjacent) == ["ab", "bc", "cd"] and set(lost["rule"]) == {"not_asked"} and len(lost) == 3
    ends, lost = made_of([FOUR], pairs="best_worst")
    assert pick(ends) == ["ad"] and ends["weight"].to_list() == [1.0] and len(lost) == 5


def test_few_ballots_and_low_agreement_are_told():
    frame, ledger = made_of([FOUR], min_ballots=3)
    assert pick(frame) == ["ab", "ad", "bd"]
    assert set(ledger.select("rule", "figure", "note").rows()) == {("few_ballots", 2.0, "3 are asked")}
    frame, ledger = made_of([FOUR], min_agreement=0.6)
    assert pick(frame) == ["ab", "ac", "ad", "bd", "cd"]
    assert ledger.select("row_id", "rule", "figure").rows() == [("b c", "low_agreement", 0.5)]
    imported = a_tree(said("r", *ranked("x", "y")))
    frame, _ = made_of([imported], min_agreement=1.0)
    assert frame.select("agreement", "ballots").rows() == [(None, 0)]
    assert made_of([imported], min_ballots=1)[1]["rule"].to_list() == ["few_ballots"]


def test_a_dropped_reply_leaves_the_others_their_gap_and_weight():
    replies = ranked("a", "b", "c", "d")
    replies[1]["review_result"] = False
    frame, ledger = made_of([a_tree(said("r", *replies, said("late")))])
    assert pick(frame) == ["ac", "ad", "cd"] and frame["margin"].to_list() == [2, 3, 1]
    assert set(frame["weight"]) == {1 / 3}
    assert Counter(ledger["rule"].to_list()) == {"message_dropped": 4, "unranked": 3}
    assert set(ledger.filter(rule="message_dropped").select("lost_to", "note").rows()) == {("b", "not_accepted")}
    assert set(ledger.filter(rule="unranked")["lost_to"]) == {"late"}


def test_equal_texts_and_equal_ranks_teach_nothing():
    same = a_tree(said("r", *ranked("a", "b", text="the same")))
    assert made_of([same])[1]["rule"].to_list() == ["same_text"]
    tied = a_tree(said("r", said("a", rank=0), said("b", rank=0)))
    assert made_of([tied])[1]["rule"].to_list() == ["same_rank"]


def test_replies_of_the_prompter_are_no_pairs():
    tree = a_tree(said("r", said("a", *ranked("p", "q"))))
    frame, ledger = made_of([tree])
    assert frame.is_empty() and ledger.is_empty()


@given(forests())
@settings(max_examples=15, deadline=None)
def test_rows_do_not_depend_on_how_the_streams_are_cut(trees):
    spec = a_spec()
    box = BallotBox(ballots_of(*trees, at_once=10_000))
    cut = [pairs(some, box, spec).frame for some in kept_trees(messages_of(*trees, at_once=1), spec.kept)]
    assert pl.concat([PreferencePairs.empty(), *cut]).equals(made_of(trees, at_once=10_000)[0])


def test_ballots_out_of_order_are_refused():
    one, other = (
        cast(a_tree(said(name, *ranked(f"{name}1", f"{name}2"))), name, (f"{name}2", f"{name}1")) for name in "ab"
    )
    box = BallotBox([*ballots_of(other), *ballots_of(one)])
    with pytest.raises(ValueError, match="stand after"):
        box.of("c")
    box = BallotBox(ballots_of(one, other))
    assert list(box.of("b")) == ["b"]
    with pytest.raises(ValueError, match="is asked for after"):
        box.of("a")
