"""Every state that a tree can be in, every way from one to another, and what the tree's history says of it."""

from __future__ import annotations

import pytest

from ot_assets.conversations.state import ACTIVE, FINAL, INACTIVE, STATES
from schemas import conversations as schemas
from tests.conversations.acting import SMALL, Acting, imported


def test_there_are_ten_states_and_the_schema_knows_them():
    assert len(STATES) == len(set(STATES)) == 10
    assert sorted(STATES) == sorted(schemas.STATES) == sorted((*ACTIVE, *INACTIVE))
    assert set(FINAL) < set(INACTIVE)


def test_a_new_prompt_is_reviewed():
    crowd = Acting()
    tree = crowd.prompt()
    step = crowd.tree(tree).history[0]
    assert (step.before, step.after, step.event_id, step.at) == (None, "initial_prompt_review", "e1", crowd.at)
    assert crowd.fold.language.states["initial_prompt_review"] == 1


def test_limits_are_written_into_a_tree_when_it_is_made():
    crowd = Acting()
    old = crowd.prompt()
    crowd.settings(goal_tree_size=30, max_tree_depth=9, max_children_count=7)
    new = crowd.prompt()
    assert [(t.goal, t.max_depth, t.max_children) for t in map(crowd.tree, (old, new))] == [(12, 3, 3), (30, 9, 7)]


def test_three_reviews_with_one_flag_accept_a_prompt_which_then_waits_for_the_lottery():
    crowd = Acting(max_active_trees=0)
    tree = crowd.prompt()
    crowd.review(tree, 0.0, 1.0)
    assert crowd.state_of(tree) == "initial_prompt_review"
    crowd.review(tree, 0.0)
    assert crowd.state_of(tree) == "prompt_lottery_waiting"
    assert crowd.why(tree) == "3 reviews, acceptance 0.667"
    assert crowd.message(tree).decided_by == crowd.tree(tree).history[-1].event_id == f"e{crowd.number}"


def test_two_flags_of_three_abort_it():
    crowd = Acting()
    tree = crowd.prompt()
    crowd.review(tree, 0.0, 1.0, 1.0)
    assert crowd.state_of(tree) == "aborted_low_grade"
    assert crowd.why(tree) == "3 reviews, acceptance 0.333, more than 0.6 is needed"
    assert crowd.message(tree).review_result is False


@pytest.mark.parametrize(
    ("reviews", "accepted"),
    [
        ([{"spam": 0.4}] * 3, False),  # the threshold itself is not enough
        ([{"spam": 0.3}] * 3, True),
        ([{"spam": 0.2, "lang_mismatch": 0.2}] * 3, False),
        ([{"spam": 0.0, "lang_mismatch": 1.0}, {"spam": 0.0}, {"spam": 0.0}], True),  # a missing mismatch counts as 0
        ([{"spam": 1.0}] * 6 + [{"spam": 0.0}] * 9, False),  # 9 of 15 are 0.6 exactly, whatever floats make of it
        ([{"spam": 1.0}] + [{"spam": 0.0, "lang_mismatch": 1.0}] * 5 + [{"spam": 0.0}] * 9, False),
        ([{"spam": 0.0, "quality": 0.0, "toxicity": 1.0, "helpfulness": 0.0}] * 3, True),  # quality decides nothing
    ],
)
def test_acceptance(reviews, accepted):
    crowd = Acting(num_reviews_initial_prompt=len(reviews))
    tree = crowd.prompt()
    for labels in reviews:
        crowd.label(tree, **labels)
    assert crowd.message(tree).review_result is accepted


def test_free_labels_are_no_reviews():
    crowd = Acting()
    tree = crowd.prompt()
    for _ in range(5):
        crowd.label(tree, task=False, spam=1.0)
    assert (crowd.message(tree).review_count, crowd.state_of(tree)) == (0, "initial_prompt_review")


