"""What the original does otherwise, under the switch that keeps it: each beside what happens by default."""

from __future__ import annotations

import pytest

from ot_assets.conversations import submissions
from tests.conversations.acting import SMALL, Acting, imported


@pytest.mark.parametrize(("recheck", "state"), [("always", "ready_for_export"), ("original", "ranking")])
def test_a_tree_with_nothing_to_rank_stalls_in_the_original(recheck, state):
    crowd = Acting(**SMALL, recheck=recheck)
    tree = crowd.growing()
    crowd.accept(crowd.reply(crowd.accept(crowd.reply(tree))))
    assert crowd.state_of(tree) == state


def test_until_a_ballot_comes():
    crowd = Acting(**{**SMALL, "goal_tree_size": 3}, recheck="original")
    tree, (a, b) = crowd.ranking()
    crowd.about("message_deleted", b)
    assert crowd.state_of(tree) == "ranking"  # nothing to rank is left, and nobody looks
    crowd.rank(tree, a, b)  # from a task that was handed out before
    assert crowd.states(tree)[-2:] == ["ready_for_scoring", "ready_for_export"]
    assert crowd.tree(tree).history[-2].why == "nothing to rank"
    assert crowd.message(a).rank is None


def test_or_settings_change_as_when_the_original_starts_anew():
    crowd = Acting(**SMALL, recheck="original")
    tree = crowd.growing()
    crowd.accept(crowd.reply(crowd.accept(crowd.reply(tree))))
    assert crowd.state_of(tree) == "ranking"
    crowd.settings(max_active_trees=11)
    assert crowd.state_of(tree) == "ready_for_export"


@pytest.mark.parametrize("recheck", ["always", "original"])
def test_growth_ends_with_a_label_in_both(recheck):
    crowd = Acting(**SMALL, recheck=recheck)
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, a, b)
    assert crowd.state_of(tree) == "ready_for_export"


@pytest.mark.parametrize(("recheck", "state"), [("always", "ranking"), ("original", "growing")])
def test_deleting_what_was_waited_for_is_not_seen_by_the_original(recheck, state):
    crowd = Acting(**SMALL, recheck=recheck)
    tree = crowd.growing()
    waits = crowd.reply(tree)
    replies = [crowd.accept(crowd.reply(tree)) for _ in range(2)]
    crowd.about("message_deleted", waits)
    assert crowd.state_of(tree) == state
    crowd.review(replies[0], 0.0)  # any answer to a labelling task
    assert crowd.state_of(tree) == "ranking"


@pytest.mark.parametrize(("recheck", "state"), [("always", "halted_by_moderator"), ("original", "growing")])
def test_a_growing_tree_that_is_deleted_whole_stalls_in_the_original(recheck, state):
    crowd = Acting(**SMALL, recheck=recheck)
    tree = crowd.growing()
    crowd.about("message_deleted", tree)
    assert crowd.state_of(tree) == state
    crowd.label(tree, refused="message_deleted")


def test_a_goal_that_is_met_when_a_tree_begins_to_grow():
    always, original = (Acting(**{**SMALL, "goal_tree_size": 1}, recheck=recheck) for recheck in ("always", "original"))
    assert always.state_of(always.accept(always.prompt())) == "ready_for_export"
    tree = original.accept(original.prompt())
    assert original.state_of(tree) == "growing"
    original.review(tree, 0.0)
    assert original.state_of(tree) == "ranking"


@pytest.mark.parametrize(("recheck", "state"), [("always", "aborted_low_grade"), ("original", "initial_prompt_review")])
def test_a_rejected_prompt_that_is_let_go_on(recheck, state):
    crowd = Acting(**SMALL, recheck=recheck)
    tree = crowd.reject(crowd.prompt())
    assert crowd.state_of(tree) == "aborted_low_grade"
    crowd.moderate("tree_unhalted", tree)
    assert crowd.state_of(tree) == state
    if recheck == "original":
        crowd.review(tree, 1.0)  # only a label of the prompt itself aborts it again
        assert crowd.state_of(tree) == "aborted_low_grade"


