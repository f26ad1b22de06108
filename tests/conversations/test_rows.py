import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.forest import whole_trees
from ot_assets.conversations.rows import SCHEMAS, tree_rows
from ot_assets.conversations.state import Labelled, Step

from .forests import a_tree, cast, forests, holds, messages_of, rows_of, said


def labelled(user: str, task: bool = True, **values: float) -> Labelled:
    return Labelled(user, f"l-{user}", 5, values, task)


def tables(trees, at_once=10_000):
    made = rows_of(*trees, at_once=at_once)
    return {name: pl.concat([SCHEMAS[name].empty(), *(getattr(one, name) for one in made)]) for name in SCHEMAS}


@given(forests(), st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_every_message_ballot_and_step_is_one_row_however_batches_are_cut(trees, at_once):
    whole, cut = tables(trees), tables(trees, at_once)
    for name, schema in SCHEMAS.items():
        holds(schema, whole[name])
        assert whole[name].equals(cut[name])
    assert len(whole["messages"]) == sum(len(tree.messages) for tree in trees)
    assert whole["messages"]["message_id"].n_unique() == len(whole["messages"])
    assert whole["ballots"]["event_id"].to_list() == [
        one.event_id for tree in sorted(trees, key=lambda tree: tree.tree_id) for one in tree.ballots
    ]
    sizes = dict(whole["trees"].select("tree_id", "messages").iter_rows())
    assert sizes == {tree.tree_id: len(tree.messages) for tree in trees}


@given(forests())
@settings(max_examples=15, deadline=None)
def test_messages_stand_depth_first_with_siblings_by_rank(trees):
    for frame in messages_of(*trees):
        way: list[str] = []
        last: dict[str | None, tuple] = {}
        for name, parent, depth, rank, at in frame.select(
            "message_id", "parent_id", "depth", "rank", "created_at"
        ).iter_rows():
            if parent is None:
                way, last = [], {}
            assert way[depth - 1 : depth] == ([] if parent is None else [parent])
            way[depth:] = [name]
            place = (rank is None, rank or 0, at, name)
            assert last.get(parent, place) <= place
            last[parent] = place


def test_means_are_over_task_labels_and_free_ones():
    root = said("r", labelled=[labelled("a", spam=0, quality=1), labelled("b", spam=1), labelled("c", False, spam=0.5)])
    made = tables([a_tree(root)])
    assert made["messages"]["labels"].to_list() == [
        [{"name": "spam", "value": 0.5, "count": 3}, {"name": "quality", "value": 1.0, "count": 1}]
    ]
    assert made["labels"].select("user_id", "task", "name", "value").rows() == [
        ("a", True, "spam", 0.0), ("a", True, "quality", 1.0), ("b", True, "spam", 1.0), ("c", False, "spam", 0.5),
    ]  # fmt: skip


def test_imported_sums_and_new_ones_come_together_and_untouched_ones_stay_to_the_last_digit():
    odd = 0.1 + 0.2
    imported = {
        "labels": {"quality": {"value": odd, "count": 3}, "spam": {"value": 0.25, "count": 2}},
        "emojis": {"+1": 4, "100": 1},
        "detoxify": {"toxicity": 0.007},
    }
    root = said("r", imported=imported, labelled=[labelled("a", spam=1)], emojis={"+1": ["u"], "clap": ["u", "v"]})
    row = tables([a_tree(root)])["messages"].row(0, named=True)
    assert row["labels"] == [
        {"name": "spam", "value": 0.5, "count": 3}, {"name": "quality", "value": odd, "count": 3},
    ]  # fmt: skip
    assert row["emojis"] == [
        {"name": "+1", "count": 5}, {"name": "100", "count": 1}, {"name": "clap", "count": 2},
    ]  # fmt: skip
    assert row["detoxify"] == [{"name": "toxicity", "value": 0.007}]


def test_a_tree_says_why_by_its_last_step():
    tree = cast(a_tree(said("r", said("a"), said("b", deleted=True))), "r", ("a", "b"))
    tree.history.append(Step(1_680_000_009_000, "e9", "ranking", "ready_for_export", "ballots merged by ranked_pairs"))
    tree.won_at = 1_680_000_001_000
    made = tables([tree])
    row = made["trees"].row(0, named=True)
    assert (row["why"], row["since_event"], row["accepted"], row["messages"]) == (
        "ballots merged by ranked_pairs", "e9", 2, 3,
    )  # fmt: skip
    assert row["won_at"].isoformat() == "2023-03-28T10:40:01+00:00" and row["since"] > row["won_at"]
    assert made["history"].select("number", "before", "after").rows() == [
        (0, None, "ready_for_export"), (1, "ranking", "ready_for_export"),
    ]  # fmt: skip
    assert made["ballots"]["ranking"].to_list() == [["a", "b"]]


@given(forests(), st.integers(1, 7))
@settings(max_examples=15, deadline=None)
def test_any_cut_of_the_stream_gives_whole_trees(trees, length):
    frames = messages_of(*trees, at_once=10_000)
    pieces = [frame.slice(start, length) for frame in frames for start in range(0, len(frame), length)]
    again = list(whole_trees(pieces))
    assert not frames or pl.concat(again).equals(pl.concat(frames))
    ids = [name for frame in again for name in frame["tree_id"].unique()]
    assert len(ids) == len(set(ids)) == len(trees)


def test_trees_out_of_order_are_refused():
    one, other = messages_of(a_tree(said("a"))), messages_of(a_tree(said("b")))
    with pytest.raises(ValueError, match="order of their ids"):
        list(whole_trees([*other, *one]))


def test_no_trees_make_no_rows():
    assert list(tree_rows([])) == []
