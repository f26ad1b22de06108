"""What pages show, taken from the live state.

Belongs here: small records that templates fill in, and how each is read. Contract: nothing here changes anything; nobody's
name and nobody's id but the viewer's own reaches a page for contributors, and whether a model wrote a text is never shown.
Raises nothing for messages that exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ot_assets.conversations.crowd.live import Flag, Live
from ot_assets.conversations.crowd.people import People
from ot_assets.conversations.crowd.standing import Got, Record, points_of
from ot_assets.conversations.crowd.tasks import Task
from ot_assets.conversations.events import moment
from ot_assets.conversations.labels import RED_FLAG
from ot_assets.conversations.points import level_of
from ot_assets.conversations.state import STATES, Message, Tree

_LISTED = 100


@dataclass(frozen=True)
class Shown:
    """A message as a contributor sees it."""

    message_id: str
    role: str
    text: str
    mine: bool
    reactions: frozenset[str]
    """Emojis that the viewer put on it."""

    @property
    def reported(self) -> bool:
        """Whether the viewer did."""
        return RED_FLAG in self.reactions


@dataclass(frozen=True)
class Thread:
    """What a task is about: messages from the prompt down, and replies to rank."""

    messages: list[Shown]
    replies: list[Shown]


def thread_of(live: Live, task: Task, ranking: Iterable[str] = ()) -> Thread:
    """The conversation of a task; `ranking`: another order of the replies than that in which they were shown first."""
    if task.tree_id is None or task.message_id is None:
        return Thread([], [])
    tree = live.tree(task.tree_id)
    if tree is None or task.message_id not in tree.messages:
        return Thread([], [])
    message = tree.messages[task.message_id]
    way = [message, *tree.above(message)]
    order = list(ranking) if sorted(ranking) == sorted(task.shown) else list(task.shown)
    replies = [_shown(tree.messages[name], task.user_id) for name in order if name in tree.messages]
    return Thread([_shown(one, task.user_id) for one in reversed(way)], replies)


def _shown(message: Message, user_id: str) -> Shown:
    mine = frozenset(name for name, users in message.emojis.items() if user_id in users)
    return Shown(message.message_id, message.role, message.text, message.user_id == user_id, mine)


@dataclass(frozen=True)
class Standing:
    """A person's own figures."""

    parts: list[Got]
    tasks: int

    @property
    def points(self) -> int:
        """Their sum."""
        return sum(part.points for part in self.parts)

    @property
    def level(self) -> int:
        """The level that they give."""
        return level_of(self.points)


def standing_of(live: Live, user_id: str) -> Standing:
    """What a person has reached."""
    record = live.records.get(user_id, Record())
    good = live.fold.settings.good_rankings == "agreement"
    return Standing(points_of(record, user_id, live.tree, good_rankings=good), record.tasks)


@dataclass(frozen=True)
class Placed:
    """A message as a moderator sees it."""

    message: Message
    author: str
    flags: list[Flag]
    verdict: str
    labels: list[tuple[str, float, int]]
    """Label, mean, persons."""


@dataclass(frozen=True)
class Reported:
    """A message that was reported."""

    tree_id: str
    message: Message
    flags: list[Flag]


@dataclass(frozen=True)
class Line:
    """A tree in a list."""

    tree: Tree
    since: str
    why: str


def placed_of(live: Live, people: People, tree: Tree) -> list[Placed]:
    """A whole tree, parents first."""
    return [
        Placed(one, _name(people, one.user_id), live.flagged.get(one.message_id, []), _verdict(one), _means(one))
        for one in tree.below(tree.root)
    ]


def reported_of(live: Live) -> list[Reported]:
    """Reported messages that are not deleted, the latest report first."""
    found = []
    for name, flags in live.flagged.items():
        place = live.message(name)
        if place is not None and not place[1].deleted:
            found.append(Reported(place[0].tree_id, place[1], flags))
    return sorted(found, key=lambda one: -one.flags[-1].at)[:_LISTED]


def trees_of(live: Live, state: str) -> list[Line]:
    """Trees in a state, the latest first, so many as fit on a page."""
    some = [tree for tree in live.shelf.trees() if tree.state == state] if state in STATES else []
    some.sort(key=lambda tree: -tree.history[-1].at)
    return [Line(tree, when(tree.history[-1].at), tree.history[-1].why) for tree in some[:_LISTED]]


def when(at: int) -> str:
    """A time for a person to read."""
    return f"{moment(at):%Y-%m-%d %H:%M} UTC"


def _name(people: People, user_id: str) -> str:
    person = people.by_id(user_id)
    return person.name if person is not None else user_id


def _verdict(message: Message) -> str:
    if message.deleted:
        return "deleted"
    words = {True: "accepted", False: "rejected", None: "under review"}[message.review_result]
    return f"{words}, {message.review_count} review{'' if message.review_count == 1 else 's'}"


def _means(message: Message) -> list[tuple[str, float, int]]:
    sums: dict[str, list[float]] = {}
    for one in message.labelled:
        for name, value in one.values.items():
            sums.setdefault(name, []).append(value)
    return [(name, sum(values) / len(values), len(values)) for name, values in sums.items()]
