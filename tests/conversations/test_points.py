"""Points, levels, streaks and the troll score."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ot_assets.conversations.agreement import tau
from ot_assets.conversations.concordance import ballot_agreement, between_ballots
from ot_assets.conversations.points import LEVELS, PARTS, explained, level_of, points, streaks
from ot_assets.conversations.rows import TreeRows
from ot_assets.conversations.trolls import troll_scores
from tests.conversations.hand import START, Hand, at


def score(rows: TreeRows, user: str, window: str = "total", **said) -> int:
    standings = points(rows, **said).standings
    found = standings.filter(pl.col("user_id") == user, pl.col("window") == window)["score"].to_list()
    return found[0] if found else 0


def parts(rows: TreeRows, user: str, window: str = "total", **said) -> dict[str, tuple[int, int]]:
    found = points(rows, **said).parts.filter(pl.col("user_id") == user, pl.col("window") == window)
    return {name: (count, worth) for name, count, worth in found.select("part", "count", "points").iter_rows()}


def ranked() -> Hand:
    """A tree with three replies and three ballots; the merged order is a, b, c."""
    hand = Hand()
    hand.tree("t", "ann", review_result=True)
    for place, (name, user) in enumerate((("a", "bob"), ("b", "cat"), ("c", "dan"))):
        hand.reply(name, "t", user, hours=1, review_result=True, rank=place)
    hand.ballot("t", "eve", "abc", hours=2)
    hand.ballot("t", "fay", "bac", hours=3)
    hand.ballot("t", "gus", "cba", hours=4)
    return hand


def test_levels_begin_where_open_assistant_says():
    assert LEVELS[:9] == (0, 4, 9, 16, 24, 32, 42, 53, 65)
    assert LEVELS[-1] <= 6000 and len(LEVELS) == 100
    assert [level_of(score) for score in (0, 3, 4, 8, 9, 100_000)] == [1, 1, 2, 2, 3, 100]


def test_every_part_of_the_formula_counts_what_it_says():
    rows = ranked().rows()
    assert parts(rows, "bob") == {
        "assistant_replies": (1, 4), "accepted_assistant_replies": (1, 4), "ranked_1": (1, 9), "ranked_2": (1, 3),
        "ranked_3": (1, 1),
    }  # fmt: skip
    assert score(rows, "bob") == 21
    assert parts(rows, "cat")["ranked_1"] == (1, 9)
    assert parts(rows, "cat")["ranked_2"] == (2, 6)
    assert parts(rows, "ann") == {"prompts": (1, 0), "accepted_prompts": (1, 0)}


def test_ten_prompts_are_a_point_and_nineteen_too():
    for many, worth in ((9, 0), (10, 1), (19, 1), (20, 2)):
        hand = Hand()
        for number in range(many):
            hand.tree(f"t{number}", "ann", review_result=number < 10)
        found = parts(hand.rows(), "ann")
        assert found["prompts"] == (many, worth)
        assert found["accepted_prompts"] == (min(many, 10), min(many, 10) // 10)


def test_replies_of_prompters_and_what_was_not_accepted_or_is_deleted():
    hand = Hand()
    hand.tree("t", "ann")
    hand.reply("a", "t", "bob", review_result=False)
    hand.reply("p", "a", "cat", review_result=True)
    hand.reply("d", "t", "cat", review_result=True, deleted=True)
    rows = hand.rows()
    assert parts(rows, "bob") == {"assistant_replies": (1, 4)}
    assert parts(rows, "cat") == {"prompter_replies": (1, 1), "accepted_prompter_replies": (1, 1)}


def test_short_and_full_labelling_tasks_and_free_labels():
    hand = Hand()
    hand.tree("t", "ann")
    hand.label("t", "bob", spam=0)
    hand.tree("u", "ann")
    hand.label("u", "bob", spam=0, lang_mismatch=1)
    hand.tree("v", "ann")
    hand.label("v", "bob", spam=0, quality=0.75)
    hand.label("v", "cat", task=False, quality=0.75)
    rows = hand.rows()
    assert parts(rows, "bob") == {"labels_simple": (2, 2), "labels_full": (1, 2)}
    assert score(rows, "cat") == 0


def test_a_ballot_that_agrees_is_worth_two_and_never_in_the_original():
    rows = ranked().rows()
    assert [score(rows, user) for user in ("eve", "fay", "gus")] == [2, 2, 1]
    assert [score(rows, user, good_rankings="never") for user in ("eve", "fay", "gus")] == [1, 1, 1]


def test_windows_end_at_now_and_begin_where_they_say():
    hand = Hand()
    hand.tree("t", "zoe")
    for name, days in (("now", 0.0), ("day", 0.9), ("week", 7.4), ("month", 30.4), ("old", 31.0), ("later", -0.5)):
        hand.reply(name, "t", "ann", hours=-24 * days)
    found = {window: score(hand.rows(), "ann", window, now=START) for window in ("day", "week", "month", "total")}
    # START is at noon: a week begins at the midnight before, 7.5 days ago
    assert found == {"day": 8, "week": 12, "month": 16, "total": 20}


def test_ranks_follow_points_then_names_and_leave_out_who_is_disabled():
    hand = ranked()
    hand.reply("z", "t", "abe", hours=1)
    hand.reply("y", "t", "zoe", hours=1)
    standings = points(hand.rows(), disabled={"bob"}).standings.filter(pl.col("window") == "total")
    assert standings["score"].is_sorted(descending=True)
    by_user = dict(standings.select("user_id", "rank").iter_rows())
    assert by_user["bob"] is None
    assert by_user["abe"] + 1 == by_user["zoe"]
    assert sorted(rank for rank in by_user.values() if rank) == list(range(1, len(by_user)))


def test_points_are_explained_part_by_part():
    rows = ranked().rows()
    found = points(rows)
    assert "replies as the assistant: 1, 4 each: 4 points" in explained(found, "bob")
    assert "prompts: 1, 1 for every 10: 0 points" in explained(found, "ann")
    assert explained(found, "nobody") == []
    standing = found.standings.filter(pl.col("user_id") == "bob", pl.col("window") == "total").row(0, named=True)
    assert standing["level"] == level_of(21) == 4
    assert standing["next_at"] == LEVELS[4]


def test_imported_trees_give_no_points_unless_asked_for():
    hand = Hand()
    hand.tree("t", "ann", origin="import")
    hand.reply("a", "t", "bob", review_result=True, rank=0)
    hand.reply("b", "t", "cat", review_result=True, rank=1)
    hand.ballot("t", "eve", "ab")
    rows = hand.rows()
    assert score(rows, "bob") == 0
    assert score(rows, "eve") == 2
    assert score(rows, "bob", imported=True) == 17


def test_nothing_at_all_is_no_points():
    rows = Hand().rows()
    found = points(rows)
    assert found.standings.is_empty() and found.parts.is_empty() and found.now is None
    assert streaks(rows).is_empty()
    assert troll_scores(rows).is_empty()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2000), st.booleans()), max_size=12))
@settings(max_examples=30, deadline=None)
def test_a_score_is_the_sum_of_its_parts_and_grows_with_the_window(said: list[tuple[str, int, bool]]):
    hand = Hand()
    for number, (user, hours, accepted) in enumerate(said):
        hand.tree(f"t{number}", "zoe", hours=-hours)
        hand.reply(f"r{number}", f"t{number}", user, hours=-hours, review_result=accepted)
    found = points(hand.rows(checked=False), now=START)
    sums = found.parts.group_by("window", "user_id").agg(pl.col("points").sum())
    joined = found.standings.join(sums, on=["window", "user_id"])
    assert len(joined) == len(found.standings) and (joined["score"] == joined["points"]).all()
    by_window = {
        (user, window): worth
        for user, window, worth in found.standings.select("user_id", "window", "score").iter_rows()
    }
    for user in "abc":
        scores = [by_window.get((user, window), 0) for window in ("day", "week", "month", "total")]
        assert scores == sorted(scores)
    assert {part.name for part in PARTS} >= set(found.parts["part"])


def streak(*hours: float, now: float | None = None) -> tuple[int, int]:
    hand = Hand()
    for number, one in enumerate(hours):
        hand.tree(f"t{number}", "ann", hours=one)
    found = streaks(hand.rows(), now=None if now is None else at(now)).row(0, named=True)
    return found["days"], found["longest"]


@pytest.mark.parametrize(
    ("hours", "now", "days", "longest"),
    [
        ((0,), None, 0, 0),
        ((0, 23), None, 0, 0),
        ((0, 24), None, 1, 1),
        ((0, 36, 72), None, 3, 3),
        ((0, 30, 60, 97), None, 0, 2),  # 37 hours without anything
        ((0, 30, 60), 60 + 36, 2, 2),
        ((0, 30, 60), 60 + 37, 0, 2),
        ((0, 30, 60, 200, 224), 60, 2, 2),  # what is after now is not known
    ],
)
def test_a_streak_ends_after_36_hours(hours, now, days, longest):
    assert streak(*hours, now=now) == (days, longest)


def test_labels_and_ballots_keep_a_streak_alive():
    hand = Hand()
    hand.tree("t", "ann")
    hand.tree("u", "bob", hours=0)
    hand.label("t", "bob", spam=0, hours=30)
    hand.ballot("t", "bob", ["x"], hours=60)
    found = streaks(hand.rows()).filter(pl.col("user_id") == "bob").row(0, named=True)
    assert found["days"] == 2 and found["since"] == START and found["last_at"] - found["since"] == timedelta(hours=60)


def troll(rows: TreeRows, user: str, **said) -> dict[str, float]:
    found = troll_scores(rows, **said).filter(pl.col("user_id") == user, pl.col("window") == "total")
    return found.row(0, named=True)


def test_the_troll_score_sums_what_others_complained_of():
    hand = Hand()
    hand.tree("t", "ann", state="aborted_low_grade", emojis={"red_flag": 2, "+1": 3, "-1": 1, "skull": 9})
    hand.label("t", "bob", spam=1, pii=1, quality=0)
    hand.label("t", "cat", spam=1, hate_speech=1, pii=1)
    found = troll(hand.rows(), "ann")
    assert (found["red_flags"], found["upvotes"], found["downvotes"], found["aborted_prompts"]) == (2, 3, 1, 1)
    assert found["score"] == 3 * 2 - 3 + 1 + 1 + 2 + 1
    assert found["spam"] == 2 and found["rank"] == 1


def test_the_original_forgets_deleted_messages_and_those_without_emojis():
    hand = Hand()
    hand.tree("t", "ann")
    hand.reply("a", "t", "bob", deleted=True, emojis={"red_flag": 4})
    hand.reply("b", "t", "cat")
    hand.label("b", "dan", spam=0, pii=1)
    rows = hand.rows()
    assert troll(rows, "bob")["score"] == 12
    assert troll(rows, "cat")["score"] == 1
    assert troll(rows, "bob", as_original=True)["score"] == 0
    assert troll(rows, "cat", as_original=True)["score"] == 0


def test_tau_compares_positions_and_not_ids():
    hand = Hand()
    hand.tree("t", "ann")
    for place, name in enumerate("bca"):
        hand.reply(name, "t", name, rank=place)
    hand.ballot("t", "eve", "bac")
    found = ballot_agreement(hand.rows().ballots, hand.rows().messages).row(0, named=True)
    assert found["tau"] == pytest.approx(1 / 3)
    assert found["compared"] == 3 and found["good"]


@given(st.integers(2, 6).flatmap(lambda n: st.lists(st.permutations(range(n)), min_size=2, max_size=4)))
@settings(max_examples=60, deadline=None)
def test_tau_of_tables_is_scipys_and_that_of_single_orders(orders: list[list[int]]):
    hand = Hand()
    hand.tree("t", "ann")
    merged, *cast = orders
    for place, name in enumerate(merged):
        hand.reply(f"m{name}", "t", f"u{name}", rank=place)
    for number, order in enumerate(cast):
        hand.ballot("t", f"v{number}", [f"m{name}" for name in order])
    rows = hand.rows(checked=False)
    places = [[order.index(name) for name in range(len(merged))] for order in orders]
    wanted = [stats.kendalltau(places[0], one).statistic for one in places[1:]]
    assert ballot_agreement(rows.ballots, rows.messages)["tau"].to_list() == pytest.approx(wanted)
    assert [tau(order, merged) for order in cast] == pytest.approx(wanted)
    pairs = between_ballots(rows.ballots)
    assert len(pairs) == len(cast) * (len(cast) - 1) // 2
    for one, other, found in pairs.select("one", "other", "tau").iter_rows():
        mine = stats.kendalltau(places[1 + int(one[1:])], places[1 + int(other[1:])]).statistic
        assert found == pytest.approx(mine)


def test_ballots_with_too_little_in_common_have_no_tau():
    hand = Hand()
    hand.tree("t", "ann")
    hand.reply("a", "t", "bob", rank=0)
    hand.reply("b", "t", "cat")
    hand.ballot("t", "eve", ["b", "a"])
    hand.ballot("t", "fay", ["b"])
    found = ballot_agreement(hand.rows().ballots, hand.rows().messages)
    assert found["tau"].to_list() == [None, None] and found["compared"].to_list() == [1, 0]
    assert found["good"].to_list() == [None, None]
    assert between_ballots(hand.rows().ballots).is_empty()
