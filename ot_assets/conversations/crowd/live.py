"""The state of a language while people work on it: the fold, and beside it what handing out needs to find quickly.

Belongs here: `Live`, which takes events one after the other. Contract: all of it is a function of the events taken, so that
it can be made anew from the log at any time; what is kept beside the fold (`offers`, `answered`, `records`, `flagged`) is
brought up to date by what an event touched, never by looking at everything. Of persons who were purged it takes what the
assets take: nothing that they sent or that is about them, and settings name them no more. Raises nothing: `take` returns
why not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ot_assets.conversations.collecting import events_of, row
from ot_assets.conversations.crowd.answers import digest
from ot_assets.conversations.crowd.offers import Offers
from ot_assets.conversations.crowd.standing import Record
from ot_assets.conversations.events import Event, Refused
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.purging import Purge, hashed
from ot_assets.conversations.shelf import Shelf
from ot_assets.conversations.state import Message, Tree
from ot_assets.registry.specs.crowd import CrowdSettings
from schemas.conversations import Contributions


@dataclass(frozen=True, slots=True)
class Answered:
    """A task that has its answer."""

    user_id: str
    event_id: str
    kind: str
    """Of the event."""
    digest: str
    """Of what was answered: the same answer again is the same, another is another."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A report of a message."""

    user_id: str
    at: int
    text: str


class _Watched(Shelf):
    """A shelf that notes which trees the fold took: all that an event can have changed."""

    def __init__(self, settings: CrowdSettings) -> None:
        super().__init__(settings)
        self.taken: set[str] = set()

    def tree(self, tree_id: str) -> Tree | None:
        self.taken.add(tree_id)
        return super().tree(tree_id)

    def put_tree(self, tree: Tree) -> None:
        self.taken.add(tree.tree_id)
        super().put_tree(tree)


@dataclass
class Live:
    """One language, live."""

    name: str
    settings: CrowdSettings
    """Those that it began with."""
    offers: Offers = field(default_factory=Offers)
    answered: dict[str, Answered] = field(default_factory=dict)
    """Task -> its answer."""
    records: dict[str, Record] = field(default_factory=dict)
    """Person -> what they did."""
    flagged: dict[str, list[Flag]] = field(default_factory=dict)
    """Message -> reports."""
    purge: Purge = field(default_factory=lambda: Purge(frozenset()))
    """Those who were purged, from the first event on."""

    def __post_init__(self) -> None:
        self.shelf = _Watched(self.settings)
        self.fold = Fold(self.name, self.shelf)

    def take(self, event: Event) -> Refused | None:
        """Takes an event in; returns why not, and then nothing has changed."""
        left = without(self.purge, event)
        if left is None or self.purged(left.user_id):
            return Refused("user_disabled", "this person was purged")
        event = left
        shelf, before = self.shelf, self.shelf.settings
        shelf.taken.clear()
        refused = self.fold.apply(event)
        if refused is not None:
            return refused
        changed = set(shelf.taken)
        if shelf.settings is not before:  # every offer hangs on settings
            changed |= self.offers.trees | set(self.fold.language.open)
        for tree_id in sorted(changed):
            tree = Shelf.tree(shelf, tree_id)
            if tree is not None:
                self.offers.put(self.fold, tree)
        self._note(event)
        return None

    def purged(self, user_id: str | None) -> bool:
        """Whether a person was purged: the fold knows them by their hash alone."""
        if user_id is None:
            return False
        return self.purge.meant(user_id) or hashed(user_id) in self.fold.language.disabled

    def tree(self, tree_id: str) -> Tree | None:
        """A tree. Look at it; only the fold changes it."""
        return Shelf.tree(self.shelf, tree_id)

    def message(self, message_id: str) -> tuple[Tree, Message] | None:
        """A message and its tree."""
        tree_id = self.shelf.tree_of(message_id)
        tree = self.tree(tree_id) if tree_id is not None else None
        return None if tree is None else (tree, tree.messages[message_id])

    def record(self, user_id: str) -> Record:
        """What a person did."""
        return self.records.setdefault(user_id, Record())

    def _note(self, event: Event) -> None:
        user = event.user_id
        if user is None:
            return
        if event.task_id is not None:
            self.answered[event.task_id] = Answered(user, event.event_id, event.kind, digest(event))
        if event.kind == "report_submitted" and event.message_id is not None:
            self.flagged.setdefault(event.message_id, []).append(Flag(user, event.at, event.text or ""))
        self.record(user).note(event)
        if event.ranking is not None and event.tree_id is not None:
            tree = self.tree(event.tree_id)
            if tree is not None and tree.origin == "crowd":
                for place, name in enumerate(event.ranking[:3]):
                    self.record(tree.messages[name].user_id).placed(place)


def without(purge: Purge, event: Event) -> Event | None:
    """The event as the assets have it when these persons are purged; None where nothing of it is left."""
    if not purge.persons:
        return event
    if event.kind in _NAMING:
        kept, _ = purge.rows(Contributions.frame([row(event, "log", "1")]))
        return next(events_of(kept), None)
    return None if purge.meant(event.user_id) or purge.meant(event.about_user) else event


_NAMING = ("config_changed", "tree_imported", "user_purged")
"""Kinds that hold ids of persons beside who sent them and whom they are about."""
