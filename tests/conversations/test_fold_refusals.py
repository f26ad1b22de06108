"""Events that must not count: each is refused by its rule, changes nothing (`Acting.do` compares the whole state), and
the fold goes on.
"""

from __future__ import annotations

import pytest

from tests.conversations.acting import SMALL, START, Acting, imported


@pytest.fixture
def crowd():
    return Acting(**SMALL)


def test_an_event_twice(crowd):
    tree = crowd.prompt()
    crowd.number -= 1
    crowd.prompt(refused="repeated", name="other")
    assert crowd.state_of(tree) == "initial_prompt_review"


def test_a_refused_id_may_come_again(crowd):
    crowd.prompt(refused="blank_text", text=" ")
    crowd.number -= 1
    crowd.prompt(text="better")
    assert crowd.fold.shelf.knows_event("e1")


def test_events_out_of_order_and_from_the_future():
    crowd = Acting(now=START + 10_000)
    crowd.prompt("a")
    crowd.prompt("b", later=0)
    crowd.prompt("c", "out_of_order", later=-1)
    crowd.prompt("d", "from_the_future", later=1_000_000)
    crowd.at = START + 9_000
    crowd.prompt("e")
    assert crowd.at == START + 10_000  # now itself is no future


def test_unknown_trees_and_messages(crowd):
    tree = crowd.growing()
    for kind, fields in {
        "reply_submitted": {"message_id": "new", "parent_id": "nothing", "role": "assistant", "text": "t"},
        "labels_submitted": {"message_id": "nothing", "labels": {"spam": 0}, "task_id": "t"},
        "ranking_submitted": {"parent_id": "nothing", "ranking": ["a", "b"], "shown": ["b", "a"]},
        "report_submitted": {"message_id": "nothing", "text": "t"},
        "emoji_added": {"message_id": "nothing", "emoji": "+1"},
        "emoji_removed": {"message_id": "nothing", "emoji": "+1"},
        "task_skipped": {"message_id": "nothing", "task": "label_reply"},
        "message_edited": {"message_id": "nothing", "text": "t"},
        "message_deleted": {"message_id": "nothing"},
        "message_undeleted": {"message_id": "nothing"},
    }.items():
        crowd.do(kind, "unknown_message", user_id="u", tree_id=tree, **fields)
        crowd.do(kind, "unknown_tree", user_id="u", tree_id="nowhere", **fields)
    for kind in ("tree_halted", "tree_unhalted", "scoring_retried", "lottery_drawn"):
        crowd.do(kind, "unknown_tree", user_id="u", tree_id="nowhere")


def test_a_message_of_another_tree_is_unknown_here(crowd):
    one, other = crowd.growing("a"), crowd.growing("b")
    fields = {"user_id": "u", "tree_id": one, "message_id": other}
    crowd.do("labels_submitted", "unknown_message", labels={"spam": 0.0}, task_id="t", **fields)


def test_texts(crowd):
    tree = crowd.growing()
    for text, rule in (
        (" ", "blank_text"),
        ("\n\t", "blank_text"),
        ("x" * 2001, "text_too_long"),
        ("x" * 100_000, "text_too_long"),
    ):
        crowd.prompt(refused=rule, text=text)
        crowd.reply(tree, refused=rule, text=text)
        crowd.about("message_edited", tree, refused=rule, text=text)
    crowd.prompt(text="x" * 2000)
    crowd.settings(message_max_characters=10)
    crowd.prompt(refused="text_too_long", text="x" * 11)


def test_html_is_a_text_like_any_other(crowd):
    text = "<script>alert(1)</script><b>&amp;"
    assert crowd.message(crowd.prompt(text=text)).text == text


def test_the_same_text_within_two_hours(crowd):
    crowd.prompt("a", text="same")
    crowd.prompt("a", "duplicate_text", text="same")
    crowd.prompt("a", text="same ")
    crowd.prompt("b", text="same")
    tree = crowd.growing("c")
    crowd.reply(tree, "a", "duplicate_text", text="same")
    crowd.do("prompt_submitted", user_id="a", tree_id="x", message_id="x", text="same", later=2 * 3600 * 1000)
    crowd.settings(duplicate_minutes=0)
    crowd.prompt("a", text="same")


def test_a_person_who_was_only_refused_is_not_known(crowd):
    tree = crowd.growing()
    crowd.reply(tree, "new", "wrong_role", role="prompter")
    crowd.accept(crowd.reply(tree, "x"))
    crowd.accept(crowd.reply(tree, "y"))
    crowd.reply(tree, "new", "tree_not_growing")
    assert "new" not in crowd.shelf._persons


def test_ids_that_are_taken(crowd):
    tree = crowd.growing()
    reply = crowd.reply(tree)
    crowd.prompt(refused="known_message", name=tree)
    crowd.prompt(refused="known_message", name=reply)
    crowd.reply(tree, refused="known_message", name=reply)
    crowd.reply(tree, refused="known_message", name=tree)


