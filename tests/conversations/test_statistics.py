"""Figures of conversations."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.conversations.statistics import (
    agreement,
    completion,
    concentration,
    contributions,
    figures,
    label_distributions,
    messages_by_role_and_depth,
    overview,
    refused,
    trees_by_state,
    waits,
)
from schemas.ledger import Ledger
from tests.conversations.hand import Hand


def some() -> Hand:
    """Three trees in two languages: one is done, one aborted, one imported."""
    hand = Hand()
    life = {
        "initial_prompt_review": 0,
        "prompt_lottery_waiting": 1,
        "growing": 3,
        "ranking": 10,
        "ready_for_export": 12,
    }
    hand.tree("t", "ann", states=life, review_result=True)
    hand.reply("a", "t", "bob", hours=4, review_result=True, rank=0, synthetic=True)
    hand.reply("b", "t", "cat", hours=5, review_result=True, rank=1)
    hand.reply("c", "t", "dan", hours=5, review_result=False)
    hand.reply("d", "t", "eve", hours=5, deleted=True, review_result=True)
    hand.tree("u", "ann", states={"initial_prompt_review": 0, "aborted_low_grade": 5}, review_result=False)
    hand.tree("v", "xyz", state="ready_for_export", origin="import", language="pt-BR", review_result=True)
    hand.ballot("t", "fay", ["a", "b"], hours=11)
    hand.ballot("t", "gus", ["b", "a"], hours=12)
    hand.label("a", "fay", hours=6, spam=0, quality=0.75)
    hand.label("a", "gus", hours=6, spam=0, quality=0.7)
    hand.label("u", "fay", hours=6, spam=1)
    return hand


def test_trees_by_state_and_language():
    found = trees_by_state(some().rows()).rows()
    assert found == [
        ("en", "ready_for_export", 1, 1, 1), ("en", "aborted_low_grade", 1, 1, 1), ("pt-BR", "ready_for_export", 1, 1, 1),
    ]  # fmt: skip


def test_messages_by_role_and_depth():
    found = {
        (row["depth"], row["role"]): row for row in messages_by_role_and_depth(some().rows()).iter_rows(named=True)
    }
    assert list(found) == [(0, "prompter"), (1, "assistant")]
    replies = found[1, "assistant"]
    wanted = {"messages": 4, "accepted": 2, "rejected": 1, "undecided": 0, "deleted": 1, "synthetic": 1, "ranked": 2}
    assert {name: replies[name] for name in wanted} == wanted
    assert replies["accepted"] + replies["rejected"] + replies["undecided"] + replies["deleted"] == replies["messages"]
    assert replies["characters"] == len("text of a")


def test_labels_are_counted_at_the_nearer_button():
    found = {(row["label"], row["role"]): row for row in label_distributions(some().rows()).iter_rows(named=True)}
    quality = found["quality", "assistant"]
    assert (quality["values"], quality["messages"], quality["people"]) == (2, 1, 2)
    assert quality["mean"] == pytest.approx(0.725) and quality["at_3"] == 1
    assert found["spam", "prompter"]["at_4"] == 1 and found["spam", "assistant"]["at_0"] == 1


def test_contributions_of_each_person():
    found = {row["user_id"]: row for row in contributions(some().rows()).iter_rows(named=True)}
    assert (found["fay"]["labelled"], found["fay"]["ballots"], found["fay"]["all"]) == (2, 1, 3)
    assert (found["ann"]["prompts"], found["bob"]["assistant_replies"]) == (2, 1)
    assert next(iter(found)) == "fay"
    assert found["fay"]["first_at"] < found["fay"]["last_at"]


def counts(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"all": values}, schema={"all": pl.Int64})


def test_how_much_the_busiest_did():
    found = concentration(counts(1, 1, 1, 1, 1, 1, 1, 1, 1, 91))
    assert (found.people, found.all, found.half) == (10, 100, 1)
    assert found.top == {0.01: 0.91, 0.05: 0.91, 0.1: 0.91}  # of ten persons one is the least that there is
    assert found.gini == pytest.approx(0.81)
    even = concentration(counts(*[5] * 200))
    assert even.gini == pytest.approx(0) and even.half == 100
    assert even.top == pytest.approx({0.01: 0.01, 0.05: 0.05, 0.1: 0.1})
    nobody = concentration(counts())
    assert (nobody.people, nobody.gini, nobody.lorenz) == (0, None, ())


@given(st.lists(st.integers(1, 500), min_size=1, max_size=150))
def test_concentration_is_what_its_definition_says(values: list[int]):
    found = concentration(counts(*values))
    pairs = np.abs(np.subtract.outer(values, values)).mean() / (2 * np.mean(values))
    assert found.gini == pytest.approx(pairs)
    busiest = np.cumsum(sorted(values, reverse=True))
    assert found.half == int(np.argmax(busiest >= sum(values) / 2)) + 1
    assert found.lorenz[0] == (0, 0) and found.lorenz[-1] == (1, 1)
    below = [share for _, share in found.lorenz]
    assert below == sorted(below) and all(share <= place + 1e-9 for place, share in found.lorenz)


def test_agreement_of_rankers():
    found = agreement(some().rows())
    assert found.merged == pytest.approx(0.5)  # one as the merged order, one against it
    assert (found.between, found.pairs, found.good) == (0, 1, 0.5)
    assert found.rankers.select("user_id", "ballots", "enough").rows() == [("fay", 1, False), ("gus", 1, False)]
    nobody = agreement(Hand().rows())
    assert (nobody.merged, nobody.between, nobody.good, nobody.pairs) == (None, None, None, 0)


def test_times_between_states_and_to_completion():
    rows = some().rows()
    found = {(row["before"], row["after"]): row for row in waits(rows).iter_rows(named=True)}
    assert found["growing", "ranking"]["median"] == pytest.approx(7)
    assert found["initial_prompt_review", "aborted_low_grade"]["trees"] == 1
    done = completion(rows)
    assert (done.trees, done.done, done.ended, done.open) == (2, 1, 1, 0)
    assert done.hours == pytest.approx({"p10": 12, "median": 12, "p90": 12, "mean": 12}) and done.each == [12]


def test_a_tree_that_is_halted_after_it_was_ready_still_is_done():
    hand = Hand()
    hand.tree("t", "ann", states={"ranking": 0, "ready_for_export": 2, "halted_by_moderator": 5})
    hand.tree("u", "ann", states={"growing": 0})
    done = completion(hand.rows())
    assert (done.trees, done.done, done.ended, done.open) == (2, 1, 0, 1)


def test_figures_and_their_absence():
    found = figures(some().rows())
    assert (found["trees"], found["messages"], found["messages accepted"], found["ballots"]) == (3, 7, 4, 2)
    assert found["median hours to completion"] == pytest.approx(12)
    empty = figures(Hand().rows())
    assert empty == {
        "trees": 0, "trees ready for export": 0, "messages": 0, "messages accepted": 0, "people": 0, "labels": 0, "ballots": 0,
    }  # fmt: skip


def test_the_overview_is_three_tables_of_markdown():
    tables = [table.splitlines() for table in overview(some().rows(), figures(some().rows())).split("\n\n")]
    assert [table[0].split(" | ")[0] for table in tables] == ["| figure", "| language", "| depth"]
    assert all(line.startswith("| ") and line.endswith(" |") for table in tables for line in table)
    assert "| median hours to completion | 12 |" in tables[0]
    assert len(tables[1]) == 2 + len(trees_by_state(some().rows()))
    assert "| trees | 0 |" in overview(Hand().rows(), figures(Hand().rows()))


def test_every_frame_of_nothing_is_empty():
    rows = Hand().rows()
    for frame in (trees_by_state, messages_by_role_and_depth, label_distributions, contributions, waits):
        assert frame(rows).is_empty()


def test_refused_events_by_rule():
    ledger = Ledger.frame(
        [
            {"row_id": "1", "rule": "own_message", "note": "ann wrote t"},
            {"row_id": "2", "rule": "second_label", "note": None},
            {"row_id": "3", "rule": "own_message", "note": "bob wrote u"},
        ]
    )
    assert refused(ledger).rows() == [("own_message", 2, "ann wrote t"), ("second_label", 1, None)]
    assert refused(Ledger.empty()).is_empty()
