import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.conversations.kept import kept_trees, ledger_of
from ot_assets.registry.specs.conversation import Kept
from schemas.ledger import Ledger

from .forests import a_tree, forests, holds, messages_of, said


def drops(tree, **kept):
    (grown,) = next(kept_trees(messages_of(tree), Kept(**kept)))
    return {node.message_id: node.drop for node in grown.nodes if node.drop is not None}


def rules(tree, **kept):
    return {name: (why.rule, why.figure, why.lost_to, why.note) for name, why in drops(tree, **kept).items()}


def means(**values):
    return {"labels": {name: {"value": value, "count": 3} for name, value in values.items()}}


@given(forests())
@settings(max_examples=15, deadline=None)
def test_a_message_is_kept_when_it_and_all_above_it_may_be(trees):
    kept = Kept()
    found = {
        node.message_id: node
        for some in kept_trees(messages_of(*trees), kept)
        for grown in some
        for node in grown.nodes
    }
    assert len(found) == sum(len(tree.messages) for tree in trees)
    for tree in trees:
        fine = {
            name: tree.state in kept.states and one.accepted and not one.synthetic
            for name, one in tree.messages.items()
        }
        for name, one in tree.messages.items():
            whole = fine[name] and all(fine[above.message_id] for above in tree.above(one))
            assert (found[name].drop is None) == whole
            if fine[name] and not whole:
                why = found[name].drop
                assert why.rule == "below_dropped" and found[why.lost_to].drop.rule == why.note


def test_each_rule_says_which_and_by_what_figure():
    tree = a_tree(
        said(
            "r",
            said("rejected", review_result=False, review_count=4),
            said("open", review_result=None, review_count=1),
            said("gone", said("under", said("deeper")), deleted=True),
            said("model", synthetic=True, model_name="m1"),
        )
    )
    assert rules(tree) == {
        "rejected": ("not_accepted", 4.0, None, "rejected"),
        "open": ("not_accepted", 1.0, None, "not judged yet"),
        "gone": ("deleted", None, None, None),
        "under": ("below_dropped", None, "gone", "deleted"),
        "deeper": ("below_dropped", None, "gone", "deleted"),
        "model": ("synthetic", None, None, "m1"),
    }
    assert "model" not in rules(tree, synthetic=True)


def test_a_tree_that_is_not_ready_is_dropped_whole():
    tree = a_tree(said("r", said("a")), state="growing")
    assert rules(tree) == {
        "r": ("tree_state", None, None, "growing"), "a": ("below_dropped", None, "r", "tree_state"),
    }  # fmt: skip
    assert rules(tree, states=("growing", "ranking")) == {}


def test_labels_scores_and_depth_filter_and_unlabelled_messages_pass():
    tree = a_tree(
        said(
            "r",
            said("rude", imported=means(toxicity=0.5, quality=0.9)),
            said("poor", imported=means(quality=0.25)),
            said("threat", imported={"detoxify": {"threat": 0.2, "insult": 0.0}}),
            said("fine", said("p", said("deep")), imported=means(toxicity=0.49, quality=0.26)),
        )
    )
    found = rules(
        tree,
        labels_below={"toxicity": 0.5},
        labels_above={"quality": 0.25},
        detoxify_below={"threat": 0.1},
        max_depth=2,
    )
    assert found == {
        "rude": ("label.toxicity", 0.5, None, "below 0.5 is asked"),
        "poor": ("label.quality", 0.25, None, "above 0.25 is asked"),
        "threat": ("detoxify.threat", 0.2, None, "below 0.1 is asked"),
        "deep": ("too_deep", 3.0, None, "up to 2 is asked"),
    }


def test_misspelt_names_are_no_filters():
    for wrong in ({"states": ("ready",)}, {"labels_below": {"toxic": 0.5}}, {"detoxify_below": {"toxic": 0.5}}):
        with pytest.raises(ValueError, match="known are"):
            Kept(**wrong)


def test_drops_are_ledger_rows():
    ledger = ledger_of(drops(a_tree(said("r", said("a"), deleted=True))).items())
    holds(Ledger, ledger)
    assert ledger["row_id"].to_list() == ["r", "a"] and ledger["lost_to"].to_list() == [None, "r"]
    holds(Ledger, ledger_of([]))


def test_rows_whose_parent_is_missing_are_refused():
    frame = messages_of(a_tree(said("r", said("a", said("b")))))[0]
    with pytest.raises(ValueError, match="stands before its parent"):
        list(kept_trees([frame.filter(pl.col("message_id") != "a")], Kept()))
