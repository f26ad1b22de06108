"""One tree, and why one message is as it is, as a terminal shows them."""

from __future__ import annotations

import re

import pytest

from ot_assets.conversations.merging import margins, merge
from ot_assets.conversations.rows import TreeRows, tree_rows
from ot_assets.conversations.tree_view import as_text, cut, tree_view
from ot_assets.conversations.why import why_view
from ot_assets.registry.specs.crowd import CrowdSettings
from resources.errors import UserError
from tests.conversations.hand import Hand
from tests.conversations.synthetic import Crowd


def some() -> Hand:
    """A tree with three replies, of which one stands on two of three ballots only."""
    hand = Hand()
    hand.tree(
        "t", "ann", states={"initial_prompt_review": 0, "growing": 2, "ranking": 8}, review_result=True, review_count=3
    )
    said = {"review_result": True, "review_count": 3}
    hand.reply("m1", "t", "bob", hours=3, rank=1, ranking_count=3, emojis={"+1": 2}, decided_by="l2", **said)
    hand.reply(
        "m2", "t", "cat", hours=3, rank=0, ranking_count=3, synthetic=True, model_name="small-1", edited=True, **said
    )
    hand.reply("m3", "t", "dan", hours=4, ranking_count=2, deleted=True, review_count=1, skips=7)
    hand.reply("p1", "m1", "eve", hours=5)
    for user, spam in (("u", 1.0), ("v", 0.0), ("w", 0.0), ("x", 1.0)):
        hand.label("m1", user, spam=spam, lang_mismatch=0.0, quality=0.75)
    hand.label("m3", "u", spam=1)
    hand.label("m3", "v", task=False, spam=0)
    hand.ballot("t", "x", ["m2", "m1", "m3"], hours=9)
    hand.ballot("t", "y", ["m1", "m2"], hours=10)
    hand.ballot("t", "z", ["m3", "m2", "m1"], hours=11)
    return hand


def tree(rows: TreeRows, name: str = "t", **said) -> str:
    return as_text(tree_view(rows, name, **said), width=140)


def why(rows: TreeRows, name: str, settings: CrowdSettings | None = None) -> str:
    return as_text(why_view(rows, name, settings), width=160)


def test_messages_stand_under_what_they_reply_to_with_all_that_is_known_of_them():
    shown = tree(some().rows())
    lines = shown.splitlines()
    assert lines[0] == "t  ranking  en  crowd"
    assert "prompter  ann  accepted (3 reviews)" in lines
    indents = {
        name: next(line.index(name) for line in lines if f" {name}" in line and "text" not in line)
        for name in ("m1", "p1")
    }
    assert indents["p1"] > indents["m1"]
    assert "bob  accepted (3 reviews)  rank 1 (3 ballots)" in shown
    assert "cat  accepted (3 reviews)  rank 0 (3 ballots)  synthetic by small-1  edited" in shown
    assert "dan  undecided (1 review) (2 ballots)  deleted" in shown
    assert "spam 0.50 quality 0.75 · +1 2" in shown and "skipped 7 times" in shown


def test_every_change_of_state_is_told_with_its_event():
    shown = tree(some().rows())
    tail = shown.splitlines()[-3:]
    assert [line.split()[2] for line in tail] == ["initial_prompt_review", "growing", "ranking"]
    assert tail[2].split() == ["2023-04-01", "20:00:00", "ranking", "t.2", "as", "ranking"]


def test_a_message_of_the_tree_names_it_too_and_others_are_refused():
    rows = some().rows()
    assert tree(rows, "p1") == tree(rows)
    with pytest.raises(UserError, match="there is no tree nothing"):
        tree_view(rows, "nothing")
    with pytest.raises(UserError, match="there is no message nothing"):
        why_view(rows, "nothing")


def test_texts_are_cut_unless_wanted_whole():
    hand = Hand()
    hand.tree("t", "ann", text="word " * 100 + "end")
    assert "end" not in tree(hand.rows()) and "…" in tree(hand.rows())
    assert "end" in tree(hand.rows(), whole=True)
    assert cut("語" * 30, 11) == "語" * 5 + "…"


NASTY = "[bold]x[/bold] \x1b[31mred\x1b[0m \u202eturned\u202c\r\x07 :smile: <script> [link=http://x]y[/link]"


