"""Who is asked to do what: the choice of a task for a person.

Belongs here: `Task`, `choose` and the rules of handing out. A kind of task is drawn by Open-Assistant's weights among those
of which there is something for the person; then one offer of that kind, all alike, but for replies with
`p_lonely_child_extension` one of the messages that have few. Nobody is asked for what they wrote, did, skipped or have open;
nor is anybody while as many persons work on it as answers are missing (a task counts as worked on for
`pending_tasks_seconds`; one person at a time replies to a message, and no more to a tree than it asks for); nor who has
`max_pending_tasks_per_user` fresh tasks open. Prompts are asked for while fewer than `max_initial_prompt_review` are under
review and fewer than `max_prompt_lottery_waiting` wait. Pure: chance is handed in. Fails with `NothingToDo`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ot_assets.conversations import machine
from ot_assets.conversations.crowd.offers import Offer, Offers
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.kinds import TASKS
from ot_assets.conversations.labels import OFFERED
from ot_assets.conversations.points import SIMPLE
from ot_assets.conversations.purging import hashed

REPLIES = ("reply_as_assistant", "reply_as_prompter")
WEIGHTS: Mapping[tuple[str, ...], float] = {
    ("rank_replies",): 10, ("label_reply",): 5, ("label_prompt",): 5, REPLIES: 2, ("prompt",): 0.01,
}  # fmt: skip
"""Kinds of tasks and how often each is drawn (Open-Assistant, `tree_manager.py`)."""


class NothingToDo(Exception):
    """There is no task for the person. `reason`: shut_out, too_many, nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Task:
    """Something that one person was asked to do."""

    task_id: str
    kind: str
    """One of `kinds.TASKS`."""
    user_id: str
    made: int
    """Milliseconds since 1970, UTC."""
    expires: int
    tree_id: str | None = None
    message_id: str | None = None
    """What is labelled; what is replied to; whose replies are ranked. None for a prompt."""
    labels: tuple[str, ...] = ()
    """Labels that are asked for."""
    shown: tuple[str, ...] = ()
    """Replies to rank, in the order in which they are shown."""

    def to_json(self) -> dict[str, Any]:
        """The task as JSON holds it."""
        return asdict(self)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Task:
        """The task that `to_json` wrote."""
        return cls(**{**said, "labels": tuple(said["labels"]), "shown": tuple(said["shown"])})


@dataclass
class Open:
    """All tasks that are handed out and not answered."""

    tasks: dict[str, Task] = field(default_factory=dict)

    def of(self, user_id: str) -> list[Task]:
        """A person's, the oldest first."""
        return sorted((one for one in self.tasks.values() if one.user_id == user_id), key=lambda one: one.made)

    def forget(self, now: int) -> list[str]:
        """Drops what has expired; returns the ids."""
        gone = [name for name, task in self.tasks.items() if task.expires <= now]
        for name in gone:
            del self.tasks[name]
        return gone


@dataclass(frozen=True)
class Asking:
    """What must be known of a person, and of what others do now, to ask them for something."""

    user_id: str
    held: Collection[tuple[str, str]]
    """(task, message) that they have open."""
    working: Mapping[tuple[str, str], int]
    """(task, message) -> persons who work on it now."""
    replying: Mapping[str, int]
    """Tree -> replies that are being written now."""

    @classmethod
    def of(cls, user_id: str, opened: Open, now: int, pending: int) -> Asking:
        """`pending`: for how many milliseconds an open task counts as worked on."""
        held: set[tuple[str, str]] = set()
        working: dict[tuple[str, str], int] = {}
        replying: dict[str, int] = {}
        for task in opened.tasks.values():
            if task.message_id is None or task.tree_id is None:
                continue
            target = task.kind, task.message_id
            if task.user_id == user_id:
                held.add(target)
            if now - task.made < pending:
                working[target] = working.get(target, 0) + 1
                if task.kind in REPLIES:
                    replying[task.tree_id] = replying.get(task.tree_id, 0) + 1
        return cls(user_id, held, working, replying)

    def may(self, offer: Offer) -> bool:
        """Whether the person can be asked for it now."""
        target = offer.task, offer.message_id
        if self.user_id in offer.barred or target in self.held:
            return False
        working = self.working.get(target, 0)
        if offer.task in REPLIES:
            return not working and self.replying.get(offer.tree_id, 0) < offer.slack
        return working < offer.wanted


