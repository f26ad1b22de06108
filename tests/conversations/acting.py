"""A language in which tests say what persons did: `Acting`, a fold with verbs. What is said must count, or be refused
by the rule named.

Time goes on by a second an event. Reviews, replies and ballots come from persons who did nothing of the kind before.
"""

from __future__ import annotations

import pickle
from typing import Any

from ot_assets.conversations.events import Event, parse, written
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.merging import merge
from ot_assets.conversations.shelf import Shelf
from ot_assets.conversations.state import Message, Tree
from ot_assets.conversations.submissions import OTHER
from ot_assets.registry.specs.crowd import CrowdSettings

START = 1_680_000_000_000
SMALL: dict[str, Any] = {
    "goal_tree_size": 3,
    "num_reviews_initial_prompt": 1,
    "num_reviews_reply": 1,
    "num_required_rankings": 1,
}
"""Settings under which a tree is done after few events."""


class Acting:
    """Events one after the other."""

    def __init__(self, *, merging: Any = merge, now: int | None = None, **settings: Any) -> None:
        self.shelf = Shelf(CrowdSettings(**settings))
        self.fold = Fold("en", self.shelf, merge=merging, now=now)
        self.at = START
        self.number = 0
        self.log: list[Event] = []

    def do(self, kind: str, refused: str | None = None, later: int = 1000, **fields: Any) -> str:
        """One event; returns its id."""
        self.number += 1
        self.at += later
        line = {"event_id": f"e{self.number}", "kind": kind, "at": written(self.at), "language": "en", **fields}
        event = parse({name: list(value) if isinstance(value, tuple) else value for name, value in line.items()})
        before = self.state() if refused else None
        found = self.fold.apply(event)
        assert (found.rule if found else None) == refused, found and found.note
        if refused:
            assert self.state() == before, "a refused event changed something"
        else:
            self.log.append(event)
        return event.event_id

    def state(self) -> bytes:
        """Everything that the fold knows."""
        shelf = self.shelf
        kept = ("_trees", "_persons", "_messages", "_events")
        return pickle.dumps((shelf.settings, shelf.language, [getattr(shelf, name) for name in kept]))

    def tree(self, tree_id: str) -> Tree:
        """A tree that is there."""
        tree = self.fold.shelf.tree(tree_id)
        assert tree is not None
        return tree

    def state_of(self, tree_id: str) -> str:
        """A tree's state."""
        return self.tree(tree_id).state

    def why(self, tree_id: str) -> str:
        """Why it is in this state."""
        return self.tree(tree_id).history[-1].why

    def states(self, tree_id: str) -> list[str]:
        """Its states so far."""
        return [step.after for step in self.tree(tree_id).history]

    def message(self, message_id: str) -> Message:
        """A message that is there."""
        return self.tree(self._tree_of(message_id)).messages[message_id]

    def prompt(self, user: str = "asker", refused: str | None = None, **fields: Any) -> str:
        """A prompt; returns its tree."""
        name = fields.pop("name", None) or f"m{self.number + 1}"
        fields = {"text": f"prompt {name}", **fields}
        self.do("prompt_submitted", refused, user_id=user, tree_id=name, message_id=name, **fields)
        return name

    def reply(self, parent_id: str, user: str | None = None, refused: str | None = None, **fields: Any) -> str:
        """A reply to a message; returns its id."""
        parent = self.message(parent_id)
        name = fields.pop("name", None) or f"m{self.number + 1}"
        ids = {"tree_id": self._tree_of(parent_id), "message_id": name, "parent_id": parent_id}
        said = {"role": OTHER[parent.role], "text": f"reply {name}", **fields}
        self.do("reply_submitted", refused, user_id=user or f"writer of {name}", **ids, **said)
        return name

    def label(self, message_id: str, user: str | None = None, refused: str | None = None, **labels: Any) -> str:
        """The answer to a labelling task, or free labels with `task=False`."""
        task = {"task_id": "t"} if labels.pop("task", True) else {}
        ids = {"tree_id": self._tree_of(message_id), "message_id": message_id}
        user = user or f"reviewer {self.number}"
        return self.do("labels_submitted", refused, user_id=user, labels=labels or {"spam": 0.0}, **ids, **task)

    def review(self, message_id: str, *spam: float) -> None:
        """Reviews that say so much spam each."""
        for value in spam:
            self.label(message_id, spam=value)

    def accept(self, message_id: str) -> str:
        """As many good reviews as it takes."""
        settings, message = self.fold.settings, self.message(message_id)
        needed = settings.num_reviews_reply if message.depth else settings.num_reviews_initial_prompt
        self.review(message_id, *[0.0] * (needed - message.review_count))
        return message_id

    def reject(self, message_id: str) -> str:
        """As many bad reviews as it takes."""
        settings, message = self.fold.settings, self.message(message_id)
        needed = settings.num_reviews_reply if message.depth else settings.num_reviews_initial_prompt
        self.review(message_id, *[1.0] * (needed - message.review_count))
        return message_id

    def growing(self, user: str = "asker") -> str:
        """A tree that grows."""
        tree = self.accept(self.prompt(user))
        assert self.state_of(tree) == "growing"
        return tree

    def ranking(self, replies: int = 2) -> tuple[str, list[str]]:
        """A tree of a prompt and so many replies, which wait for their ballots."""
        tree = self.growing()
        names = [self.accept(self.reply(tree)) for _ in range(replies)]
        assert self.state_of(tree) == "ranking", self.state_of(tree)
        return tree, names

    def rank(self, parent_id: str, *ranking: str, user: str | None = None, refused: str | None = None) -> str:
        """A ballot."""
        ids = {"tree_id": self._tree_of(parent_id), "parent_id": parent_id}
        user = user or f"ranker {self.number}"
        return self.do("ranking_submitted", refused, user_id=user, ranking=ranking, shown=sorted(ranking), **ids)

    def about(
        self, kind: str, message_id: str, user: str = "moderator", refused: str | None = None, **fields: Any
    ) -> str:
        """Any other event about a message."""
        ids = {"tree_id": self._tree_of(message_id), "message_id": message_id}
        return self.do(kind, refused, user_id=user, **ids, **fields)

    def moderate(self, kind: str, tree_id: str, refused: str | None = None, **fields: Any) -> str:
        """A moderator's event about a tree."""
        return self.do(kind, refused, **{"user_id": "moderator", "tree_id": tree_id, **fields})

    def flags(self, message_id: str, *users: str) -> None:
        """Red flags."""
        for user in users:
            self.about("emoji_added", message_id, user, emoji="red_flag")

    def settings(self, **values: Any) -> str:
        """Settings change."""
        return self.do("config_changed", user_id="moderator", settings=values)

    def _tree_of(self, message_id: str) -> str:
        return self.shelf.tree_of(message_id) or message_id


def imported(root: str = "root", *replies: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """An imported tree: replies as (id, parent), roles by depth; `fields` of `tree`."""
    roles = {root: "prompter"}
    rows: list[dict[str, Any]] = [{"message_id": root, "role": "prompter", "text": "imported", "review_result": True}]
    for name, parent in replies:
        roles[name] = OTHER[roles[parent]]
        said = {"parent_id": parent, "role": roles[name], "text": f"imported {name}", "review_result": True}
        rows.append({"message_id": name, **said})
    return {"messages": rows, **fields}