def test_a_later_review_can_accept_but_never_reject():
    crowd = Acting(**{**SMALL, "goal_tree_size": 9, "num_reviews_reply": 2})
    tree = crowd.growing()
    bad, good = crowd.reject(crowd.reply(tree)), crowd.accept(crowd.reply(tree))
    decided = crowd.message(good).decided_by
    for _ in range(4):
        crowd.review(good, 1.0)
        crowd.review(bad, 0.0)
    assert crowd.message(good).review_result is True and crowd.message(good).decided_by == decided
    assert crowd.message(bad).review_result is True and crowd.message(bad).review_count == 6


def test_an_aborted_tree_stays_so_even_if_its_prompt_is_accepted_later():
    crowd = Acting()
    tree = crowd.reject(crowd.prompt())
    crowd.review(tree, *[0.0] * 9)
    assert crowd.message(tree).review_result is True
    assert crowd.state_of(tree) == "aborted_low_grade"
    crowd.moderate("tree_unhalted", tree)
    assert crowd.states(tree)[-3:] == ["initial_prompt_review", "prompt_lottery_waiting", "growing"]


def test_a_prompt_is_drawn_as_soon_as_there_is_room():
    crowd = Acting(max_active_trees=1)
    first, second = crowd.accept(crowd.prompt("a")), crowd.accept(crowd.prompt("b"))
    assert (crowd.state_of(first), crowd.state_of(second)) == ("growing", "prompt_lottery_waiting")
    assert crowd.why(first) == "drawn in the lottery" and crowd.tree(first).won_at == crowd.at - 4000
    halt = crowd.moderate("tree_halted", first)
    assert crowd.state_of(second) == "growing" and crowd.tree(second).history[-1].event_id == halt


def test_a_logged_draw_is_taken_as_it_is():
    crowd = Acting(draws="logged", max_active_trees=1)
    trees = [crowd.accept(crowd.prompt(user)) for user in "abc"]
    assert {crowd.state_of(tree) for tree in trees} == {"prompt_lottery_waiting"}
    crowd.do("lottery_drawn", tree_id=trees[1], user_id="drawer")
    assert [crowd.state_of(tree) for tree in trees] == ["prompt_lottery_waiting", "growing", "prompt_lottery_waiting"]
    assert crowd.why(trees[1]) == "drawn by drawer"
    crowd.do("lottery_drawn", "no_lottery", tree_id=trees[1])
    crowd.do("lottery_drawn", "no_lottery", tree_id=trees[2])  # no room


def test_a_tree_is_ranked_when_it_is_large_enough_and_all_is_reviewed():
    crowd = Acting(**SMALL)
    tree = crowd.growing()
    one, two, three = (crowd.reply(tree) for _ in range(3))
    crowd.accept(one)
    crowd.accept(two)
    assert crowd.tree(tree).size == 3 and crowd.state_of(tree) == "growing"  # the third is not reviewed yet
    crowd.reject(three)
    assert crowd.state_of(tree) == "ranking"
    assert crowd.why(tree) == "3 accepted messages, the goal is 3; no review outstanding"


def test_rejected_and_deleted_replies_do_not_count():
    crowd = Acting(**SMALL)
    tree = crowd.growing()
    crowd.reject(crowd.reply(tree))
    gone = crowd.accept(crowd.reply(tree))
    crowd.about("message_deleted", gone)
    crowd.accept(crowd.reply(tree))
    assert crowd.tree(tree).size == 2 and crowd.state_of(tree) == "growing"


def test_deleting_the_last_unreviewed_reply_lets_a_tree_be_ranked():
    crowd = Acting(**SMALL)
    tree = crowd.growing()
    waits = crowd.reply(tree)
    for _ in range(2):
        crowd.accept(crowd.reply(tree))
    event = crowd.about("message_deleted", waits)
    assert crowd.state_of(tree) == "ranking" and crowd.tree(tree).history[-1].event_id == event


def test_a_growing_tree_with_nothing_left_is_halted():
    crowd = Acting(**SMALL)
    tree = crowd.growing()
    reply = crowd.accept(crowd.reply(tree))
    crowd.about("message_deleted", tree)
    assert crowd.state_of(tree) == "halted_by_moderator" and crowd.why(tree) == "the prompt is deleted"
    assert crowd.message(reply).deleted


