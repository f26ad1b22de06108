"""Whose word counts where only moderators' does, as events come: who moderates, who is shut out, who was purged.

Belongs here: `Authority`, asked before the fold by those who must know whom to leave out of it. Contract: it takes what the
fold takes of the kinds `HEARD`: a named moderator's word, anybody's where none is named, and nothing of who is shut out. Raises
nothing for events that were parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ot_assets.conversations.purging import hashed
from ot_assets.registry.specs.crowd import CrowdSettings

HEARD = ("config_changed", "user_purged", "user_disabled", "user_enabled")


@dataclass
class Authority:
    """What was said so far by whoever may."""

    settings: CrowdSettings
    purged: set[str] = field(default_factory=set)
    """Hashes of those who were purged."""
    out: set[str] = field(default_factory=set)
    """Who is shut out."""

    def hear(self, kind: str, user: str | None, about: str | None, settings: Mapping[str, Any] | None) -> None:
        """An event of one of `HEARD`, in the order of the log."""
        moderators = self.settings.moderators
        if user in self.out or (moderators and user not in moderators):
            return
        if kind == "config_changed":
            with suppress(ValidationError):  # the fold refuses such settings
                changed = self.settings.changed(settings or {})
                self.settings = self.settings if nobody_left(changed.moderators, self.out) else changed
        elif about is None:
            return
        elif kind == "user_purged":
            self.purged.add(hashed(about))
        elif kind == "user_enabled":
            self.out.discard(about)
        elif not nobody_left(moderators, self.out | {about}):
            self.out.add(about)


def nobody_left(moderators: tuple[str, ...], out: set[str] | frozenset[str]) -> bool:
    """Whether moderators are named, and all of them are shut out: then nobody could ever change that."""
    return bool(moderators) and out.issuperset(moderators)
