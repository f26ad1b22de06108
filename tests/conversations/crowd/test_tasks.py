"""Who is asked to do what: against rules written down a second time, here, from the protocol alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.crowd.answers import Said
from ot_assets.conversations.crowd.offers import Offers
from ot_assets.conversations.crowd.tasks import NothingToDo, Open, Task
from ot_assets.conversations.events import Refused
from ot_assets.conversations.labels import OFFERED
from ot_assets.conversations.shelf import Shelf
from ot_assets.conversations.state import Message, Tree
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations.crowd.working import SMALL, Office

PEOPLE = ("ann", "ben", "cat", "dan", "eva", "fay")
REPLYING = ("reply_as_assistant", "reply_as_prompter", "label_reply")


def legal(office: Office, user: str) -> Iterator[tuple[str, str | None]]:
    """Everything that a person may be asked for now, found by looking at every tree."""
    with office.desk.look() as live:
        rules, trees = live.fold.settings, list(Shelf.trees(live.shelf))
        states = live.fold.language.states
    others = [task for one in PEOPLE for task in office.desk.open_tasks(one)]
    fresh = [task for task in others if office.clock() - task.made < rules.pending_tasks_seconds * 1000]
    mine = {(task.kind, task.message_id) for task in others if task.user_id == user}
    busy = Counter((task.kind, task.message_id) for task in fresh)
    room = states["initial_prompt_review"] < rules.max_initial_prompt_review
    room = room and states["prompt_lottery_waiting"] < rules.max_prompt_lottery_waiting
    if room:  # whoever has one to write is given that again
        yield "prompt", None
    for tree in trees:
        writing = sum(task.tree_id == tree.tree_id for task in fresh if task.kind.startswith("reply"))
        for message in tree.messages.values():
            for kind in kinds_for(tree, message, rules, user, writing, busy):
                if (kind, message.message_id) not in mine:
                    yield kind, message.message_id


def kinds_for(
    tree: Tree, message: Message, rules: CrowdSettings, user: str, writing: int, busy: Counter[tuple[str, str | None]]
) -> Iterator[str]:
    label = "label_reply" if message.depth else "label_prompt"
    needed = rules.num_reviews_reply if message.depth else rules.num_reviews_initial_prompt
    children = [tree.messages[name] for name in message.children]

    def reviewed(one: Message) -> bool:
        return one.review_count >= (rules.num_reviews_reply if one.depth else rules.num_reviews_initial_prompt)

    def counts(one: Message) -> bool:
        return not one.deleted and (one.review_result is True or not reviewed(one))

    def skipped(how: str) -> bool:
        return user in message.emojis.get(how, [])

    place = "growing" if message.depth else "initial_prompt_review"
    if tree.state == place and message.review_result is not True and counts(message) and not skipped("_skip_labeling"):
        missing = needed - message.review_count - busy[label, message.message_id]
        if message.user_id != user and missing > 0 and all(one.user_id != user for one in message.labelled if one.task):
            yield label
    wanted = tree.goal - sum(counts(one) if one.depth else one.accepted for one in tree.messages.values())
    if tree.state == "growing" and message.accepted and message.depth < tree.max_depth and wanted > writing:
        kind = "reply_as_prompter" if message.role == "assistant" else "reply_as_assistant"
        most = min(tree.max_children, rules.num_prompter_replies) if message.role == "assistant" else tree.max_children
        counted = sum(map(counts, children))
        lost = bool(children) and not counted and not rules.reopen_rejected
        free = not busy[kind, message.message_id] and not skipped("_skip_reply")
        if counted < most and free and not lost and all(one.user_id != user for one in children):
            yield kind
    ranked = [one for one in children if one.accepted and (one.role == "assistant" or rules.rank_prompter_replies)]
    if tree.state == "ranking" and len(ranked) > 1 and not message.deleted and not skipped("_skip_ranking"):
        ballots = [ballot for ballot in tree.ballots if ballot.parent_id == message.message_id]
        missing = rules.num_required_rankings - len(ballots) - busy["rank_replies", message.message_id]
        if missing > 0 and user not in {one.user_id for one in children} | {one.user_id for one in ballots}:
            yield "rank_replies"


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 250),
    st.sampled_from([0.05, 0.5]),
    st.booleans(),
)
def test_what_is_handed_out_is_legal_and_all_that_is_legal_is_there(seed: int, turns: int, spam: float, reopen: bool):
    rules = SMALL.changed(
        {
            "reopen_rejected": reopen,
            "rank_prompter_replies": seed % 2 == 0,
            "num_required_rankings": 2,
            "seed": seed % 9,
        }
    )
    office = Office(rules, seed=seed)
    chance = random.Random(seed)
    opened: list[Task] = []
    late = False
    for user in chance.choices(PEOPLE, k=turns):
        office.clock.at += chance.choice([1_000, 30_000, 400_000])
        allowed = Counter(legal(office, user))
        there = office.desk.there_is(user)
        assert Counter({kind: count for kind, count in there.items() if count}) == Counter(kind for kind, _ in allowed)
        try:
            task = office.desk.hand(user)
        except NothingToDo as nothing:
            assert nothing.reason == "too_many" or not allowed
            continue
        assert (task.kind, task.message_id) in allowed
        assert task.kind != "prompt" or sum(one.kind == "prompt" for one in office.desk.open_tasks(user)) == 1
        if task not in opened:
            opened.append(task)
        if chance.random() < 0.8:
            task = opened.pop(chance.randrange(len(opened)))
            late = late or office.clock() - task.made >= rules.pending_tasks_seconds * 1000
            try:
                if chance.random() < 0.1:
                    office.desk.skip(task.user_id, task.task_id)
                else:
                    office.desk.answer(task.user_id, task.task_id, office.said(task, spam))
            except Refused as refused:
                # Only what nobody could foresee: somebody answered a task that had been open for so long that it was handed on.
                assert refused.rule in ("parent_full", "tree_not_growing", "parent_not_accepted", "message_deleted")
                assert late
    with office.desk.look() as live:
        anew = Offers()
        for tree in Shelf.trees(live.shelf):
            anew.put(live.fold, tree)
        assert {kind: trees for kind, trees in live.offers.by_task.items() if trees} == anew.by_task


def test_five_people_finish_trees():
    office = Office()
    done = office.work(400)
    with office.desk.look() as live:
        assert live.fold.language.states["ready_for_export"] >= 10
    assert {task.kind for task in done} == {
        "prompt", "label_prompt", "reply_as_assistant", "reply_as_prompter", "label_reply", "rank_replies",
    }  # fmt: skip


def test_kinds_are_drawn_by_their_weights():
    """Where there is some of everything: 10 : 5 : 5 : 2 and hardly ever a prompt."""
    office = Office(
        SMALL.changed({"max_active_trees": 20, "max_initial_prompt_review": 100, "max_prompt_lottery_waiting": 100})
    )
    for kinds, times in ((("prompt",), 40), (("label_prompt",), 60), (REPLYING, 260)):
        for number in range(times):
            office.works(f"p{number % 45}", *kinds)
    drawn: Counter[str] = Counter()
    for number in range(600):
        user = f"r{number}"
        there = office.desk.there_is(user)
        assert all(there[kind] for kind in ("rank_replies", "label_reply", "label_prompt", "prompt"))
        assert there["reply_as_assistant"] + there["reply_as_prompter"]
        task = office.desk.hand(user)
        drawn[task.kind.partition("_as_")[0]] += 1
        office.desk._open.tasks.clear()  # nobody works on anything: every draw is from the same offers
    assert drawn["rank_replies"] / 600 == pytest.approx(10 / 22, abs=0.07)
    assert drawn["label_reply"] / 600 == pytest.approx(5 / 22, abs=0.06)
    assert drawn["label_prompt"] / 600 == pytest.approx(5 / 22, abs=0.06)
    assert drawn["reply"] / 600 == pytest.approx(2 / 22, abs=0.05)
    assert drawn["prompt"] <= 5


def grown(office: Office) -> Tree:
    """A tree that has just begun to grow."""
    for user, kind in (("ann", "prompt"), ("ben", "label_prompt"), ("cat", "label_prompt")):
        task = office.desk.hand(user, [kind])
        labels = {"spam": 0.0} if kind != "prompt" else {}
        office.desk.answer(user, task.task_id, Said(text="a question", labels=labels))
    with office.desk.look() as live:
        (tree,) = Shelf.trees(live.shelf)
    assert tree.state == "growing"
    return tree


def accepts(office: Office, writer: str, spam: float = 0.0) -> Message:
    """Somebody replies to a prompter, and two others judge it."""
    task = office.desk.hand(writer, ["reply_as_assistant"])
    office.desk.answer(writer, task.task_id, Said(text=f"an answer of {writer}"))
    with office.desk.look() as live:
        done = live.answered[task.task_id]
        tree = live.tree(task.tree_id or "")
        assert tree is not None
        (reply,) = [one for one in tree.messages.values() if one.event_id == done.event_id]
    for user in [one for one in ("fay", "gus", "hal") if one != writer][:2]:
        label = office.desk.hand(user, ["label_reply"])
        assert label.message_id == reply.message_id
        office.desk.answer(user, label.task_id, Said(labels={"spam": spam}))
    return reply


def test_one_person_at_a_time_replies_to_a_message_for_five_minutes():
    office = Office()
    grown(office)
    office.desk.hand("dan", ["reply_as_assistant"])
    with pytest.raises(NothingToDo, match="nothing"):
        office.desk.hand("eva", ["reply_as_assistant"])
    office.clock.at += office.settings.pending_tasks_seconds * 1000
    office.desk.hand("eva", ["reply_as_assistant"])
    with pytest.raises(NothingToDo):  # it is still dan's to finish, so it is not handed to dan again
        office.desk.hand("dan", ["reply_as_assistant"])


def test_no_more_people_label_than_labels_are_missing():
    office = Office()
    office.works("ann", "prompt")
    office.desk.hand("ben", ["label_prompt"])
    office.desk.hand("cat", ["label_prompt"])
    assert office.desk.there_is("dan")["label_prompt"] == 0
    office.clock.at += office.settings.pending_tasks_seconds * 1000
    assert office.desk.there_is("dan")["label_prompt"] == 1


def test_the_lonely_are_preferred():
    office = Office(SMALL.changed({"max_children_count": 3, "goal_tree_size": 12}))
    grown(office)
    first = accepts(office, "dan")
    drawn: Counter[str] = Counter()
    for number in range(200):
        task = office.desk.hand(f"u{number}", ["reply_as_assistant", "reply_as_prompter"])
        drawn["root" if task.message_id != first.message_id else "reply"] += 1
        office.desk._open.tasks.clear()
    assert drawn["root"] / 200 == pytest.approx(0.75 + 0.25 / 2, abs=0.08)  # lonely at 0.75, else one of two


@pytest.mark.parametrize("reopen", [True, False])
def test_where_all_replies_were_rejected_others_are_asked_for_or_not(reopen: bool):
    office = Office(SMALL.changed({"reopen_rejected": reopen}))
    grown(office)
    assert accepts(office, "dan", spam=1.0).review_result is False
    assert office.desk.there_is("eva")["reply_as_assistant"] == int(reopen)
    assert office.desk.there_is("dan")["reply_as_assistant"] == 0  # one reply a person, whatever became of it


def test_who_wrote_one_of_the_replies_does_not_rank_them():
    office = Office(SMALL.changed({"goal_tree_size": 3}))
    grown(office)
    accepts(office, "dan")
    accepts(office, "eva")
    for user in ("dan", "eva"):
        assert office.desk.there_is(user)["rank_replies"] == 0
    task = office.desk.hand("ann", ["rank_replies"])
    assert len(task.shown) == 2


def test_ballots_are_shuffled():
    office = Office(SMALL.changed({"goal_tree_size": 4, "max_children_count": 3}))
    grown(office)
    for writer in ("dan", "eva", "fay"):
        accepts(office, writer)
    orders = set()
    for number in range(60):
        orders.add(office.desk.hand(f"u{number}", ["rank_replies"]).shown)
        office.desk._open.tasks.clear()
    assert len(orders) == 6


def test_a_skipped_thing_is_not_asked_of_the_same_person_again():
    office = Office()
    grown(office)
    task = office.desk.hand("dan", ["reply_as_assistant"])
    office.desk.skip("dan", task.task_id, "not my field")
    assert office.desk.there_is("dan")["reply_as_assistant"] == 0
    assert office.desk.there_is("eva")["reply_as_assistant"] == 1


def test_nobody_is_given_more_tasks_than_they_may_have_open():
    office = Office(SMALL.changed({"max_pending_tasks_per_user": 2, "max_initial_prompt_review": 50}))
    for number in range(5):
        office.works(f"w{number}", "prompt")
    office.desk.hand("ann", ["label_prompt"])
    office.desk.hand("ann", ["label_prompt"])
    with pytest.raises(NothingToDo, match="too_many"):
        office.desk.hand("ann")
    office.clock.at += office.settings.pending_tasks_seconds * 1000
    office.desk.hand("ann")


def test_prompts_are_asked_for_until_there_are_enough():
    office = Office(SMALL.changed({"max_active_trees": 1}))
    for number in range(3):
        office.works(f"w{number}", "prompt")
    with pytest.raises(NothingToDo):
        office.desk.hand("ann", ["prompt"])


def test_a_short_labelling_task_asks_for_little():
    for share, asked in ((1.0, OFFERED["prompter"]), (0.0, ("spam", "lang_mismatch"))):
        office = Office(SMALL.changed({"p_full_labeling_initial_prompt": share}))
        office.works("ann", "prompt")
        assert office.desk.hand("ben").labels == asked


def test_who_is_disabled_is_asked_for_nothing():
    office = Office(SMALL.changed({"moderators": ["mod"]}))
    office.desk.moderate("mod", "user_disabled", {"about_user": "ann"})
    with pytest.raises(NothingToDo, match="shut_out"):
        office.desk.hand("ann")


def test_expired_tasks_are_forgotten():
    task = Task("a", "prompt", "ann", 0, 10)
    opened = Open({"a": task, "b": Task("b", "prompt", "ann", 0, 11)})
    assert opened.forget(10) == ["a"]
    assert [one.task_id for one in opened.of("ann")] == ["b"]
    assert Task.of_json(task.to_json()) == task
