"""Estimates of labels, the rater model, and spam rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ot_assets.conversations.estimates import estimates, overall, spam_rates
from ot_assets.conversations.intervals import wilson
from ot_assets.conversations.raters import rater_model
from schemas.conversations import LabelRows
from tests.conversations.hand import START, Hand


def crowd(many: int, people: int, truth_of, says, *, seed: int, each: int = 3, name: str = "spam"):
    """Label rows of a made-up crowd, and what is true of each message."""
    draws = np.random.default_rng(seed)
    truth = truth_of(draws, many)
    rows = []
    for message in range(many):
        for person in draws.choice(people, each, replace=False):
            value = says(draws, person, truth[message])
            rows.append(
                {
                    "event_id": f"e{len(rows)}", "tree_id": f"m{message}", "message_id": f"m{message}", "user_id": f"u{person}",
                    "at": START, "task": True, "name": name, "value": float(value),
                }
            )  # fmt: skip
    return LabelRows.frame(rows), truth


def spammers(draws, person, true):
    """Persons 0 to 5 flip a coin, the others miss some spam and seldom see any where there is none."""
    if person < 6:
        return draws.random() < 0.5
    return draws.random() < (0.85 if true else 0.03)


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95, 0.99])
)
@settings(max_examples=60, deadline=None)
def test_wilsons_interval_is_scipys(seen: tuple[int, int], level: float):
    yes, count = seen
    low, high = pl.select(
        *[one.alias(str(n)) for n, one in enumerate(wilson(pl.lit(yes / count), pl.lit(count), level))]
    )
    wanted = stats.binomtest(yes, count).proportion_ci(level, method="wilson")
    assert (low.item(), high.item()) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert 0 <= low.item() <= yes / count <= high.item() <= 1


def test_yes_or_no_gets_wilsons_interval_and_likert_a_t_interval():
    hand = Hand()
    for name in "ab":
        hand.tree(name, "ann")
    for user, spam, a, b in (("u", 0, 0.5, 1.0), ("v", 0, 0.75, 0.75), ("w", 1, 1.0, 0.5)):
        hand.label("a", user, spam=spam, quality=a)
        hand.label("b", user, spam=0, quality=b)
    found = {(row["message_id"], row["label"]): row for row in estimates(hand.rows()).iter_rows(named=True)}
    spam = found["a", "spam"]
    wanted = stats.binomtest(1, 3).proportion_ci(method="wilson")
    assert spam["method"] == "wilson"
    assert (spam["mean"], spam["count"], spam["low"], spam["high"]) == pytest.approx(
        (1 / 3, 3, wanted.low, wanted.high)
    )
    quality = found["a", "quality"]
    half = stats.t.ppf(0.975, 4) * 0.25 / np.sqrt(3)  # both messages have a variance of 1/16
    assert quality["method"] == "t"
    assert (quality["low"], quality["high"]) == pytest.approx((0.75 - half, min(1, 0.75 + half)))


def test_three_equal_answers_are_not_certain():
    hand = Hand()
    for name, values in (("a", (0.5, 0.5, 0.5)), ("b", (0.25, 0.5, 0.75)), ("c", (0.5,))):
        hand.tree(name, "ann")
        for user, value in zip("uvw", values, strict=False):
            hand.label(name, user, quality=value)
    found = {row["message_id"]: row for row in estimates(hand.rows()).iter_rows(named=True)}
    assert found["a"]["high"] - found["a"]["low"] > 0.2
    assert found["c"]["low"] < found["a"]["low"] < found["a"]["mean"]


def test_where_nothing_is_known_of_the_spread_there_are_no_bounds():
    hand = Hand()
    hand.tree("a", "ann")
    hand.label("a", "u", quality=0.5, spam=1)
    found = {row["label"]: row for row in estimates(hand.rows()).iter_rows(named=True)}
    assert (found["quality"]["method"], found["quality"]["low"], found["quality"]["high"]) == ("none", None, None)
    assert found["spam"]["low"] == pytest.approx(stats.binomtest(1, 1).proportion_ci(method="wilson").low)


def test_a_flag_that_somebody_half_sets_is_no_longer_yes_or_no():
    hand = Hand()
    hand.tree("a", "ann")
    for user, value in (("u", 0.5), ("v", 1.0)):
        hand.label("a", user, pii=value)
    assert estimates(hand.rows())["method"].to_list() == ["t"]


def test_sums_of_an_import_count_and_tasks_can_be_taken_alone():
    hand = Hand()
    sums = [{"name": "spam", "value": 0.25, "count": 4}, {"name": "quality", "value": 0.5, "count": 4}]
    hand.tree("a", "ann", origin="import", labels=sums)
    hand.tree("b", "ann")
    hand.label("b", "u", quality=0.5)
    hand.label("b", "v", quality=1.0, task=False)
    rows = hand.rows()
    found = {(row["message_id"], row["label"]): row for row in estimates(rows).iter_rows(named=True)}
    assert (found["a", "spam"]["mean"], found["a", "spam"]["count"]) == (0.25, 4)
    assert found["a", "spam"]["method"] == "wilson"
    assert found["a", "quality"]["method"] == "t"  # with the spread of what was labelled here
    assert estimates(rows, tasks_only=True).select("message_id", "label", "count").rows() == [("b", "quality", 1)]


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    likert = np.arange(5) / 4

    def says(draws, person, true):
        shape = np.exp(-(((likert - true) / 0.3) ** 2))
        return draws.choice(likert, p=shape / shape.sum())

    labels, truth = crowd(600, 40, lambda draws, many: draws.uniform(0, 1, many), says, seed=3, name="quality")
    hand = Hand()
    rows = replace(hand.rows(), labels=labels)
    found = estimates(rows, tasks_only=True).with_columns(place=pl.col("message_id").str.slice(1).cast(pl.Int64))
    shape = np.exp(-(((likert[None, :] - truth[:, None]) / 0.3) ** 2))
    means = (shape * likert).sum(axis=1) / shape.sum(axis=1)
    held = (found["low"].to_numpy() <= means[found["place"]]) & (means[found["place"]] <= found["high"].to_numpy())
    assert 0.93 <= held.mean() <= 0.98


def test_the_overall_mean_takes_every_message_for_one():
    hand = Hand()
    for name, values in (("a", (1.0, 1.0, 1.0)), ("b", (0.0,)), ("c", (0.5,))):
        hand.tree(name, "ann")
        for user, value in zip("uvw", values, strict=False):
            hand.label(name, user, humor=value)
    row = overall(hand.rows()).row(0, named=True)
    wanted = stats.t.interval(0.95, 2, loc=0.5, scale=stats.sem([1, 0, 0.5]))
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.5, max(0, wanted[0]), min(1, wanted[1])))
    one = Hand()
    one.tree("a", "ann")
    one.label("a", "u", humor=1)
    assert overall(one.rows()).row(0, named=True)["low"] is None


@pytest.mark.parametrize("model", ["dawid_skene", "one_coin"])
def test_a_rater_model_is_nearer_to_the_truth_than_the_mean(model):
    labels, truth = crowd(500, 30, lambda draws, many: draws.random(many) < 0.15, spammers, seed=1)
    found = rater_model(labels, "spam", model=model)
    place = found.messages["message_id"].str.slice(1).cast(pl.Int64).to_numpy()
    plain = np.mean((found.messages["mean"].to_numpy() - truth[place]) ** 2)
    fitted = np.mean((found.messages["estimate"].to_numpy() - truth[place]) ** 2)
    assert fitted < 0.6 * plain
    assert found.classes == (0.0, 1.0) and found.steps > 1
    by_error = found.raters.sort("error", descending=True)["user_id"].to_list()
    assert set(by_error[:6]) == {f"u{n}" for n in range(6)}


def test_error_rates_of_each_rater_are_about_right():
    labels, _ = crowd(800, 12, lambda draws, many: draws.random(many) < 0.4, spammers, seed=2, each=5)
    found = rater_model(labels, "spam")
    careful = found.raters.filter(pl.col("user_id").str.slice(1).cast(pl.Int64) >= 6)
    coins = found.raters.filter(pl.col("user_id").str.slice(1).cast(pl.Int64) < 6)
    assert np.abs(careful["false_yes"] - 0.03).max() < 0.06
    assert np.abs(careful["false_no"] - 0.15).max() < 0.12
    assert np.abs(coins["false_yes"] - 0.5).max() < 0.15
    assert ((found.raters["low"] <= found.raters["error"]) & (found.raters["error"] <= found.raters["high"])).all()
    shares = found.confusion.group_by("user_id", "true").agg(pl.col("share").sum())["share"]
    assert shares.to_numpy() == pytest.approx(1)


def test_likert_labels_are_five_classes_and_a_harsh_person_has_a_bias():
    def says(draws, person, true):
        value = np.clip(true + draws.choice([-0.25, 0, 0.25], p=[0.1, 0.8, 0.1]), 0, 1)
        return max(0.0, value - 0.25) if person == 0 else value

    labels, truth = crowd(
        400, 8, lambda draws, many: draws.choice(np.arange(5) / 4, many), says, seed=4, each=4, name="quality"
    )
    found = rater_model(labels, "quality")
    assert found.classes == (0, 0.25, 0.5, 0.75, 1)
    assert "false_yes" not in found.raters.columns
    bias = dict(found.raters.select("user_id", "bias").iter_rows())
    assert bias["u0"] < -0.12 and all(abs(value) < 0.08 for user, value in bias.items() if user != "u0")
    place = found.messages["message_id"].str.slice(1).cast(pl.Int64).to_numpy()
    errors = [np.abs(found.messages[name].to_numpy() - truth[place]).mean() for name in ("estimate", "mean")]
    assert errors[0] < errors[1]


def test_the_model_does_not_depend_on_the_order_of_the_rows():
    labels, _ = crowd(60, 10, lambda draws, many: draws.random(many) < 0.3, spammers, seed=5)
    one, other = rater_model(labels, "spam"), rater_model(labels.sample(fraction=1, shuffle=True, seed=1), "spam")
    assert one.messages.equals(other.messages) and one.raters.equals(other.raters)


def test_without_rows_or_with_one_class_alone_there_is_nothing_to_tell_apart():
    empty = rater_model(LabelRows.empty(), "spam")
    assert empty.messages.is_empty() and empty.raters.is_empty() and empty.confusion.is_empty()
    hand = Hand()
    hand.tree("a", "ann")
    hand.label("a", "u", spam=0)
    hand.label("a", "v", spam=0)
    none = rater_model(hand.rows().labels, "spam")
    assert none.messages.row(0) == ("a", 2, 0.0, 0.0, 0.0, 1.0)
    assert none.raters["error"].to_list() == [0.0, 0.0]
    assert none.raters["false_yes"].to_list() == [None, None]
    assert none.raters["high"][0] > 0.5  # one answer says little


def test_who_labels_twice_counts_once_by_the_answer_to_a_task():
    hand = Hand()
    hand.tree("a", "ann")
    hand.label("a", "u", spam=1, task=False, hours=5)
    hand.label("a", "u", spam=0, hours=1)
    hand.label("a", "v", spam=1, task=False)
    labels = hand.rows().labels
    assert rater_model(labels, "spam").messages.row(0)[:3] == ("a", 1, 0.0)
    assert rater_model(labels, "spam", tasks_only=False).messages.row(0)[:3] == ("a", 2, 0.5)


def test_spam_rates_of_who_writes_and_of_who_judges():
    hand = Hand()
    for number in range(4):
        hand.tree(f"t{number}", "ann")
        hand.label(f"t{number}", "u", spam=1)
        hand.label(f"t{number}", "v", spam=float(number < 2))
    hand.tree("x", "bob")
    hand.label("x", "u", spam=0)
    rows = hand.rows()
    found = {row["user_id"]: row for row in spam_rates(rows).iter_rows(named=True)}
    assert next(iter(found)) == "ann"
    assert (found["ann"]["written"], found["ann"]["rate"], found["ann"]["answered"]) == (4, 0.75, 0)
    assert found["ann"]["low"] < 0.75 < found["ann"]["high"] and found["ann"]["by_model"] is None
    assert (found["u"]["answered"], found["u"]["said"], found["u"]["rate"]) == (5, 0.8, None)
    by_model = spam_rates(rows, rater_model(rows.labels, "spam"))
    assert 0 <= dict(by_model.select("user_id", "by_model").iter_rows())["ann"] <= 1
    assert spam_rates(Hand().rows()).is_empty()