@pytest.mark.parametrize("state", ["initial_prompt_review", "prompt_lottery_waiting", "ranking"])
def test_a_tree_ends_with_its_prompt(state):
    crowd = Acting(**SMALL, max_active_trees=0 if state == "prompt_lottery_waiting" else 10)
    tree = crowd.ranking()[0] if state == "ranking" else crowd.prompt()
    if state == "prompt_lottery_waiting":
        crowd.accept(tree)
    assert crowd.state_of(tree) == state
    crowd.about("message_deleted", tree)
    assert crowd.state_of(tree) == "halted_by_moderator" and crowd.why(tree) == "the prompt is deleted"
    crowd.about("message_undeleted", tree)
    assert crowd.state_of(tree) == "halted_by_moderator"
    crowd.settings(max_active_trees=10)
    crowd.moderate("tree_unhalted", tree)
    assert crowd.state_of(tree) == ("initial_prompt_review" if state == "initial_prompt_review" else "growing")


def test_a_tree_is_ready_once_every_message_with_several_replies_has_its_ballots():
    crowd = Acting(**{**SMALL, "goal_tree_size": 6, "num_required_rankings": 2})
    tree = crowd.growing()
    a, b = (crowd.accept(crowd.reply(tree)) for _ in range(2))
    question = crowd.accept(crowd.reply(a))
    c, d = (crowd.accept(crowd.reply(question)) for _ in range(2))
    assert crowd.state_of(tree) == "ranking"
    crowd.rank(tree, b, a)
    crowd.rank(tree, b, a)
    crowd.rank(question, c, d)
    assert crowd.state_of(tree) == "ranking" and crowd.message(a).rank is None
    crowd.rank(question, c, d)
    assert crowd.states(tree)[-2:] == ["ready_for_scoring", "ready_for_export"]
    assert [step.why for step in crowd.tree(tree).history[-2:]] == [
        "all 2 messages with several replies have their ballots", "ballots merged by ranked_pairs",
    ]  # fmt: skip
    assert [crowd.message(one).rank for one in (a, b, question, c, d)] == [1, 0, None, 0, 1]
    assert [crowd.message(one).ranking_count for one in (a, b, question, c, d)] == [2, 2, 0, 2, 2]


def test_a_tree_with_nothing_to_rank_is_ready_at_once():
    crowd = Acting(**SMALL)
    tree = crowd.growing()
    crowd.accept(crowd.reply(crowd.accept(crowd.reply(tree))))
    assert crowd.states(tree)[-3:] == ["ranking", "ready_for_scoring", "ready_for_export"]
    assert [step.why for step in crowd.tree(tree).history[-2:]] == ["nothing to rank", "ballots merged by ranked_pairs"]


def test_a_goal_that_the_prompt_alone_meets():
    crowd = Acting(**{**SMALL, "goal_tree_size": 1})
    tree = crowd.accept(crowd.prompt())
    assert crowd.states(tree)[2:] == ["growing", "ranking", "ready_for_scoring", "ready_for_export"]


def test_replies_of_prompters_are_ranked_where_settings_say_so():
    for ranked in (False, True):
        crowd = Acting(**{**SMALL, "goal_tree_size": 4}, num_prompter_replies=2, rank_prompter_replies=ranked)
        tree = crowd.growing()
        answer = crowd.accept(crowd.reply(tree))
        for _ in range(2):
            crowd.accept(crowd.reply(answer))
        assert crowd.state_of(tree) == ("ranking" if ranked else "ready_for_export")


def test_a_scoring_that_fails_and_is_retried():
    broken = [True]

    def merging(method, ballots):
        if broken[0]:
            raise ValueError("no maximum was found")
        return sorted(ballots[0])

    crowd = Acting(merging=merging, **SMALL)
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, b, a)
    assert crowd.states(tree)[-2:] == ["ready_for_scoring", "scoring_failed"]
    assert crowd.why(tree) == f"ballots on the replies to {tree} could not be merged: no maximum was found"
    assert crowd.message(a).rank is None
    crowd.moderate("scoring_retried", tree)
    assert crowd.states(tree)[-2:] == ["ready_for_scoring", "scoring_failed"]
    broken[0] = False
    crowd.moderate("scoring_retried", tree)
    assert crowd.states(tree)[-2:] == ["ready_for_scoring", "ready_for_export"]
    assert (crowd.message(a).rank, crowd.message(b).rank) == (0, 1)
    crowd.moderate("scoring_retried", tree, "not_failed")


