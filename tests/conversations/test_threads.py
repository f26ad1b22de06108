from collections import Counter, defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.kept import kept_trees
from ot_assets.conversations.threads import Selection, threads
from schemas.conversations import PreferencePairs, Prompts, Threads
from schemas.ledger import Ledger

from .forests import a_spec, a_tree, forests, holds, messages_of, said


def made_of(trees, at_once=10, **rules):
    spec = a_spec(threads=rules)
    batches = [threads(some, spec) for some in kept_trees(messages_of(*trees, at_once=at_once), spec.kept)]
    frame = pl.concat([Threads.empty(), *(batch.frame for batch in batches)])
    ledger = pl.concat([Ledger.empty(), *(batch.ledger for batch in batches)])
    return frame, ledger, sum((batch.selection for batch in batches), Selection())


def replies_of(trees):
    return [one for tree in trees for one in tree.messages.values() if one.role == "assistant"]


WIDE = a_tree(
    said(
        "r",
        said("a0", said("p", said("b0", rank=0), said("b1", rank=1)), said("leaf"), rank=0),
        said("a1", rank=1),
        said("a2"),
    )
)
"""r: a0 (p: b0, b1; leaf), a1, a2 unranked."""


@given(forests(), st.sampled_from((None, 1, 2)))
@settings(max_examples=15, deadline=None)
def test_every_reply_is_taught_once_or_in_the_ledger_once(trees, top_k):
    frame, ledger, counts = made_of(trees, top_k=top_k)
    holds(Threads, frame)
    holds(Ledger, ledger)
    taught = [ids[-1] for ids in frame["message_ids"].to_list()]
    assert Counter(taught + ledger["row_id"].to_list()) == Counter(one.message_id for one in replies_of(trees))
    assert frame["weight"].to_list() == [1.0] * len(frame) and frame["thread_id"].n_unique() == len(frame)
    assert counts.rows_in == len(frame) + len(ledger) == counts.replies
    assert counts.replies_lost == Counter(ledger["rule"].to_list())
    assert counts.trees == len(trees) == counts.trees_taught + counts.trees_lost.total()
    assert counts.trees_taught == frame["tree_id"].n_unique()


