"""Purged persons: their events go, and whatever else of a log holds their id.

Belongs here: `Purge`. Contract: of rows of `Contributions` all go that a purged person sent or that are about them, and
edits of messages that they wrote, whoever made them; of an imported tree their messages go with all under them, and the tree
where the prompt is theirs, or where its rows are such that nobody can say whose words it holds; settings name them no more. A
`user_purged` about one of them stays and holds the hash of the id, so that a log that is read again later is purged too.
Pure; raises nothing for any rows that were collected.
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
_WRITES = ("prompt_submitted", "reply_submitted")


@cache
def hashed(user_id: str) -> str:
    """What stands for a purged person; a hash stands for itself."""
    return user_id if user_id.startswith(PURGED) else PURGED + sha256(user_id.encode()).hexdigest()


@dataclass(frozen=True)
class Purge:
    """Those who were purged, by hash."""

    persons: frozenset[str]

    def meant(self, user_id: object) -> bool:
        """Whether an id is of one of them; what is no text is nobody's."""
        return isinstance(user_id, str) and hashed(user_id) in self.persons

    def rows(self, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that stay, changed where they must be, and those that go."""
        goes, trees, settings, users, about, edited = [], [], [], [], [], []
        theirs: set[str] = set()
        """Messages that they wrote, or that went with theirs."""
        columns = ("kind", "user_id", "about_user", "message_id", "tree", "settings")
        for kind, user, other, message, tree, said in events.select(columns).iter_rows():
            purged = kind == "user_purged" and self.meant(other)
            gone = not purged and (self.meant(user) or self.meant(other))
            if kind in _WRITES and gone:
                theirs.add(message)
            if tree is not None:
                tree, lost = self._tree(json.loads(tree))
                theirs |= lost
                gone = gone or tree is None
            goes.append(gone)
            trees.append(tree)
            settings.append(said if said is None else self._settings(json.loads(said)))
            users.append(None if purged and self.meant(user) else user)
            about.append(hashed(other) if purged else other)
            edited.append(message if kind == "message_edited" else None)
        goes = [gone or message in theirs for gone, message in zip(goes, edited, strict=True)]
        mask = pl.Series(goes, dtype=pl.Boolean)
        changed = events.with_columns(
            pl.Series("tree", trees, dtype=pl.String),
            pl.Series("settings", settings, dtype=pl.String),
            pl.Series("user_id", users, dtype=pl.String),
            pl.Series("about_user", about, dtype=pl.String),
        )
        return changed.filter(~mask), events.filter(mask)

    def _tree(self, tree: Mapping[str, Any]) -> tuple[str | None, set[str]]:
        """An imported tree without them, and the messages that went; None where nothing is left."""
        rows = tree.get("messages")
        if not isinstance(rows, list) or not all(map(_is_row, rows)):
            return None, set()  # the fold would refuse it anyhow, and nobody can say whose words it holds
        gone: set[str] = {row["message_id"] for row in rows if self.meant(row.get("user_id"))}
        while more := {row["message_id"] for row in rows if row.get("parent_id") in gone} - gone:
            gone |= more
        left = [row for row in rows if row["message_id"] not in gone]
        if not any(row.get("parent_id") is None for row in left):
            return None, gone
        return json.dumps({**tree, "messages": _ranked_anew(left) if gone else left}, ensure_ascii=False), gone

    def _settings(self, settings: Mapping[str, Any]) -> str:
        named = settings.get("moderators")
        if isinstance(named, list):
            settings = {**settings, "moderators": [one for one in named if not self.meant(one)]}
        return json.dumps(settings, ensure_ascii=False)


def _is_row(row: object) -> bool:
    """Whether a row says what is asked of it here: its id, and its parent, person and rank if it has them."""
    if not isinstance(row, Mapping) or not isinstance(row.get("message_id"), str):
        return False
    rank = row.get("rank")
    texts = all(row.get(name) is None or isinstance(row[name], str) for name in ("parent_id", "user_id"))
    return texts and (rank is None or (isinstance(rank, int) and not isinstance(rank, bool)))


def _ranked_anew(rows: list[Any]) -> list[Any]:
    """Ranks of siblings without the gaps that the others left."""
    by_parent: dict[str | None, list[int]] = {}
    for row in rows:
        if row.get("rank") is not None:
            by_parent.setdefault(row.get("parent_id"), []).append(row["rank"])
    places = {parent: {rank: place for place, rank in enumerate(sorted(ranks))} for parent, ranks in by_parent.items()}
    return [
        {**row, "rank": places[row.get("parent_id")][row["rank"]]} if row.get("rank") is not None else row
        for row in rows
    ]
