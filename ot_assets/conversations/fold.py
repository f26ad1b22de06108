"""The fold: events of one language, in their order, to trees, by Open-Assistant's message tree state machine.

Belongs here: `Fold`, which takes one event after the other, and what holds for every kind (ids, times, who may). What
a kind does stands in `submissions`, `judgements` and `moderation`; when a tree changes its state in `machine`; who
comes next in `lottery`.

Contract: the state after some events is a function of these events, the language and the settings alone, whatever was saved and
loaded in between (`Shelf`), so that the fold of a beginning and then of the rest is the fold of all. An event either
counts as a whole or changes nothing: `apply` returns why it was refused. Rules: `repeated` (an id that already
counted), `out_of_order` (earlier than the last that counted), `from_the_future`, `user_disabled` (who was disabled says
nothing more, as a moderator neither), `not_a_moderator`,
and those of each kind. Raises nothing for any event that `events.parse` lets through.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from ot_assets.conversations import judgements, lottery, moderation, submissions
from ot_assets.conversations.events import Event, Refused, written
from ot_assets.conversations.kinds import BY_MODERATORS
from ot_assets.conversations.merging import merge
from ot_assets.conversations.state import Language, Message, Person, Tree
from ot_assets.registry.specs.crowd import CrowdSettings

Merge = Callable[[str, Sequence[Sequence[str]]], Sequence[str] | None]
"""Method and ballots (message ids, best first) to one order; None where fewer than two messages stand on all ballots."""


class Shelf(Protocol):
    """Where trees and persons are kept. What is taken from it may be changed; `Fold` asks for nothing that it does not
    touch.
    """

    language: Language
    settings: CrowdSettings

    def tree(self, tree_id: str) -> Tree | None:
        """The tree, if there is one."""

    def put_tree(self, tree: Tree) -> None:
        """A new tree."""

    def person(self, user_id: str) -> Person:
        """The person; a new one where there was none."""

    def new_event(self, event_id: str) -> None:
        """Notes the id, which is not there yet."""

    def knows_event(self, event_id: str) -> bool:
        """Whether the id was noted."""

    def knows_message(self, message_id: str) -> bool:
        """Whether some tree has a message of this id."""

    def put_message(self, message_id: str, tree_id: str) -> None:
        """Notes which tree a new message is in."""


class Fold:
    """The state of one language, and how it goes on."""

    def __init__(self, name: str, shelf: Shelf, *, now: int | None = None, merge: Merge = merge) -> None:
        """`now`: events later than that (milliseconds) are from the future; None: none is."""
        self.name = name
        self.shelf = shelf
        self.language = shelf.language
        """What trees share."""
        self.now = now
        self.merge = merge
        self.drawing = False
        """Whether the event made room for the lottery, or brought someone who waits for it."""

    @property
    def settings(self) -> CrowdSettings:
        """The settings as they are after the events so far."""
        return self.shelf.settings

    def apply(self, event: Event) -> Refused | None:
        """Takes the event in; returns why not."""
        try:
            self._may(event)
            HANDLERS[event.kind](self, event)
        except Refused as refused:
            return refused
        self.shelf.new_event(event.event_id)
        self.language.last_at = event.at
        if self.drawing:
            lottery.draw(self, event)
            self.drawing = False
        return None

    def _may(self, event: Event) -> None:
        if self.shelf.knows_event(event.event_id):
            raise Refused("repeated", f"an event {event.event_id} already counted")
        if event.at < self.language.last_at:
            last = written(self.language.last_at)
            raise Refused("out_of_order", f"it is of {written(event.at)}, the event before it of {last}")
        if self.now is not None and event.at > self.now:
            raise Refused("from_the_future", f"it is of {written(event.at)}, now is {written(self.now)}")
        moderators = self.settings.moderators
        if event.kind in BY_MODERATORS:
            imported = event.kind == "tree_imported" and event.user_id is None  # by the spec, not by a person
            if moderators and event.user_id not in moderators and not imported:
                raise Refused("not_a_moderator", f"{event.user_id} is none, and {event.kind} is theirs to say")
        if event.user_id is not None and event.user_id in self.language.disabled:
            raise Refused("user_disabled", f"{event.user_id} was disabled before")

    def the_tree(self, event: Event) -> Tree:
        """The tree that an event is about."""
        assert event.tree_id is not None
        tree = self.shelf.tree(event.tree_id)
        if tree is None:
            raise Refused("unknown_tree", f"there is no tree {event.tree_id}")
        return tree

    def the_message(self, event: Event) -> tuple[Tree, Message]:
        """The message that an event is about, and its tree."""
        tree = self.the_tree(event)
        message = tree.messages.get(event.message_id or "")
        if message is None:
            raise Refused("unknown_message", f"tree {tree.tree_id} has no message {event.message_id}")
        return tree, message


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for objects that hold each other, for as long as many events are folded: a fold makes none, and
    the search goes through all trees again and again, for a fifth of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


HANDLERS: Mapping[str, Callable[[Fold, Event], None]] = {
    **submissions.HANDLERS,
    **judgements.HANDLERS,
    **moderation.HANDLERS,
}
"""Kind -> what it does."""