def test_a_deleted_prompt_is_never_drawn_though_the_original_leaves_it_waiting():
    crowd = Acting(**SMALL, recheck="original", max_active_trees=0)
    gone, there = crowd.accept(crowd.prompt("a")), crowd.accept(crowd.prompt("b"))
    crowd.about("message_deleted", gone)
    assert crowd.state_of(gone) == "prompt_lottery_waiting"
    crowd.settings(max_active_trees=5)
    assert (crowd.state_of(gone), crowd.state_of(there)) == ("prompt_lottery_waiting", "growing")
    crowd.do("lottery_drawn", "no_lottery", tree_id=gone)
    crowd.about("message_undeleted", gone)
    assert crowd.state_of(gone) == "growing"


def test_an_import_is_not_looked_at_by_the_original():
    for recheck, state in (("always", "ready_for_export"), ("original", "ranking")):
        crowd = Acting(**SMALL, recheck=recheck)
        crowd.do("tree_imported", tree_id="i", tree=imported("i", ("a", "i")))
        assert crowd.state_of("i") == state


def _done(**settings):
    """A tree that is ready, with a message that could have one more reply."""
    crowd = Acting(**SMALL, **settings)
    tree, (a, b) = crowd.ranking()
    return crowd, tree, a, b


@pytest.mark.parametrize("rule", ["tree_not_growing", None])
def test_late_replies(rule):
    crowd, tree, a, b = _done(late_replies="refuse" if rule else "keep")
    reply = crowd.reply(a, refused=rule)
    crowd.rank(tree, b, a)
    crowd.reply(tree, refused=rule)
    assert crowd.state_of(tree) == "ready_for_export"
    assert len(crowd.tree(tree).messages) == (3 if rule else 5)
    if rule is None:
        late = crowd.message(reply)
        assert (late.review_count, late.review_result, late.rank, late.depth) == (0, None, None, 2)
        assert crowd.tree(tree).size == 3  # it was never accepted


def test_late_replies_are_kept_beyond_the_caps_but_not_in_trees_that_ended_badly():
    crowd = Acting(**{**SMALL, "goal_tree_size": 20}, late_replies="keep", max_tree_depth=1, max_children_count=1)
    tree = crowd.growing()
    replies = [crowd.reply(tree) for _ in range(3)]
    deep = crowd.reply(replies[0])  # to one that is not accepted, and too deep
    assert crowd.message(deep).depth == 2 and len(crowd.message(tree).children) == 3
    reviewed = crowd.prompt("x")
    crowd.reply(reviewed, refused="tree_not_growing")
    crowd.moderate("tree_halted", tree)
    crowd.reply(tree, refused="tree_not_growing")


def test_a_reply_to_a_deleted_message_is_deleted():
    crowd = Acting(**SMALL, late_replies="keep")
    tree = crowd.growing()
    reply = crowd.accept(crowd.reply(tree))
    crowd.about("message_deleted", reply)
    assert crowd.message(crowd.reply(reply)).deleted
    assert not crowd.message(crowd.reply(tree)).deleted


@pytest.mark.parametrize(
    ("late", "rule", "ranks"), [("merge", None, [1, 0]), ("keep", None, [0, 1]), ("refuse", "not_ranking", [0, 1])]
)
def test_late_ballots(late, rule, ranks):
    crowd, tree, a, b = _done(late_ballots=late)
    crowd.rank(tree, a, b)
    assert crowd.state_of(tree) == "ready_for_export"
    for _ in range(2):
        crowd.rank(tree, b, a, refused=rule)
    assert [crowd.message(one).rank for one in (a, b)] == ranks
    assert len(crowd.tree(tree).ballots) == (1 if rule else 3)
    assert crowd.message(a).ranking_count == (1 if rule else 3)
    assert crowd.states(tree)[-1] == "ready_for_export" and len(crowd.tree(tree).history) == 6


