"""What must hold whatever events come: properties of the fold, on logs that a synthetic crowd wrote and on any events
at all.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ot_assets.conversations import submissions
from ot_assets.conversations.events import Event, Refused, parse
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.kinds import BY_MODERATORS, KINDS
from ot_assets.conversations.shelf import Shelf
from ot_assets.conversations.state import FINAL, Message, Tree
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations.acting import Acting, imported
from tests.conversations.synthetic import MODERATOR, Crowd
from tests.conversations.whole import broken, whole

QUICK = {"goal_tree_size": 4, "num_reviews_initial_prompt": 2, "num_reviews_reply": 2, "num_required_rankings": 2}

switches = st.fixed_dictionaries(
    {
        "moderators": st.just((MODERATOR,)),
        "max_active_trees": st.integers(1, 6),
        "goal_tree_size": st.integers(1, 7),
        "random_goal_tree_size": st.booleans(),
        "max_tree_depth": st.integers(2, 4),
        "max_children_count": st.sampled_from([1, 3, 3, 2]),
        "num_prompter_replies": st.integers(1, 2),
        "num_reviews_initial_prompt": st.integers(1, 3),
        "num_reviews_reply": st.integers(1, 3),
        "num_required_rankings": st.integers(1, 3),
        "rank_prompter_replies": st.booleans(),
        "auto_mod_red_flags": st.integers(0, 3),
        "auto_mod_max_skip_reply": st.integers(0, 3),
        "rank": st.sampled_from(["ranked_pairs", "borda"]),
        "lottery_weights": st.sampled_from(["ranked_first", "uniform"]),
        "late_replies": st.sampled_from(["refuse", "keep"]),
        "late_ballots": st.sampled_from(["merge", "keep", "refuse"]),
        "reopen_rejected": st.booleans(),
        "seed": st.integers(0, 3),
    }
)


def crowd_of(seed: int, given: dict[str, Any], *, bad: float = 0.0, persons: int = 14) -> Crowd:
    return Crowd(persons, seed=seed, settings=CrowdSettings(**given), waiting=6, moderated=0.05, said=0.15, bad=bad)


@given(st.integers(0, 10_000), switches, st.sampled_from([0.0, 0.3]))
@settings(max_examples=25, deadline=None)
def test_any_log_that_keeps_the_order_leaves_every_tree_whole(seed, given, bad):
    """Exactly one state, counts that are a recount's, no circles, roles alternate, deleted subtrees, ways between states ..."""
    crowd = crowd_of(seed, given, bad=bad)
    events = crowd.events(250)
    again, seen = Fold(crowd.language, Shelf(CrowdSettings(**given))), set()
    for event in events:
        before, rule = _caps(again, event), crowd.bad.get(event.event_id)
        refused = again.apply(event)
        first = rule == "repeated" and event.event_id not in seen
        assert (refused.rule if refused else None) == (None if first else rule), refused
        seen.add(event.event_id)
        if before is not None and refused is None:
            assert before > 0, f"a reply came where there was no room: {event}"
    kinds = {event.event_id: event.kind for event in events}
    assert broken(again.shelf, kinds) == []
    assert whole(again.shelf) == whole(crowd.shelf)
    assert max((message.depth for tree in again.shelf.trees() for message in tree.messages.values()), default=0) <= (
        given["max_tree_depth"] if given["late_replies"] == "refuse" else 99
    )


def _caps(fold: Fold, event: Event) -> int | None:
    """How much room there is for a reply."""
    if event.kind != "reply_submitted" or fold.settings.late_replies == "keep":
        return None
    tree = fold.shelf.tree(event.tree_id or "")
    parent = tree.messages.get(event.parent_id or "") if tree else None
    return None if tree is None or parent is None else submissions.room(fold, tree, parent)


@given(st.integers(0, 10_000), switches, st.lists(st.integers(0, 250), max_size=3))
@settings(max_examples=15, deadline=None)
def test_the_fold_of_a_beginning_and_then_the_rest_is_the_fold_of_all(seed, given, cuts):
    crowd = crowd_of(seed, given, bad=0.1)
    events = crowd.events(250)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shelf.sqlite"
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(events)], strict=True):
            shelf = Shelf(CrowdSettings(**given), file)
            fold = Fold(crowd.language, shelf)
            for event in events[start:end]:
                fold.apply(event)
            shelf.mark = {"events": end}
            shelf.save()
            shelf.close()
        saved = Shelf(CrowdSettings(), file)
        assert whole(saved) == whole(crowd.shelf) and saved.mark == {"events": len(events)}
        assert broken(saved) == []
        saved.close()


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_nothing_of_default_trees_exceeds_its_caps(seed):
    """A reply that was rejected and is accepted by a late review, or brought back, is the one way beyond max_children_count."""
    crowd = Crowd(30, seed=seed, settings=CrowdSettings(**QUICK, moderators=(MODERATOR,)), waiting=5, moderated=0.0)
    crowd.events(400)
    for tree in crowd.trees():
        for message in tree.messages.values():
            most = tree.max_children if message.role == "prompter" else 1
            assert submissions.counted(crowd.fold, tree, message) <= most and message.depth <= tree.max_depth
            users = [child.user_id for child in tree.children(message)]
            assert len(set(users)) == len(users)