def test_a_retried_scoring_goes_back_to_ranking_where_ballots_are_missing():
    def merging(method, ballots):
        raise ArithmeticError("overflow")

    crowd = Acting(merging=merging, **SMALL)
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, b, a)
    assert crowd.state_of(tree) == "scoring_failed"
    crowd.settings(num_required_rankings=2)
    crowd.moderate("scoring_retried", tree)
    assert crowd.state_of(tree) == "ranking"


def test_a_failed_scoring_changes_no_rank():
    def merging(method, ballots):
        if ballots[0][0].startswith("m9"):
            raise ValueError("no")
        return ballots[0]

    crowd = Acting(merging=merging, **{**SMALL, "goal_tree_size": 6})
    tree = crowd.growing()
    a, b = (crowd.accept(crowd.reply(tree)) for _ in range(2))
    question = crowd.accept(crowd.reply(a))
    c, d = (crowd.accept(crowd.reply(question, name=name)) for name in ("m90", "m91"))
    crowd.rank(tree, a, b)
    crowd.rank(question, c, d)
    assert crowd.state_of(tree) == "scoring_failed"
    assert {crowd.message(one).rank for one in (a, b, c, d)} == {None}


def test_an_import_comes_to_the_backlog_and_from_there_to_ranking():
    crowd = Acting(**SMALL, p_activate_backlog_tree=1.0)
    crowd.do("tree_imported", tree_id="i", tree=imported("i", ("a", "i"), ("b", "i"), tree_state="backlog_ranking"))
    assert crowd.state_of("i") == "backlog_ranking" and crowd.fold.language.backlog == ["i"]
    other = crowd.prompt()
    crowd.reject(other)
    assert crowd.state_of("i") == "ranking" and crowd.why("i") == "drawn from the backlog"
    assert crowd.fold.language.backlog == []


def test_a_tree_of_the_backlog_without_anything_to_rank_is_aborted_and_the_next_one_is_taken():
    crowd = Acting(**SMALL, p_activate_backlog_tree=1.0)
    for number in range(6):
        tree = imported(f"i{number}", (f"a{number}", f"i{number}"), tree_state="backlog_ranking")
        crowd.do("tree_imported", tree_id=f"i{number}", tree=tree)
    crowd.do("tree_imported", tree_id="i", tree=imported("i", ("a", "i"), ("b", "i"), tree_state="backlog_ranking"))
    crowd.reject(crowd.prompt())
    assert crowd.state_of("i") == "ranking"
    aborted = [n for n in range(6) if crowd.state_of(f"i{n}") == "aborted_low_grade"]
    assert all(crowd.why(f"i{n}") == "drawn from the backlog, with nothing to rank" for n in aborted)
    assert len(aborted) + len(crowd.fold.language.backlog) == 6


def test_four_red_flags_abort_a_tree_and_the_count_stands_in_its_history():
    crowd = Acting(**SMALL)
    reviewed, grows = crowd.prompt("x"), crowd.growing()
    for tree in (reviewed, grows):
        crowd.flags(tree, "a", "b", "c")
        assert crowd.state_of(tree) in ("initial_prompt_review", "growing")
        crowd.about("report_submitted", tree, "d", text="bad")
        assert crowd.state_of(tree) == "aborted_low_grade" and crowd.why(tree) == "the prompt has 4 red flags"