def test_a_late_ballot_that_cannot_be_merged_leaves_the_ranks():
    def merging(method, ballots):
        if len(ballots) > 1:
            raise ValueError("no")
        return ballots[0]

    crowd = Acting(merging=merging, **SMALL)
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, b, a)
    crowd.rank(tree, a, b)
    assert crowd.state_of(tree) == "ready_for_export" and crowd.message(b).rank == 0


def test_a_ballot_does_not_bring_a_failed_tree_back_by_itself():
    """In the original it does; here only a moderator's event does."""

    def merging(method, ballots):
        if len(ballots) == 1:
            raise ValueError("no")
        return ballots[0]

    crowd = Acting(merging=merging, **SMALL)
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, b, a)
    crowd.rank(tree, a, b)
    assert crowd.state_of(tree) == "scoring_failed"
    crowd.moderate("scoring_retried", tree)
    assert crowd.state_of(tree) == "ready_for_export"


def test_whether_a_message_is_asked_about_again_whose_replies_were_all_lost():
    for reopen in (True, False):
        crowd = Acting(**{**SMALL, "goal_tree_size": 9}, reopen_rejected=reopen)
        tree = crowd.growing()
        assert _asked(crowd, tree)  # a message without replies always is
        crowd.reject(crowd.reply(tree))
        assert _asked(crowd, tree) is reopen
        gone = crowd.accept(crowd.reply(tree))
        assert _asked(crowd, tree)
        crowd.about("message_deleted", gone)
        assert _asked(crowd, tree) is reopen
        crowd.reply(tree)  # one that waits for its review makes it come back
        assert _asked(crowd, tree)


def _asked(crowd, message_id):
    tree = crowd.tree(message_id)
    return submissions.extendible(crowd.fold, tree, tree.messages[message_id])


def test_replies_are_asked_for_up_to_the_caps_and_the_goal():
    crowd = Acting(**{**SMALL, "goal_tree_size": 5}, max_tree_depth=2)
    tree = crowd.growing()
    fold = crowd.fold
    assert submissions.missing(fold, crowd.tree(tree)) == 4
    a, _, c = (crowd.reply(tree) for _ in range(3))
    assert not _asked(crowd, tree) and submissions.room(fold, crowd.tree(tree), crowd.message(tree)) == 0
    assert submissions.missing(fold, crowd.tree(tree)) == 1
    crowd.reply(tree, refused="parent_full")
    crowd.reject(c)
    assert _asked(crowd, tree)
    assert submissions.missing(fold, crowd.tree(tree)) == 2
    crowd.reply(a, refused="parent_not_accepted")
    crowd.accept(a)
    deep = crowd.accept(crowd.reply(a))
    crowd.reply(a, refused="parent_full")  # one reply of a prompter
    crowd.reply(deep, refused="too_deep")


def test_free_labels_replace_those_that_the_person_gave_before():
    crowd = Acting()
    tree = crowd.prompt()
    crowd.label(tree, "u", task=False, quality=0.5, humor=1.0)
    crowd.label(tree, "u", task=False, quality=1.0)
    crowd.label(tree, "u", spam=0.0, quality=0.0)  # the answer to a task stands beside them
    assert [(one.task, one.values) for one in crowd.message(tree).labelled] == [
        (False, {"quality": 1.0}),
        (True, {"spam": 0.0, "quality": 0.0}),
    ]


def test_settings_that_change_are_felt_by_trees_that_wait():
    crowd = Acting(**{**SMALL, "num_required_rankings": 3, "num_reviews_reply": 3})
    tree = crowd.growing()
    a, b = crowd.reply(tree), crowd.reply(tree)
    for name in (a, b):
        crowd.review(name, 0.0, 0.0)
    assert crowd.message(a).review_result is None
    event = crowd.settings(num_reviews_reply=2)
    assert crowd.message(a).review_result is True and crowd.message(a).decided_by == event
    assert crowd.state_of(tree) == "ranking"
    crowd.rank(tree, a, b)
    crowd.rank(tree, a, b)
    crowd.settings(num_required_rankings=2)
    assert crowd.state_of(tree) == "ready_for_export"