def test_all_bad_events_of_a_crowd_are_refused_with_their_rule_and_the_rest_goes_on():
    crowd = Crowd(30, seed=5, settings=CrowdSettings(**QUICK, moderators=(MODERATOR,)), bad=0.4)
    lines = crowd.lines(3000)
    fold, said, counted = Fold(crowd.language, Shelf(CrowdSettings(**QUICK, moderators=(MODERATOR,)))), {}, 0
    for line in lines:
        try:
            refused = fold.apply(parse(line))
        except Refused as raised:
            refused = raised
        if refused is None:
            counted += 1
        else:
            said[line["event_id"]] = refused.rule
    assert said == crowd.bad and len(set(said.values())) >= 18
    assert counted > 1500 and whole(fold.shelf) == whole(crowd.shelf)


def test_a_log_without_its_bad_events_makes_the_same_trees():
    crowd = Crowd(30, seed=6, bad=0.3)
    events = crowd.events(1500)
    fold = Fold(crowd.language, Shelf(CrowdSettings(moderators=(MODERATOR,))))
    for event in events:
        if event.event_id not in crowd.bad or crowd.bad[event.event_id] == "repeated":
            fold.apply(event)
    assert whole(fold.shelf) == whole(crowd.shelf)


def test_a_crowd_is_the_same_every_time():
    one, two, other = (Crowd(20, seed=seed, bad=0.1).lines(400) for seed in (1, 1, 2))
    assert one == two != other


def test_a_crowd_brings_trees_to_most_states_and_does_most_things():
    crowd = Crowd(60, seed=1, settings=CrowdSettings(**QUICK, moderators=(MODERATOR,)), moderated=0.05)
    kinds = Counter(event.kind for event in crowd.events(6000))
    assert len(kinds) >= 13 and kinds["labels_submitted"] > kinds["reply_submitted"] > kinds["prompt_submitted"] > 0
    assert sum(count > 0 for count in crowd.fold.language.states.values()) >= 6
    assert crowd.fold.language.states["ready_for_export"] > 100