def test_roles_alternate(crowd):
    tree = crowd.growing()
    crowd.reply(tree, refused="wrong_role", role="prompter")
    reply = crowd.accept(crowd.reply(tree))
    crowd.reply(reply, refused="wrong_role", role="assistant")
    assert crowd.message(crowd.reply(reply)).role == "prompter"


def test_one_reply_a_person_and_message(crowd):
    tree = crowd.growing("asker")
    crowd.reply(tree, "u")
    crowd.reply(tree, "u", "second_reply")
    crowd.reply(tree, "asker")  # who asked may answer too


def test_self_labels_and_votes(crowd):
    tree = crowd.prompt("u")
    crowd.label(tree, "u", "own_message")
    crowd.label(tree, "u", "own_message", task=False, quality=1.0)
    for emoji, rule in (("+1", "own_message"), ("-1", "own_message"), ("clap", None), ("red_flag", None)):
        crowd.about("emoji_added", tree, "u", rule, emoji=emoji)


def test_labels(crowd):
    tree = crowd.prompt()
    crowd.label(tree, "u", "missing_label", quality=1.0)
    crowd.label(tree, "u")
    crowd.label(tree, "u", "second_label")
    crowd.about("message_deleted", tree)
    crowd.label(tree, "v", "message_deleted")
    crowd.label(tree, "v", task=False, quality=1.0)


def test_ballots(crowd):
    growing = crowd.growing("x")
    crowd.rank(growing, "a", "b", refused="not_ranking")
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, a, "elsewhere", refused="not_siblings")
    crowd.rank(tree, a, tree, refused="not_siblings")
    crowd.rank(tree, a, refused="too_few_ranked")
    crowd.rank(tree, a, b, user=crowd.message(a).user_id, refused="own_message")
    crowd.settings(num_required_rankings=2)
    crowd.rank(tree, a, b, user="u")
    crowd.rank(tree, b, a, user="u", refused="second_ballot")
    assert crowd.message(a).ranking_count == 1


def test_the_asker_may_rank_the_answers(crowd):
    tree, (a, b) = crowd.ranking()
    crowd.rank(tree, a, b, user="asker")


def test_emojis(crowd):
    tree = crowd.prompt()
    crowd.about("emoji_added", tree, "u", emoji="+1")
    crowd.about("emoji_added", tree, "u", "second_emoji", emoji="+1")
    crowd.about("emoji_removed", tree, "u", "nothing_to_remove", emoji="-1")
    crowd.about("emoji_removed", tree, "v", "nothing_to_remove", emoji="+1")
    crowd.about("report_submitted", tree, "u", text="bad")
    crowd.about("report_submitted", tree, "u", "second_emoji", text="bad again")
    assert crowd.message(tree).emojis == {"+1": ["u"], "red_flag": ["u"]}


def test_only_moderators_moderate_where_any_are_named():
    crowd = Acting(**SMALL, moderators=("moderator",))
    tree = crowd.growing()
    for kind, fields in {
        "message_edited": {"message_id": tree, "text": "t", "tree_id": tree},
        "message_deleted": {"message_id": tree, "tree_id": tree},
        "message_undeleted": {"message_id": tree, "tree_id": tree},
        "tree_halted": {"tree_id": tree},
        "tree_unhalted": {"tree_id": tree},
        "scoring_retried": {"tree_id": tree},
        "lottery_drawn": {"tree_id": tree},
        "tree_imported": {"tree_id": "i", "tree": imported("i")},
        "user_disabled": {"about_user": "x"},
        "user_enabled": {"about_user": "x"},
        "user_purged": {"about_user": "x"},
        "config_changed": {"settings": {"moderators": ["asker"]}},
    }.items():
        crowd.do(kind, "not_a_moderator", user_id="asker", **fields)
    for kind, fields in {
        "lottery_drawn": {"tree_id": tree},
        "user_purged": {"about_user": "x"},
        "config_changed": {"settings": {"seed": 1}},
    }.items():  # those that nobody need have sent
        crowd.do(kind, "not_a_moderator", **fields)
    crowd.do("tree_imported", tree_id="i", tree=imported("i"))  # what nobody sent is what the spec imports
    crowd.moderate("tree_halted", tree)


