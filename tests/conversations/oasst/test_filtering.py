"""Which trees and messages are wanted, and that nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.events import Refused
from ot_assets.conversations.oasst.filtering import Wanted, filtered
from ot_assets.conversations.oasst.published import plain
from resources.errors import UserError
from tests.conversations.oasst.files import ALL, message, small

READY = Wanted()


def left(rows: list[dict[str, Any]], wanted: Wanted = READY, state: str | None = "ready_for_export", name: str = "p"):
    got = filtered(name, state, [plain(row) for row in rows], wanted)
    return [row["message_id"] for row in got.rows], {lost.message_id: lost.rule for lost in got.lost}


def rule(rows: list[dict[str, Any]], wanted: Wanted = READY, state: str | None = "ready_for_export", name: str = "p"):
    with pytest.raises(Refused) as refused:
        left(rows, wanted, state, name)
    return refused.value.rule


def ranks(rows: list[dict[str, Any]], wanted: Wanted = READY):
    got = filtered("p", "ready_for_export", [plain(row) for row in rows], wanted)
    return {row["message_id"]: row.get("rank") for row in got.rows}


def test_messages_come_depth_first_siblings_as_they_stood():
    assert left(small()) == (["p", "pa", "paq", "pb", "pc"], {})
    assert left(small()[::-1]) == (["p", "pc", "pb", "pa", "paq"], {})


def test_a_dropped_message_takes_all_under_it():
    rows = small()
    rows[1]["deleted"] = True
    assert left(rows) == (["p", "pb", "pc"], {"pa": "deleted", "paq": "parent_dropped"})
    assert left(rows, replace(READY, deleted=True)) == (["p", "pa", "paq", "pb", "pc"], {})
    for result in (False, None):
        rows = small()
        rows[1]["review_result"] = result
        assert left(rows) == (["p", "pb", "pc"], {"pa": "not_accepted", "paq": "parent_dropped"})
        assert len(left(rows, replace(READY, unreviewed=True))[0]) == 5


def test_a_dropped_prompt_is_the_end_of_its_tree():
    assert rule(small(deleted=True)) == "deleted"
    assert rule(small(review_result=None)) == "not_accepted"
    assert left(small(deleted=True), ALL)[1] == {}


def test_trees_by_state():
    assert rule(small(), state="growing") == "other_state"
    assert left(small(), replace(READY, states=("growing", "ranking")), "growing")[1] == {}
    assert left(small(), replace(READY, states=None), "whatever")[1] == {}
    assert rule(small(), state=None) == "other_state"


def test_a_tree_without_a_state_counts_as_ranking_and_open_reviews_as_accepted():
    rows = small()
    for row in rows:
        row["review_result"] = None
    rows[2]["review_result"] = False
    assert left(rows, Wanted(states=("ranking",)), None) == (["p", "pa", "paq", "pc"], {"pb": "not_accepted"})


@pytest.mark.parametrize(
    ("said", "wanted", "taken"),
    [
        ("en", (), True),
        ("pt-BR", ("pt",), True),
        ("pt_br", ("pt-BR",), True),
        ("PT-br", ("pt-BR",), True),
        ("pt", ("pt-BR",), False),
        ("pt-BR", ("es", "pt"), True),
        ("uk-UA", ("uk",), True),
        ("ptx", ("pt",), False),
        ("de", ("en",), False),
    ],
)
def test_the_language_is_the_prompts(said: str, wanted: tuple[str, ...], taken: bool):
    rows, what = small(lang=said), replace(READY, languages=wanted)
    if not taken:
        assert rule(rows, what) == "other_language"
        return
    got = filtered("p", "ready_for_export", [plain(row) for row in rows], what)
    assert len(got.rows) == 5
    assert got.language == {"pt_br": "pt-BR", "PT-br": "pt-BR"}.get(said, said)


@pytest.mark.parametrize("said", [None, "", "english language", 5])
def test_a_prompt_without_a_language_is_none(said: Any):
    assert rule(small(lang=said)) == "bad_language"


def test_tags_are_brought_to_their_usual_case_and_names_that_nothing_has_are_told():
    assert Wanted(languages=("PT_br", "zh-hans-cn", "en")).languages == ("pt-BR", "zh-Hans-CN", "en")
    with pytest.raises(UserError, match="'en!' is no language tag"):
        Wanted(languages=("en!",))
    with pytest.raises(UserError, match="no state is called 'ready'"):
        Wanted(states=("ready",))
    with pytest.raises(UserError, match="no label is called 'qualities'"):
        Wanted(labels_above={"qualities": 0.5})


def test_one_synthetic_message_keeps_a_tree_out_unless_it_is_dropped_itself():
    rows = small()
    rows[4]["synthetic"] = True
    assert rule(rows) == "synthetic"
    assert len(left(rows, replace(READY, synthetic=True))[0]) == 5
    rows[4]["deleted"] = True
    assert left(rows) == (["p", "pa", "pb", "pc"], {"paq": "deleted"})


def test_depth_and_labels():
    rows = small()
    rows[1]["labels"] = {"quality": {"value": 0.2, "count": 3}, "toxicity": {"value": 0.9, "count": 1}}
    rows[2]["labels"] = None
    assert left(rows, replace(READY, max_depth=1)) == (["p", "pa", "pb", "pc"], {"paq": "too_deep"})
    low = replace(READY, labels_above={"quality": 0.4})
    assert left(rows, low) == (["p", "pb", "pc"], {"pa": "label_too_low", "paq": "parent_dropped"})
    high = replace(READY, labels_below={"toxicity": 0.9})
    assert left(rows, high) == (["p", "pb", "pc"], {"pa": "label_too_high", "paq": "parent_dropped"})


def test_what_is_no_tree():
    assert rule([message("pa", "p")]) == "no_root"
    assert rule(small(), name="other") == "no_root"
    assert rule([*small(), message("q")]) == "two_roots"
    assert rule([*small(), message("pb", "pa")]) == "known_message"
    assert rule([message("p"), message("pxa", "pxb"), message("pxb", "pxa")]) == "cycle"
    assert rule([message("p"), message("pa", "pa")]) == "cycle"
    assert rule([message("p", "pa"), message("pa", "p")]) == "cycle"
    assert rule([{"text": "x"}]) == "bad_tree"
    assert rule([message("p", deleted="no")]) == "bad_tree"
    assert rule([message("p", synthetic=1)]) == "bad_tree"


def test_a_message_whose_parent_is_missing_goes_with_all_under_it_and_the_tree_goes_on():
    rows = [*small(), message("xyza", "gone"), message("xyzaq", "xyza")]
    assert left(rows) == (["p", "pa", "paq", "pb", "pc"], {"xyza": "unknown_parent", "xyzaq": "parent_dropped"})


def test_gaps_in_ranks_are_refused_or_closed():
    rows = small()
    rows[3]["rank"] = 7
    assert rule(rows) == "rank_gap"
    closed = replace(READY, ranks="renumber")
    assert ranks(rows, closed) == {"p": None, "pa": 0, "paq": None, "pb": 1, "pc": 2}
    rows[1]["rank"] = None
    assert ranks(rows, closed) == {"p": None, "pa": None, "paq": None, "pb": 0, "pc": 1}


def test_a_rank_that_stands_twice_would_be_an_order_that_nobody_gave():
    rows = small()
    rows[2]["rank"] = 0
    assert rule(rows) == "rank_twice"
    assert rule(rows, replace(READY, ranks="renumber")) == "rank_twice"


def test_a_gap_that_a_dropped_message_leaves_is_closed():
    rows = small()
    rows[2]["deleted"] = True
    assert ranks(rows) == {"p": None, "pa": 0, "paq": None, "pc": 1}
    rows[2]["rank"] = 2  # an old rank, from before it was deleted and the others were ranked anew
    rows[3]["rank"] = 1
    assert ranks(rows) == {"p": None, "pa": 0, "paq": None, "pc": 1}


def test_nine_children_are_a_tree():
    rows = [message("p"), *(message(f"p{letter}", "p", rank=place) for place, letter in enumerate("abcdefghi"))]
    assert len(left(rows)[0]) == 10


@st.composite
def shapes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Messages whose parents may be missing, themselves, or each other."""
    names = [f"m{number}" for number in range(draw(st.integers(1, 9)))]
    parents = st.one_of(st.none(), st.sampled_from(names), st.just("gone"))
    flags = st.sampled_from([True, True, True, False, None])
    return [
        message(
            name,
            None if name == "m0" and draw(st.integers(0, 9)) else draw(parents),
            role="prompter",
            deleted=draw(flags) is False,
            review_result=draw(flags),
            synthetic=draw(flags) is None,
            rank=draw(st.one_of(st.none(), st.integers(0, 3))),
        )
        for name in names
    ]