class AnyEvents(RuleBasedStateMachine):
    """A crowd works, and between its events any persons do anything to anything: whatever counts, all holds, and what
    is refused changes nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.users = [f"person{n}" for n in range(9)]
        self.kinds: dict[str, str] = {}

    @initialize(
        given=switches,
        recheck=st.sampled_from(["always", "original"]),
        draws=st.sampled_from(["seed", "seed", "logged"]),
    )
    def begin(self, given: dict[str, Any], recheck: str, draws: str) -> None:
        self.acting = Acting(merging=self.merge, **{**given, "moderators": (), "recheck": recheck, "draws": draws})
        self.failing = False
        self.crowd = Crowd(9, waiting=3, moderated=0.0, said=0.0)
        self.crowd.fold, self.crowd.shelf = self.acting.fold, self.acting.shelf

    def merge(self, method: str, ballots: Any) -> Any:
        if self.failing:
            raise ValueError("it fails")
        from ot_assets.conversations.merging import merge

        return merge(method, ballots)

    def any_message(self, data: Any) -> tuple[Tree | None, Message | None]:
        trees = list(self.acting.shelf.trees())
        if not trees:
            return None, None
        tree = data.draw(st.sampled_from(trees), "tree")
        return tree, data.draw(st.sampled_from(list(tree.messages.values())), "message")

    def send(self, kind: str, **fields: Any) -> None:
        acting = self.acting
        acting.number += 1
        self.apply(Event(f"e{acting.number}", kind, acting.at, "en", **fields))

    def apply(self, event: Event) -> None:
        self.acting.at += 1000
        event, before = event._replace(at=self.acting.at), self.acting.state()
        if self.acting.fold.apply(event) is None:
            self.kinds[event.event_id] = event.kind
        else:
            assert self.acting.state() == before

    @rule(seed=st.integers(0, 1000), count=st.integers(1, 25))
    def work(self, seed: int, count: int) -> None:
        self.crowd.random.seed(seed)
        for _ in range(count):
            self.crowd.at = self.acting.at
            if (event := self.crowd._next()) is not None:
                self.apply(event)

    @rule(data=st.data())
    def prompt(self, data: Any) -> None:
        name = f"m{self.acting.number}"
        user = data.draw(st.sampled_from(self.users))
        self.send(
            "prompt_submitted",
            user_id=user,
            tree_id=name,
            message_id=name,
            text=data.draw(st.sampled_from(["a", name, name])),
        )

    @rule(
        data=st.data(),
        times=st.integers(1, 5),
        spam=st.sampled_from([0.0, 0.0, 0.0, 0.0, 1.0]),
        task=st.sampled_from(["t", "t", None]),
    )
    def labels(self, data: Any, times: int, spam: float, task: str | None) -> None:
        tree, message = self.any_message(data)
        if tree and message:
            for user in data.draw(st.permutations(self.users))[:times]:
                labels, ids = {"spam": spam}, {"tree_id": tree.tree_id, "message_id": message.message_id}
                self.send("labels_submitted", user_id=user, labels=labels, task_id=task, **ids)

    @rule(data=st.data(), right=st.sampled_from([True, True, True, False]))
    def reply(self, data: Any, right: bool) -> None:
        tree, parent = self.any_message(data)
        if tree and parent:
            name, user = f"m{self.acting.number}", data.draw(st.sampled_from(self.users))
            role = submissions.OTHER[parent.role] if right else parent.role
            ids = {"tree_id": tree.tree_id, "parent_id": parent.message_id, "message_id": name}
            self.send("reply_submitted", user_id=user, role=role, text=name, **ids)

    @rule(data=st.data(), times=st.integers(1, 4))
    def ballots(self, data: Any, times: int) -> None:
        tree, parent = self.any_message(data)
        if tree and parent and parent.children:
            for user in data.draw(st.permutations(self.users))[:times]:
                ranking = tuple(data.draw(st.permutations(parent.children)))[: data.draw(st.integers(1, 4))]
                ids = {"tree_id": tree.tree_id, "parent_id": parent.message_id}
                self.send("ranking_submitted", user_id=user, ranking=ranking, shown=tuple(sorted(ranking)), **ids)

    @rule(data=st.data(), kind=st.sampled_from(["emoji_added", "emoji_removed", "report_submitted", "task_skipped"]))
    def say(self, data: Any, kind: str) -> None:
        tree, message = self.any_message(data)
        if tree and message:
            emoji = (
                data.draw(st.sampled_from(["+1", "-1", "red_flag", "red_flag"])) if kind.startswith("emoji") else None
            )
            task = data.draw(st.sampled_from(["reply_as_assistant", "label_reply"])) if kind == "task_skipped" else None
            ids = {"tree_id": tree.tree_id, "message_id": message.message_id}
            self.send(kind, user_id=data.draw(st.sampled_from(self.users)), emoji=emoji, task=task, **ids)

    @rule(data=st.data(), kind=st.sampled_from(sorted(BY_MODERATORS - {"tree_imported", "config_changed"})))
    def moderate(self, data: Any, kind: str) -> None:
        tree, message = self.any_message(data)
        if tree and message:
            if tree.state in FINAL and kind.startswith(("tree", "user")):
                kind = "scoring_retried" if tree.state == "scoring_failed" else "tree_unhalted"
            fields = {"tree_id": tree.tree_id, "message_id": message.message_id, "text": "edited",
                      "about_user": data.draw(st.sampled_from(self.users[-2:])), "user_id": MODERATOR}  # fmt: skip
            self.send(kind, **{name: value for name, value in fields.items() if name in KINDS[kind].fields})

    @rule(data=st.data(), state=st.sampled_from(["backlog_ranking", "growing", "ranking", "ready_for_export", None]))
    def bring(self, data: Any, state: str | None) -> None:
        name = f"i{self.acting.number}"
        replies = [(f"{name}a", name), (f"{name}b", name), (f"{name}c", f"{name}a")][: data.draw(st.integers(0, 3))]
        self.send("tree_imported", tree_id=name, user_id=MODERATOR, tree=imported(name, *replies, tree_state=state))

    @rule(more=switches, names=st.sets(st.sampled_from(["max_active_trees", "num_reviews_reply", "num_required_rankings",
                                                        "auto_mod_red_flags", "lottery_weights", "late_ballots"])))  # fmt: skip
    def set(self, more: dict[str, Any], names: set[str]) -> None:
        self.send("config_changed", user_id=MODERATOR, settings={name: more[name] for name in sorted(names)})

    @rule()
    def fail_or_not(self) -> None:
        self.failing = not self.failing

    @invariant()
    def all_holds(self) -> None:
        if hasattr(self, "acting"):
            assert broken(self.acting.shelf, self.kinds) == []


TestAnyEvents = AnyEvents.TestCase
TestAnyEvents.settings = settings(max_examples=8, stateful_step_count=40, deadline=None)


@pytest.mark.slow
class TestAnyEventsAtLength(AnyEvents.TestCase):
    settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
