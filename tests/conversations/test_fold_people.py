"""What moderators and the crowd do to messages and persons, beside the states of trees."""

from __future__ import annotations

from tests.conversations.acting import SMALL, Acting


def _deep(**settings):
    """A growing tree: prompt - answer - question - answer, and a second answer to the prompt."""
    crowd = Acting(**{**SMALL, "goal_tree_size": 20}, **settings)
    tree = crowd.growing()
    answer = crowd.accept(crowd.reply(tree))
    question = crowd.accept(crowd.reply(answer))
    last = crowd.accept(crowd.reply(question))
    other = crowd.accept(crowd.reply(tree))
    return crowd, [tree, answer, question, last, other]


def _deleted(crowd, names):
    return [crowd.message(name).deleted for name in names]


def test_deleting_goes_down_and_bringing_back_goes_up():
    crowd, names = _deep()
    crowd.about("message_deleted", names[1])
    assert _deleted(crowd, names) == [False, True, True, True, False]
    crowd.about("message_deleted", names[2], refused="nothing_changes")
    crowd.about("message_undeleted", names[2])
    assert _deleted(crowd, names) == [False, False, False, True, False]
    crowd.about("message_undeleted", names[2], refused="nothing_changes")
    assert crowd.tree(names[0]).size == 4


def test_four_red_flags_delete_a_reply_and_all_under_it():
    crowd, names = _deep()
    crowd.flags(names[1], "a", "b", "c")
    assert _deleted(crowd, names) == [False] * 5
    crowd.flags(names[1], "d")
    assert _deleted(crowd, names) == [False, True, True, True, False]
    assert crowd.state_of(names[0]) == "growing"


def test_flags_delete_nothing_where_a_reply_was_rejected_or_its_tree_no_longer_grows():
    crowd, names = _deep()
    bad = crowd.reject(crowd.reply(names[0]))
    crowd.flags(bad, *"abcde")
    assert not crowd.message(bad).deleted
    tree, (reply, _) = (crowd := Acting(**SMALL)).ranking()
    crowd.flags(reply, *"abcde")
    crowd.flags(tree, *"abcde")
    assert not crowd.message(reply).deleted and crowd.state_of(tree) == "ranking"


def test_a_prompt_that_is_flagged_while_it_waits_is_aborted_when_it_is_drawn():
    crowd = Acting(**SMALL, max_active_trees=1)
    first = crowd.growing("x")
    waits = crowd.accept(crowd.prompt("y"))
    crowd.flags(waits, *"abcd")
    assert crowd.state_of(waits) == "prompt_lottery_waiting"
    crowd.moderate("tree_halted", first)
    assert crowd.states(waits)[-2:] == ["growing", "aborted_low_grade"]


def test_what_a_moderator_lets_go_on_is_not_stopped_before_the_next_flag():
    crowd = Acting(**SMALL)
    tree = crowd.growing()
    crowd.flags(tree, *"abcd")
    crowd.moderate("tree_unhalted", tree)
    crowd.accept(crowd.reply(tree))
    assert crowd.state_of(tree) == "growing"
    crowd.flags(tree, "e")
    assert crowd.state_of(tree) == "aborted_low_grade"


def test_thumbs_exclude_each_other_and_are_taken_back():
    crowd = Acting()
    tree = crowd.prompt()
    for emoji in ("+1", "clap", "-1"):
        crowd.about("emoji_added", tree, "u", emoji=emoji)
    crowd.about("emoji_added", tree, "v", emoji="+1")
    assert crowd.message(tree).emojis == {"clap": ["u"], "-1": ["u"], "+1": ["v"]}
    crowd.about("emoji_removed", tree, "v", emoji="+1")
    assert crowd.message(tree).emojis == {"clap": ["u"], "-1": ["u"]}


def test_an_edit_changes_the_text_and_says_so():
    crowd = Acting()
    tree = crowd.prompt(text="helo")
    crowd.about("message_edited", tree, text="hello")
    assert (crowd.message(tree).text, crowd.message(tree).edited) == ("hello", True)


def test_the_last_moderator_is_not_shut_out():
    crowd = Acting(**SMALL, moderators=("a", "b"))
    crowd.do("user_disabled", user_id="a", about_user="b")
    crowd.do("user_disabled", "last_moderator", user_id="a", about_user="a")
    crowd.do("config_changed", "bad_settings", user_id="a", settings={"moderators": ["b"]})
    crowd.do("user_enabled", user_id="a", about_user="b")
    crowd.do("config_changed", user_id="a", settings={"moderators": ["b"]})


def test_who_is_disabled_takes_part_in_nothing_and_their_waiting_prompts_are_halted():
    crowd = Acting(**{**SMALL, "num_required_rankings": 3}, max_active_trees=1)
    grows, waits, later = crowd.growing("u"), crowd.accept(crowd.prompt("u")), crowd.prompt("u")
    crowd.do("user_disabled", user_id="m", about_user="u")
    assert [crowd.state_of(one) for one in (grows, waits, later)] == [
        "growing",
        "halted_by_moderator",
        "initial_prompt_review",
    ]
    assert crowd.why(waits) == "its author u is disabled"
    crowd.accept(later)  # its review goes on, and then it is halted too
    assert crowd.states(later)[-2:] == ["prompt_lottery_waiting", "halted_by_moderator"]
    crowd.prompt("u", "user_disabled")
    crowd.reply(grows, "u", "user_disabled")
    crowd.label(grows, "u", "user_disabled")
    crowd.about("emoji_added", grows, "u", "user_disabled", emoji="clap")
    crowd.do("user_disabled", "nothing_changes", user_id="m", about_user="u")
    crowd.do("user_enabled", user_id="m", about_user="u")
    crowd.do("user_enabled", "nothing_changes", user_id="m", about_user="u")
    crowd.prompt("u")
    assert crowd.state_of(waits) == "halted_by_moderator"
    crowd.moderate("tree_unhalted", waits)
    assert crowd.state_of(waits) == "prompt_lottery_waiting"


def test_who_is_purged_is_shut_out_too():
    crowd = Acting(**SMALL, max_active_trees=0)
    waits = crowd.accept(crowd.prompt("u"))
    crowd.do("user_purged", about_user="u")
    assert crowd.state_of(waits) == "halted_by_moderator"
    crowd.prompt("u", "user_disabled")


def test_skips_are_kept_by_person_and_task():
    crowd = Acting()
    tree = crowd.prompt()
    for user, task in (
        ("a", "label_prompt"),
        ("a", "label_prompt"),
        ("b", "reply_as_assistant"),
        ("c", "rank_replies"),
        ("d", "prompt"),
    ):
        crowd.about("task_skipped", tree, user, task=task)
    assert crowd.message(tree).emojis == {"_skip_labeling": ["a"], "_skip_reply": ["b"], "_skip_ranking": ["c"]}
    assert crowd.message(tree).skips == 1
