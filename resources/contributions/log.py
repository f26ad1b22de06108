"""The house's event log: what people did, appended and never changed.

Belongs here: `EventLog`. A line is a JSON object with `event_id`, `kind`, `at` (ISO 8601 with a zone) and `language`; what
else it must hold, and what it means, is not the log's to say (`ot_assets.conversations.events`). Contract: `append` is one
transaction, on the disk when it returns; the same event twice is one, and another event of the same id is refused; within a
language (its tag up to the first hyphen) times never go back along the log, since such a line would never count. Any number
of processes may append at once. Only `purge` takes lines out, and says notes of purges anew. Fails with UserError for what a
person can mend (locked, full, damaged, unreachable), with `Behind` where someone else appended meanwhile, and with ValueError
for a line that is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Self

import sqlalchemy as sa

from resources.contributions.database import LogDatabase
from resources.contributions.tables import EVENTS
from resources.contributions.writing import (
    Appended,
    Behind,
    Place,
    append_rows,
    delete_person,
    family,
    place_of,
    row_of,
)  # fmt: skip
from resources.home import Home

__all__ = ["Appended", "Behind", "EventLog", "Place"]

_PAGE = 2_000


class EventLog:
    """The log at `url`: `sqlite:///path/events.sqlite` or `postgresql+psycopg://user@host/database`.

    The file and its folder are made, and the server reached, at the first use. Safe to fork; threads may share it.
    """

    def __init__(self, url: str, *, patience: float = 60.0) -> None:
        """`patience`: seconds to wait for a lock or a lost server."""
        self.database = LogDatabase(url, patience=patience)

    @classmethod
    def of(cls, home: Home) -> EventLog:
        """The house's own: `OT_CROWD_URL`, or a SQLite file in the state folder."""
        return cls(os.environ.get("OT_CROWD_URL") or f"sqlite:///{home.path / 'crowd' / 'events.sqlite'}")

    @property
    def where(self) -> str:
        """The log's path or address, without a password."""
        return self.database.where

    def append(
        self, lines: Sequence[Mapping[str, Any]], *, after: Place | None = None, sync: bool = True
    ) -> list[Appended]:
        """Appends what is new, and says of every line what became of it.

        `after`: raises `Behind`, and appends nothing, unless this is still the place of the lines' language. `sync=False`: a
        power cut, but no kill, can take the lines back.
        """
        rows = [row_of(line) for line in lines]
        if not rows:
            return []
        done = self.database.write(lambda connection: append_rows(connection, rows, after))
        if sync:
            self.database.sync()
        return done

    def read(self, language: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """The lines of a language, of more special tags too (`pt-BR` for `pt`), with their numbers and in their order."""
        if not self.database.there:
            return
        query = sa.select(EVENTS.c.seq, EVENTS.c.line).order_by(EVENTS.c.seq).limit(_PAGE)
        query = query.where(EVENTS.c.family == family(language))
        if family(language) != language:
            special = EVENTS.c.language.startswith(f"{language}-", autoescape=True)
            query = query.where(sa.or_(EVENTS.c.language == language, special))
        while page := self.database.fetch(query.where(EVENTS.c.seq > after)):
            for row in page:
                yield row.seq, json.loads(row.line)
            after = page[-1].seq

    def place(self, language: str) -> Place:
        """How far the log of a language, with its sisters (`pt` and `pt-BR`), goes; zeros where nothing ever was."""
        if not self.database.there:
            return Place()
        with self.database.read() as connection:
            return place_of(connection, family(language))

    def languages(self, user_id: str) -> list[str]:
        """Languages in which a person sent something."""
        if not self.database.there:
            return []
        query = sa.select(EVENTS.c.language).where(EVENTS.c.user_id == user_id).distinct().order_by(EVENTS.c.language)
        return [row.language for row in self.database.fetch(query)]

    def last(self, language: str) -> dict[str, int] | None:
        """`place` as JSON for a spec: it changes with every line and every purge. None where there is nothing."""
        place = self.place(language)
        return place._asdict() if place.seq else None

    def purge(
        self, user_id: str, note: Sequence[Mapping[str, Any]] = (), *, uncounted: Collection[str] = frozenset()
    ) -> int:
        """Deletes every line that a person sent, edits of what they wrote, and their open tasks; returns how many lines went.

        Purges that the person noted stay noted, in the name of whoever signs `note`: those whom they purged stay purged.
        `uncounted`: ids of such notes that go too, since the person had no right to them, and another's name would lend it.
        `note` is appended in the same transaction; raises `Behind`, and purges nothing, where its times are past. In SQLite the
        bytes are overwritten, in the file and in its log.
        """
        rows = [row_of(line) for line in note]
        gone = self.database.write(lambda connection: delete_person(connection, user_id, rows, uncounted))
        if self.database.is_sqlite:
            self.database.checkpoint()
        else:
            self.database.sync()
        return gone

    def close(self) -> None:
        """Closes the connections; the next use opens them anew."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
