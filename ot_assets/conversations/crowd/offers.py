"""What a tree needs from people: the offers from which tasks are made.

Belongs here: `Offer`, and `offers_of`, which reads them from a tree as the fold left it; who is asked, and when, is `tasks`'
to say. Rules, as Open-Assistant's `tree_manager.py` has them: a prompt or reply is labelled until its review is done, by each
person once and never by its author; a message that is extendible (`submissions.extendible`) takes replies, one a person,
while its tree asks for any (`submissions.missing`); replies are ranked while ballots are missing, once a person, and by
nobody who wrote one of them. Who skipped a thing is not asked again. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ot_assets.conversations import machine, submissions
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.labels import SKIPS
from ot_assets.conversations.state import Message, Tree


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that somebody can be asked to do."""

    task: str
    """One of `kinds.TASKS`."""
    tree_id: str
    message_id: str
    """What is labelled; what is replied to; whose replies are ranked."""
    wanted: int
    """Answers that are still missing."""
    barred: frozenset[str]
    """Persons who are not asked: they wrote it, have done it, or skipped it."""
    lonely: bool = False
    """A prompter's message with some replies, but few: preferred (`p_lonely_child_extension`)."""
    slack: int = 0
    """Of a reply: how many the whole tree still asks for."""


def offers_of(fold: Fold, tree: Tree) -> list[Offer]:
    """All offers of a tree; none where nobody works on it."""
    if tree.state == "initial_prompt_review":
        return list(_labels(fold, tree, "label_prompt", [tree.root]))
    if tree.state == "growing":
        replies = [message for message in tree.messages.values() if message.parent_id is not None]
        return [*_labels(fold, tree, "label_reply", replies), *_replies(fold, tree)]
    if tree.state == "ranking":
        return list(_rankings(fold, tree))
    return []


def _labels(fold: Fold, tree: Tree, task: str, messages: Iterable[Message]) -> Iterator[Offer]:
    settings = fold.settings
    needed = settings.num_reviews_initial_prompt if task == "label_prompt" else settings.num_reviews_reply
    for message in messages:
        if machine.outstanding(fold, message):
            done = (one.user_id for one in message.labelled if one.task)
            barred = _barred(message, task, [message.user_id, *done])
            yield Offer(task, tree.tree_id, message.message_id, needed - message.review_count, barred)


def _replies(fold: Fold, tree: Tree) -> Iterator[Offer]:
    slack = submissions.missing(fold, tree)
    for parent in tree.messages.values() if slack else ():
        if not submissions.extendible(fold, tree, parent):
            continue
        task = f"reply_as_{submissions.OTHER[parent.role]}"
        barred = _barred(parent, task, (child.user_id for child in tree.children(parent)))
        counted = submissions.counted(fold, tree, parent)
        lonely = parent.role == "prompter" and 0 < counted < fold.settings.lonely_children_count
        room = submissions.room(fold, tree, parent)
        yield Offer(task, tree.tree_id, parent.message_id, room, barred, lonely, slack)


def _rankings(fold: Fold, tree: Tree) -> Iterator[Offer]:
    for parent_id, missing in machine.to_rank(fold, tree).items():
        if missing:
            parent = tree.messages[parent_id]
            wrote = (child.user_id for child in tree.children(parent))
            ranked = (ballot.user_id for ballot in tree.ballots_of(parent_id))
            barred = _barred(parent, "rank_replies", [*wrote, *ranked])
            yield Offer("rank_replies", tree.tree_id, parent_id, missing, barred)


def _barred(message: Message, task: str, others: Iterable[str]) -> frozenset[str]:
    return frozenset(others).union(message.emojis.get(SKIPS[task], ()))


@dataclass
class Offers:
    """The offers of all trees that people work on, kept as the fold goes on."""

    by_task: dict[str, dict[str, list[Offer]]] = field(default_factory=dict)
    """Task -> tree -> offers."""
    _tasks: dict[str, frozenset[str]] = field(default_factory=dict)
    """Tree -> tasks under which it stands."""

    def put(self, fold: Fold, tree: Tree) -> None:
        """Reads a tree's offers anew."""
        now: dict[str, list[Offer]] = {}
        for offer in offers_of(fold, tree):
            now.setdefault(offer.task, []).append(offer)
        for task in self._tasks.pop(tree.tree_id, frozenset()) - now.keys():
            del self.by_task[task][tree.tree_id]
        for task, offers in now.items():
            self.by_task.setdefault(task, {})[tree.tree_id] = offers
        if now:
            self._tasks[tree.tree_id] = frozenset(now)

    def of(self, task: str) -> Iterator[Offer]:
        """All offers of one task."""
        for offers in self.by_task.get(task, {}).values():
            yield from offers

    @property
    def trees(self) -> frozenset[str]:
        """Trees that need something."""
        return frozenset(self._tasks)