@settings(deadline=None, max_examples=60)
@given(shapes(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["refuse", "renumber"]))
def test_every_message_is_kept_or_told_of_and_what_is_kept_is_a_tree(
    rows: list[dict[str, Any]], deleted: bool, unreviewed: bool, synthetic: bool, mode: Any
):
    wanted = Wanted(deleted=deleted, unreviewed=unreviewed, synthetic=synthetic, ranks=mode)
    try:
        got = filtered("m0", "ready_for_export", [plain(row) for row in rows], wanted)
    except Refused as refused:
        assert refused.rule in {
            "no_root", "two_roots", "cycle", "deleted", "not_accepted", "synthetic", "rank_gap", "rank_twice",
        }  # fmt: skip
        return
    names = [row["message_id"] for row in got.rows] + [lost.message_id for lost in got.lost]
    assert sorted(names) == sorted(row["message_id"] for row in rows)
    seen: set[str | None] = {None}
    for row in got.rows:
        assert row.get("parent_id") in seen
        seen.add(row["message_id"])
        assert deleted or not row.get("deleted")
        assert unreviewed or row.get("review_result")
        assert synthetic or not row.get("synthetic")
    for parent in seen - {None}:
        told = sorted(row["rank"] for row in got.rows if row.get("parent_id") == parent and "rank" in row)
        assert told == list(range(len(told)))