def test_settings_that_cannot_be(crowd):
    for settings in (
        {"goal_tree_size": 0}, {"goal_tree_size": "many"}, {"unknown": 1}, {"acceptance_threshold_reply": 1.5},
        {"rank": "best"}, {"seed": -1}, {"moderators": "me"}, {"max_active_trees": None}, {"recheck": 3},
    ):  # fmt: skip
        crowd.do("config_changed", "bad_settings", user_id="m", settings=settings)


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("bad_tree", []),
        ("bad_tree", [{"text": "no id", "role": "prompter"}]),
        ("no_root", [{"message_id": "i", "parent_id": "lost", "role": "assistant", "text": "x"}]),
        ("no_root", [{"message_id": "other", "role": "prompter", "text": "x"}]),
        ("two_roots", [{"message_id": "i", "role": "prompter", "text": "x"},
                       {"message_id": "j", "role": "prompter", "text": "x"}]),
        (
            "cycle",
            [
                {"message_id": "i", "role": "prompter", "text": "x"},
                {"message_id": "a", "parent_id": "b", "role": "assistant", "text": "x"},
                {"message_id": "b", "parent_id": "a", "role": "prompter", "text": "x"},
            ],
        ),
        ("unknown_parent", [{"message_id": "i", "role": "prompter", "text": "x"},
                            {"message_id": "a", "parent_id": "missing", "role": "assistant", "text": "x"}]),
        ("cycle", [{"message_id": "i", "role": "prompter", "text": "x"},
                   {"message_id": "a", "parent_id": "a", "role": "assistant", "text": "x"}]),
        ("mixed_roles", [{"message_id": "i", "role": "assistant", "text": "x"}]),
        ("mixed_roles", [{"message_id": "i", "role": "prompter", "text": "x"},
                         {"message_id": "a", "parent_id": "i", "role": "prompter", "text": "x"}]),
        ("rank_gap", [{"message_id": "i", "role": "prompter", "text": "x"},
                      {"message_id": "a", "parent_id": "i", "role": "assistant", "text": "x", "rank": 0},
                      {"message_id": "b", "parent_id": "i", "role": "assistant", "text": "x", "rank": 2}]),
        ("rank_gap", [{"message_id": "i", "role": "prompter", "text": "x"},
                      {"message_id": "a", "parent_id": "i", "role": "assistant", "text": "x", "rank": 1},
                      {"message_id": "b", "parent_id": "i", "role": "assistant", "text": "x", "rank": 1}]),
        ("blank_text", [{"message_id": "i", "role": "prompter", "text": " "}]),
        ("label_out_of_range", [{"message_id": "i", "role": "prompter", "text": "x",
                                 "labels": {"spam": {"value": 2.0, "count": 1}}}]),
        ("known_message", [{"message_id": "i", "role": "prompter", "text": "x"}] * 2),
    ],
)  # fmt: skip
def test_imports(crowd, rule, rows):
    crowd.do("tree_imported", rule, tree_id="i", tree={"messages": rows})
    crowd.do("tree_imported", tree_id="i", tree=imported("i", ("a", "i")))
    crowd.do("tree_imported", "known_message", tree_id="i", tree=imported("i"))
    crowd.do("tree_imported", "known_message", tree_id="k", tree=imported("k", ("a", "k")))


def test_ballots_on_replies_that_are_not_put_in_order(crowd):
    crowd.settings(num_reviews_reply=3)
    tree = crowd.growing()
    a, b, c, d = _replies(crowd, tree)
    assert crowd.state_of(tree) == "ranking"
    for _ in range(3):
        crowd.rank(tree, c, d, refused="nothing_to_rank")
        crowd.rank(tree, a, c, refused="nothing_to_rank")
    crowd.rank(tree, b, a)
    assert crowd.state_of(tree) == "ready_for_export"
    assert [crowd.message(one).rank for one in (a, b, c, d)] == [1, 0, None, None]


def _replies(crowd, tree):
    """Two accepted and two rejected ones."""
    bad = [crowd.reject(crowd.reply(tree)) for _ in range(2)]
    good = [crowd.accept(crowd.reply(tree)) for _ in range(2)]
    return *good, *bad


def test_a_ballot_that_also_holds_a_reply_deleted_meanwhile_counts():
    crowd = Acting(**{**SMALL, "goal_tree_size": 4})
    tree, (a, b, c) = crowd.ranking(3)
    crowd.about("message_deleted", c)
    crowd.rank(tree, c, b, refused="nothing_to_rank")
    crowd.rank(tree, c, b, a)
    assert crowd.state_of(tree) == "ready_for_export"


@pytest.mark.parametrize(
    "name",
    ["goal_tree_size", "min_goal_tree_size", "num_reviews_initial_prompt", "num_reviews_reply", "num_required_rankings",
     "message_max_characters"],
)  # fmt: skip
def test_settings_that_no_table_holds(crowd, name):
    for value in (10**30, 1_000_001, 0):
        crowd.do("config_changed", "bad_settings", user_id="moderator", settings={name: value})
    crowd.settings(**{name: 1_000_000})


def test_who_is_disabled_moderates_nothing_either(crowd):
    tree = crowd.growing()
    crowd.do("user_disabled", user_id="moderator", about_user="bad")
    crowd.moderate("tree_halted", tree, "user_disabled", user_id="bad")
    crowd.do("user_enabled", "user_disabled", user_id="bad", about_user="bad")
    crowd.do("user_enabled", user_id="moderator", about_user="bad")
    crowd.moderate("tree_halted", tree, user_id="bad")