@given(forests(clean=True))
@settings(max_examples=15, deadline=None)
def test_all_that_is_accepted_is_taught_and_prompts_hold_all_that_was_said_before(trees):
    frame, ledger, _ = made_of(trees)
    assert ledger.is_empty()
    by_id = {name: one for tree in trees for name, one in tree.messages.items()}
    assert len(frame) == len(replies_of(trees))
    for row in frame.iter_rows(named=True):
        path = [by_id[name] for name in row["message_ids"]]
        assert [one.message_id for one in path[:-1]] == [one.parent_id for one in path[1:]]
        assert path[0].parent_id is None and row["depth"] == len(path) - 1 == path[-1].depth
        said = [*row["prompt"], *row["completion"]]
        assert [turn["content"] for turn in said] == [one.text for one in path]
        assert [turn["role"] for turn in said] == ["user", "assistant"] * (len(path) // 2)
        assert row["event_ids"] == [one.event_id for one in path] and len(row["completion"]) == 1


@given(forests(), st.sampled_from((None, 1, 2)))
@settings(max_examples=15, deadline=None)
def test_threads_through_a_reply_are_its_rows_and_their_weights_sum_to_one(trees, top_k):
    once, _, _ = made_of(trees, top_k=top_k)
    for repeated in ("all", "weighted"):
        frame, ledger, counts = made_of(trees, top_k=top_k, repeated=repeated)
        holds(Threads, frame)
        assert frame["thread_id"].n_unique() == len(frame)
        weights, rows = defaultdict(float), Counter()
        for ids, weight in frame.select("message_ids", "weight").iter_rows():
            weights[ids[-1]] += weight
            rows[ids[-1]] += 1
        for ids, number in once.select("message_ids", "threads").iter_rows():
            assert rows[ids[-1]] == number
            assert weights[ids[-1]] == pytest.approx(1.0 if repeated == "weighted" else number)
        assert counts.rows_in == len(frame) + len(ledger) and counts.rows == len(frame)
        # A thread ends in a reply below which none is taught: one that is no other row's prompt.
        inner = {name for ids in once["message_ids"].to_list() for name in ids[:-1]}
        assert counts.threads == sum(ids[-1] not in inner for ids in once["message_ids"].to_list())


def test_the_repeated_rows_of_a_wide_tree():
    frame, _, counts = made_of([WIDE], repeated="all")
    assert Counter(ids[-1] for ids in frame["message_ids"].to_list()) == {"a0": 2, "a1": 1, "a2": 1, "b0": 1, "b1": 1}
    assert (counts.threads, counts.rows, counts.replies_taught) == (4, 6, 5)


def test_top_k_is_of_rank_below_k_on_the_whole_way_and_unranked_only_without_siblings():
    frame, ledger, counts = made_of([WIDE], top_k=1)
    assert sorted(ids[-1] for ids in frame["message_ids"].to_list()) == ["a0", "b0"]
    assert dict(ledger.select("row_id", "rule").iter_rows()) == {"b1": "top_k", "a1": "top_k", "a2": "unranked"}
    assert dict(ledger.select("row_id", "figure").iter_rows()) == {"b1": 1.0, "a1": 1.0, "a2": 2.0}
    assert counts.threads == 1
    below = a_tree(said("r", said("x", rank=0), said("y", said("p", said("only")), rank=1)))
    frame, ledger, _ = made_of([below], top_k=1)
    assert [ids[-1] for ids in frame["message_ids"].to_list()] == ["x"]
    assert ledger.select("row_id", "rule", "lost_to", "note").rows() == [
        ("y", "top_k", None, "below 1 is asked"), ("only", "below_dropped", "y", "top_k"),
    ]  # fmt: skip
    alone = a_tree(said("r", said("only"), said("spam", review_result=False)))
    frame, _, _ = made_of([alone], top_k=1)
    assert [ids[-1] for ids in frame["message_ids"].to_list()] == ["only"]


def test_counts_say_why_a_tree_taught_nothing():
    trees = [
        a_tree(said("a")),
        a_tree(said("b", said("b1", review_result=False))),
        a_tree(said("c", said("c1"), deleted=True)),
        a_tree(said("d", said("d1")), state="growing"),
        a_tree(said("e", said("e1"))),
    ]
    _, _, counts = made_of(trees)
    assert counts.to_json() == {
        "trees": 5,
        "trees_taught": 1,
        "trees_lost": {"no_reply": 1, "no_reply_taught": 1, "deleted": 1, "tree_state": 1},
        "replies": 4,
        "replies_taught": 1,
        "replies_lost": {"not_accepted": 1, "below_dropped": 2},
        "threads": 1,
        "rows": 1,
    }


def test_a_changed_text_makes_another_row_and_the_same_text_the_same():
    one, again, other = (
        made_of([a_tree(said("r", said("a", text=text)))])[0]["thread_id"].to_list() for text in ("x", "x", "y")
    )
    assert one == again != other


@given(forests())
@settings(max_examples=15, deadline=None)
def test_rows_do_not_depend_on_how_the_stream_is_cut(trees):
    assert made_of(trees, at_once=1)[0].equals(made_of(trees, at_once=10_000)[0])


def test_no_column_has_a_name_that_trl_takes_for_something_else():
    """Columns that TRL 1.16's trainers read where they are there, or that mean rows are tokenised already."""
    read = {
        "messages", "conversations", "tools", "chat_template_kwargs", "image", "images", "label", "input_ids", "labels",
        "completion_mask", "assistant_masks", "seq_lengths", "chosen_ids", "rejected_ids", "chosen_input_ids",
        "rejected_input_ids", "ref_chosen_logps", "ref_rejected_logps",
    }  # fmt: skip
    for schema in (Threads, PreferencePairs, Prompts):
        assert not read & set(schema.dtypes())
    assert "text" not in Threads.dtypes() and "completion" not in PreferencePairs.dtypes()