def wants_prompts(fold: Fold) -> bool:
    """Whether prompts are asked for."""
    states, settings = fold.language.states, fold.settings
    return (
        states["initial_prompt_review"] < settings.max_initial_prompt_review
        and states["prompt_lottery_waiting"] < settings.max_prompt_lottery_waiting
    )


def there_is(fold: Fold, offers: Offers, asking: Asking) -> dict[str, int]:
    """How much of every task there is for the person; of prompts one, where any is wanted."""
    found = {task: sum(map(asking.may, offers.of(task))) for task in TASKS if task != "prompt"}
    return {"prompt": int(wants_prompts(fold)), **found}


def check_may_ask(fold: Fold, user_id: str, opened: Open, now: int) -> None:
    """Raises `NothingToDo` for who was shut out or purged, or has too many fresh tasks open."""
    settings = fold.settings
    if fold.language.disabled & {user_id, hashed(user_id)}:
        raise NothingToDo("shut_out")
    fresh = [task for task in opened.of(user_id) if now - task.made < settings.pending_tasks_seconds * 1000]
    if len(fresh) >= settings.max_pending_tasks_per_user:
        raise NothingToDo("too_many")


def choose(
    fold: Fold, offers: Offers, asking: Asking, chance: random.Random, kinds: Iterable[str] = ()
) -> Offer | None:
    """What the person is asked for; None: a prompt. `kinds`: only these; none named = any, by the weights."""
    wanted = tuple(kinds)
    there = {task: [one for one in offers.of(task) if asking.may(one)] for task in TASKS if task != "prompt"}
    some: dict[tuple[str, ...], float] = {}
    for group, weight in WEIGHTS.items():
        of_group = tuple(task for task in group if not wanted or task in wanted)
        if any(there[task] if task != "prompt" else wants_prompts(fold) for task in of_group):
            some[of_group] = weight
    if not some:
        raise NothingToDo("nothing")
    (drawn,) = chance.choices(list(some), list(some.values()))
    if drawn == ("prompt",):
        return None
    candidates = [offer for task in drawn for offer in there[task]]
    lonely = [offer for offer in candidates if offer.lonely]
    if lonely and chance.random() < fold.settings.p_lonely_child_extension:
        candidates = lonely
    return chance.choice(candidates)


def task_of(fold: Fold, offer: Offer | None, user_id: str, task_id: str, now: int, chance: random.Random) -> Task:
    """The task that is made of an offer: which labels are asked for, in which order replies are shown."""
    expires = now + fold.settings.task_validity_minutes * 60_000
    if offer is None:
        return Task(task_id, "prompt", user_id, now, expires)
    tree = fold.shelf.tree(offer.tree_id)
    assert tree is not None
    message = tree.messages[offer.message_id]
    labels: tuple[str, ...] = ()
    shown: list[str] = []
    if offer.task in ("label_prompt", "label_reply"):
        every = OFFERED["assistant" if message.role == "assistant" else "prompter"]
        full = chance.random() < _full(fold, message.depth, message.role)
        labels = every if full else tuple(label for label in every if label in SIMPLE)
    elif offer.task == "rank_replies":
        shown = [reply.message_id for reply in machine.rankable(fold, tree, message)]
        chance.shuffle(shown)
    return Task(task_id, offer.task, user_id, now, expires, offer.tree_id, offer.message_id, labels, tuple(shown))


def _full(fold: Fold, depth: int, role: str) -> float:
    """How often all labels of a message are asked for."""
    settings = fold.settings
    if not depth:
        return settings.p_full_labeling_initial_prompt
    return settings.p_full_labeling_reply_assistant if role == "assistant" else settings.p_full_labeling_reply_prompter
