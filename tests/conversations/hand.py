"""Rows of `conversation_trees`, written by hand for tests: only what a test is about is said, the rest is filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ot_assets.conversations.rows import TreeRows
from schemas.base import violations
from schemas.conversations import Ballots, LabelRows, Messages, TreeHistory, Trees

START = datetime(2023, 4, 1, 12, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    """Hours after the start."""
    return START + timedelta(hours=hours)


@dataclass
class Hand:
    """Trees that grow row by row; `rows` are checked against the schemas."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    trees: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    ballots: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)

    def tree(self, name: str, user: str, *, hours: float = 0, state: str = "growing", **said: Any) -> str:
        """A tree with its prompt; `states` (state -> hours) are its history."""
        states: Mapping[str, float] = said.pop("states", {state: hours})
        language, origin = said.pop("language", "en"), said.pop("origin", "crowd")
        before = None
        for number, (after, when) in enumerate(states.items()):
            step = {
                "tree_id": name,
                "number": number,
                "at": at(when),
                "event_id": f"{name}.{number}",
                "why": f"as {after}",
            }
            self.history.append(step | {"before": before, "after": after})
            before = after
        last = self.history[-1]
        self.trees.append(
            {
                "tree_id": name, "language": language, "state": last["after"], "why": last["why"], "origin": origin,
                "since_event": last["event_id"], "goal": 12, "max_depth": 3, "max_children": 3, "messages": 1,
                "accepted": 1, "created_at": at(hours), "since": last["at"],
            }
        )  # fmt: skip
        return self._message(name, name, None, user, "prompter", hours, said, language, last["after"])

    def reply(self, name: str, parent: str, user: str, *, hours: float = 0, **said: Any) -> str:
        """A reply, of the other role."""
        above = next(one for one in self.messages if one["message_id"] == parent)
        role = "assistant" if above["role"] == "prompter" else "prompter"
        tree = above["tree_id"]
        return self._message(name, tree, above, user, role, hours, said, above["language"], above["tree_state"])

    def label(self, message: str, user: str, *, hours: float = 0, task: bool = True, **values: float) -> str:
        """Labels of a message."""
        event = f"l{len({one['event_id'] for one in self.labels})}"
        tree = next(one["tree_id"] for one in self.messages if one["message_id"] == message)
        said = {
            "event_id": event,
            "tree_id": tree,
            "message_id": message,
            "user_id": user,
            "at": at(hours),
            "task": task,
        }
        self.labels += [said | {"name": name, "value": value} for name, value in values.items()]
        return event

    def ballot(self, parent: str, user: str, ranking: Sequence[str], *, hours: float = 0) -> str:
        """A ballot, the best first."""
        event = f"b{len(self.ballots)}"
        tree = next((one["tree_id"] for one in self.messages if one["message_id"] == parent), parent)
        said = {"event_id": event, "tree_id": tree, "parent_id": parent, "user_id": user, "at": at(hours)}
        order = {"ranking": list(ranking), "shown": sorted(ranking), "not_rankable": False}
        self.ballots.append(said | order)
        return event

    def rows(self, *, checked: bool = True) -> TreeRows:
        """The frames; messages carry the means of their labels, as `rows.tree_rows` gives them."""
        for one in self.messages:
            if one["labels"] is None:
                mine = [label for label in self.labels if label["message_id"] == one["message_id"]]
                names = sorted({label["name"] for label in mine})
                values = {name: [label["value"] for label in mine if label["name"] == name] for name in names}
                one["labels"] = [
                    {"name": name, "value": sum(given) / len(given), "count": len(given)}
                    for name, given in values.items()
                ]
        frames = {
            "messages": Messages.frame(self.messages),
            "trees": Trees.frame(self.trees),
            "history": TreeHistory.frame(self.history),
            "ballots": Ballots.frame(self.ballots),
            "labels": LabelRows.frame(self.labels),
        }
        for schema, frame in zip((Messages, Trees, TreeHistory, Ballots, LabelRows), frames.values(), strict=True):
            assert not checked or violations(schema, frame) == []
        return TreeRows(**frames)

    def _message(
        self, name: str, tree: str, above: Any, user: str, role: str, hours: float, said: dict[str, Any], language: str,
        state: str,
    ) -> str:  # fmt: skip
        emojis = [{"name": one, "count": count} for one, count in said.pop("emojis", {}).items()]
        row = {
            "message_id": name, "tree_id": tree, "parent_id": above["message_id"] if above else None, "user_id": user,
            "event_id": f"e-{name}", "created_at": at(hours), "role": role, "language": language, "text": f"text of {name}",
            "depth": above["depth"] + 1 if above else 0, "tree_state": state, "review_count": 0, "review_result": None,
            "deleted": False, "synthetic": False, "edited": False, "ranking_count": 0, "skips": 0, "emojis": emojis,
            "labels": None, "detoxify": [],
        }  # fmt: skip
        assert said.keys() <= Messages.dtypes().keys(), said
        self.messages.append(row | said)
        return name