def test_what_people_wrote_is_text_and_neither_markup_nor_control():
    hand = Hand()
    hand.tree("[red]t", f"ann {NASTY}", text=NASTY, review_result=True)
    hand.reply("m [bold]", "[red]t", "bob", text=NASTY, model_name=NASTY, synthetic=True, rank=0)
    hand.reply("n", "[red]t", "cat", rank=1)
    hand.label("m [bold]", NASTY, spam=0)
    hand.ballot("[red]t", NASTY, ["m [bold]", "n"])
    for shown in (tree(hand.rows(), "[red]t"), why(hand.rows(), "m [bold]")):
        assert "[bold]x[/bold]" in shown and ":smile:" in shown and "[link=http://x]" in shown
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)


def test_the_reviews_that_decided_are_summed_and_later_ones_are_not():
    shown = why(some().rows(), "m1")
    assert re.search(r"^l2 +w .* 0 +0 +quality 0.75 +decided$", shown, re.M)
    assert re.search(r"^l3 +x .* later$", shown, re.M)
    assert "1 - (mean spam 0.333 + mean lang_mismatch 0.000) = 0.667; accepted above 0.6\n" in shown


def test_what_is_still_needed_and_what_no_longer_fits_is_said():
    rows = some().rows()
    assert "= 0.000; accepted above 0.6; 2 more reviews needed" in why(rows, "m3")
    strict = why(rows, "m1", CrowdSettings(acceptance_threshold_reply=0.9))
    assert "accepted above 0.9; the settings were others when it was decided" in strict
    assert "no reviews here" in why(rows, "p1") and "import" not in why(rows, "p1")
    assert "no reviews here; its result came with an import" in why(rows, "m2")


def test_ballots_and_margins_behind_a_rank():
    shown = why(some().rows(), "m1")
    assert re.search(r"^b0 +x .* b > a > c$", shown, re.M) or re.search(r"^b0 +x .* > .* > ", shown, re.M)
    legend = dict(re.findall(r"^([a-z]) +(?:\d )? *(m\d) ", shown, re.M))
    letters = {name: letter for letter, name in legend.items()}
    assert f"{letters['m2']} > {letters['m1']} > {letters['m3']}" in shown
    assert re.search(rf"^{letters['m2']} > {letters['m1']} +2 +1 +1$", shown, re.M)
    assert re.search(r"m3 .* not on all ballots, so not ranked$", shown, re.M)
    assert "merged by ranked_pairs" in shown
    assert "a prompt has no rank" in why(some().rows(), "t")
    assert "no ballots here" in why(some().rows(), "p1")


def test_a_pair_that_the_order_goes_against_is_told():
    hand, cycle = Hand(), ["abc", "bca", "cab", "abc", "bca"]
    hand.tree("t", "ann")
    order = merge("ranked_pairs", cycle)
    for name in "abc":
        hand.reply(name, "t", name * 2, rank=order.index(name))
    for number, ballot in enumerate(cycle):
        hand.ballot("t", f"u{number}", list(ballot))
    shown = why(hand.rows(), "a")
    against = [
        (i, j)
        for i in range(3)
        for j in range(3)
        if margins("abc", cycle)[i][j] > 0 and order.index("abc"[i]) > order.index("abc"[j])
    ]
    assert len(against) == shown.count("the merged order has it the other way round") == 1


def test_trees_of_a_whole_crowd_can_all_be_shown():
    crowd = Crowd(12, seed=5, settings=CrowdSettings(goal_tree_size=5))
    crowd.events(900)
    rows = next(tree_rows(crowd.trees(), 10**9))
    for name in rows.trees["tree_id"].head(12):
        shown = tree(rows, name)
        mine = [one["message_id"] for one in rows.messages.to_dicts() if one["tree_id"] == name]
        assert all(one in shown for one in mine)
    decided = rows.messages.filter(rows.messages["decided_by"].is_not_null())
    for row in decided.head(40).iter_rows(named=True):
        text = why(rows, row["message_id"])
        share = float(re.search(r"= (-?\d\.\d+); accepted above 0.6$", text, re.M).group(1))
        assert (share > 0.6) == row["review_result"]
        assert text.count(" decided") >= 1