def test_twenty_five_persons_who_skip_a_message_halt_its_tree():
    crowd = Acting(**SMALL)
    tree = crowd.growing()
    for _ in range(30):
        crowd.about("task_skipped", tree, "same", task="reply_as_assistant")
    for number in range(23):
        crowd.about("task_skipped", tree, f"u{number}", task="reply_as_assistant")
        crowd.about("task_skipped", tree, f"u{number}", task="label_prompt")
    assert crowd.state_of(tree) == "growing" and crowd.message(tree).skips == 24
    crowd.about("task_skipped", tree, "last", task="reply_as_assistant")
    assert crowd.state_of(tree) == "halted_by_moderator"
    assert crowd.why(tree) == f"25 persons skipped replying to {tree}"


def test_zero_turns_automatic_moderation_off():
    crowd = Acting(**SMALL, auto_mod_red_flags=0, auto_mod_max_skip_reply=0)
    tree = crowd.growing()
    crowd.flags(tree, *"abcdefgh")
    for number in range(30):
        crowd.about("task_skipped", tree, f"u{number}", task="reply_as_assistant")
    assert crowd.state_of(tree) == "growing"


def test_a_halted_tree_goes_on_where_it_was():
    crowd = Acting(**SMALL)
    reviewed, grows, ranked = crowd.prompt("x"), crowd.growing("y"), crowd.ranking()[0]
    for tree in (reviewed, grows, ranked):
        crowd.moderate("tree_halted", tree, text="let me see")
        assert crowd.state_of(tree) == "halted_by_moderator" and crowd.why(tree) == "let me see"
        crowd.moderate("tree_halted", tree, "nothing_changes")
        crowd.moderate("tree_unhalted", tree)
    assert crowd.states(reviewed)[-1] == "initial_prompt_review"
    assert crowd.states(grows)[-1] == "growing"
    assert crowd.states(ranked)[-2:] == ["growing", "ranking"]  # it ever was drawn; then conditions are looked at
    crowd.moderate("tree_unhalted", grows, "nothing_changes")


def test_a_ready_tree_that_is_let_go_on_is_scored_again():
    crowd = Acting(**SMALL)
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, b, a)
    crowd.moderate("tree_unhalted", tree)
    assert crowd.states(tree)[-4:] == ["growing", "ranking", "ready_for_scoring", "ready_for_export"]


def test_an_import_that_is_halted_and_let_go_on_gets_through():
    crowd = Acting(**SMALL)
    crowd.do("tree_imported", tree_id="i", tree=imported("i", ("a", "i"), ("b", "i")))
    assert crowd.state_of("i") == "ranking"
    crowd.moderate("tree_halted", "i")
    crowd.moderate("tree_unhalted", "i")
    assert crowd.state_of("i") == "ranking" and "judged before it was imported" in {
        s.why for s in crowd.tree("i").history
    }
    crowd.rank("i", "b", "a")
    assert crowd.state_of("i") == "ready_for_export"


def _reviewed(value: float, count: int) -> dict[str, object]:
    tree = imported("i", tree_state="initial_prompt_review")
    labels = {"spam": {"value": value, "count": count}}
    tree["messages"][0] |= {"review_result": None, "review_count": count, "labels": labels}
    return tree


@pytest.mark.parametrize(
    ("value", "spam", "share"), [(0.0, 1.0, "0.667"), (1.0, 0.0, "0.333"), (0.5, 1.0, "0.333"), (0.0, 0.0, "1.000")]
)
def test_reviews_that_an_import_brought_count_with_the_labels_that_it_brought(value, spam, share):
    crowd = Acting()
    crowd.do("tree_imported", tree_id="i", tree=_reviewed(value, 2))
    assert crowd.state_of("i") == "initial_prompt_review"
    crowd.label("i", spam=spam)
    good = float(share) > 0.6
    assert crowd.message("i").review_result is good
    assert ("prompt_lottery_waiting" if good else "aborted_low_grade") in crowd.states("i")
    assert f"3 reviews, acceptance {share}" in " ".join(step.why for step in crowd.tree("i").history)


def test_reviews_that_an_import_brought_without_labels_say_nothing():
    crowd = Acting()
    tree = _reviewed(0.0, 2)
    del tree["messages"][0]["labels"]  # type: ignore[index]
    crowd.do("tree_imported", tree_id="i", tree=tree)
    crowd.label("i", spam=1.0)
    assert crowd.message("i").review_result is False
