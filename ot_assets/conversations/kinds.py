"""The kinds of events, and what each must carry.

Belongs here: one `Shape` a kind. A field that is not named for a kind must be absent: a mistake in a field's name would
otherwise pass in silence. Every event carries `BASE` beside these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

BASE = ("at", "event_id", "kind", "language")
"""What every event carries."""


@dataclass(frozen=True)
class Shape:
    """Fields that a kind needs and may have."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """What an event of the kind must have."""
        return (*BASE, *self.needs)

    @cached_property
    def fields(self) -> frozenset[str]:
        """All that it may have."""
        return frozenset((*BASE, *self.needs, *self.may))


_NEW = ("user_id", "tree_id", "message_id", "text")
_WRITTEN = ("task_id", "synthetic", "model_name")
_AT_MESSAGE = ("user_id", "tree_id", "message_id")

KINDS: Mapping[str, Shape] = {
    "prompt_submitted": Shape(_NEW, _WRITTEN),
    "reply_submitted": Shape((*_NEW, "parent_id", "role"), _WRITTEN),
    "labels_submitted": Shape((*_AT_MESSAGE, "labels"), ("task_id",)),
    "ranking_submitted": Shape(("user_id", "tree_id", "parent_id", "ranking", "shown"), ("task_id", "not_rankable")),
    "report_submitted": Shape((*_AT_MESSAGE, "text")),
    "emoji_added": Shape((*_AT_MESSAGE, "emoji")),
    "emoji_removed": Shape((*_AT_MESSAGE, "emoji")),
    "task_skipped": Shape((*_AT_MESSAGE, "task"), ("task_id", "text")),
    "message_edited": Shape((*_AT_MESSAGE, "text")),
    "message_deleted": Shape(_AT_MESSAGE),
    "message_undeleted": Shape(_AT_MESSAGE),
    "tree_halted": Shape(("user_id", "tree_id"), ("text",)),
    "tree_unhalted": Shape(("user_id", "tree_id"), ("text",)),
    "scoring_retried": Shape(("user_id", "tree_id")),
    "lottery_drawn": Shape(("tree_id",), ("user_id",)),
    "tree_imported": Shape(("tree_id", "tree"), ("user_id",)),
    "user_enabled": Shape(("user_id", "about_user")),
    "user_disabled": Shape(("user_id", "about_user")),
    "user_purged": Shape(("about_user",), ("user_id",)),
    "config_changed": Shape(("settings",), ("user_id",)),
}
"""Every kind. `task_id` on labels says that they answer a labelling task; without it they are free labels."""

BY_MODERATORS = frozenset(
    {
        "message_edited", "message_deleted", "message_undeleted", "tree_halted", "tree_unhalted", "scoring_retried",
        "lottery_drawn", "tree_imported", "user_enabled", "user_disabled", "user_purged", "config_changed",
    }
)  # fmt: skip
"""Kinds that only moderators may send, where the settings name any."""

TASKS = ("prompt", "label_prompt", "reply_as_assistant", "reply_as_prompter", "label_reply", "rank_replies")
"""What people are asked to do."""
