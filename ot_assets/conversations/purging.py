"""Purged persons: their events go, and whatever else of a log holds their id.

Belongs here: `Purge`. Contract: of rows of `Contributions` all go that a purged person sent or that are about them; of an
imported tree their messages go with all under them, and the tree where the prompt is theirs; settings name them no more. The
event `user_purged` stays and holds the hash of the id, so that a log that is read again later is purged too. Pure; raises
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import polars as pl

PURGED = "sha256:"
"""Begins the hash that stands for a purged person."""


@cache
def hashed(user_id: str) -> str:
    """What stands for a purged person; a hash stands for itself."""
    return user_id if user_id.startswith(PURGED) else PURGED + sha256(user_id.encode()).hexdigest()


@dataclass(frozen=True)
class Purge:
    """Those who were purged, by hash."""

    persons: frozenset[str]

    def meant(self, user_id: str | None) -> bool:
        """Whether an id is of one of them."""
        return user_id is not None and hashed(user_id) in self.persons

    def rows(self, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that stay, changed where they must be, and those that go."""
        goes, trees, settings, users, about = [], [], [], [], []
        columns = ("kind", "user_id", "about_user", "tree", "settings")
        for kind, user, other, tree, said in events.select(columns).iter_rows():
            purged = kind == "user_purged"
            gone = not purged and (self.meant(user) or self.meant(other))
            if tree is not None:
                tree = self._tree(json.loads(tree))
                gone = gone or tree is None
            goes.append(gone)
            trees.append(tree)
            settings.append(said if said is None else self._settings(json.loads(said)))
            users.append(None if purged and self.meant(user) else user)
            about.append(hashed(other) if purged and other is not None else other)
        mask = pl.Series(goes, dtype=pl.Boolean)
        changed = events.with_columns(
            pl.Series("tree", trees, dtype=pl.String),
            pl.Series("settings", settings, dtype=pl.String),
            pl.Series("user_id", users, dtype=pl.String),
            pl.Series("about_user", about, dtype=pl.String),
        )
        return changed.filter(~mask), events.filter(mask)

    def _tree(self, tree: Mapping[str, Any]) -> str | None:
        """An imported tree without them; None where nothing is left."""
        rows = tree.get("messages") or []
        gone: set[str] = {row["message_id"] for row in rows if self.meant(row.get("user_id"))}
        while more := {row["message_id"] for row in rows if row.get("parent_id") in gone} - gone:
            gone |= more
        left = [row for row in rows if row["message_id"] not in gone]
        if not any(row.get("parent_id") is None for row in left):
            return None
        return json.dumps({**tree, "messages": _ranked_anew(left) if gone else left}, ensure_ascii=False)

    def _settings(self, settings: Mapping[str, Any]) -> str:
        named = settings.get("moderators")
        if isinstance(named, list):
            settings = {**settings, "moderators": [one for one in named if not self.meant(one)]}
        return json.dumps(settings, ensure_ascii=False)


def _ranked_anew(rows: list[Any]) -> list[Any]:
    """Ranks of siblings without the gaps that the others left."""
    by_parent: dict[str, list[int]] = {}
    for row in rows:
        if row.get("rank") is not None:
            by_parent.setdefault(row["parent_id"], []).append(row["rank"])
    places = {parent: {rank: place for place, rank in enumerate(sorted(ranks))} for parent, ranks in by_parent.items()}
    return [
        {**row, "rank": places[row["parent_id"]][row["rank"]]} if row.get("rank") is not None else row for row in rows
    ]
