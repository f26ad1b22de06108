"""Where the fold keeps its state: in memory, and in a file from which the next fold takes what it touches.

Belongs here: `Shelf`, one language's trees, persons, known ids and refused events. All that is new or touched is in
memory; with a file the rest is read when it is asked for, so that some more events cost what they touch and not what
there is. `save` writes what was touched, in one transaction, so that a killed fold leaves the file as it was. The
file is a cache: it is made again from the events where it is missing, damaged, or written by other code. Trees, persons
and what they share stand behind their hash, which is looked at before they are unpickled (ids and refused events do not).
Raises `Damaged` for a state that is not the one that was written, as late as when it is asked for, and `sqlite3.Error` for a
file that cannot be used.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ot_assets.conversations.state import Language, Person, Tree
from ot_assets.registry.specs.crowd import CrowdSettings

Refusal = tuple[str, str, str, str, str]
"""Event id, rule, note, and the log and row where the event stood."""
_TABLES = """
create table if not exists trees (id text primary key, state blob not null) without rowid;
create table if not exists persons (id text primary key, state blob not null) without rowid;
create table if not exists messages (id text primary key, tree text not null) without rowid;
create table if not exists events (id text primary key) without rowid;
create table if not exists refused (number integer primary key, id text, rule text, note text, log text, row text);
create table if not exists shared (name text primary key, state blob not null) without rowid;
"""


_HASH = 8


class Damaged(Exception):
    """A state in the file is not the one that was written."""


class Shelf:
    """One language's state. `file`: where it was saved and will be; None keeps it in memory alone."""

    def __init__(self, settings: CrowdSettings, file: Path | None = None) -> None:
        self.settings = settings
        self.language = Language()
        self.mark: dict[str, Any] = {}
        """What the owner wants to find again beside the state: how far the events were folded."""
        self._trees: dict[str, Tree] = {}
        self._persons: dict[str, Person] = {}
        self._messages: dict[str, str] = {}
        self._events: set[str] = set()
        self._refused: list[Refusal] = []
        self._file = sqlite3.connect(file, isolation_level=None) if file is not None else None
        self._saved = False
        """Whether there is anything to look for in the file."""
        if self._file is not None:
            self._file.executescript("pragma journal_mode = wal; pragma synchronous = normal;" + _TABLES)
            found = self._file.execute("select state from shared where name = 'all'").fetchone()
            if found is not None:
                self._saved = True
                self.language, self.settings, self.mark = loaded(found[0])

    def tree(self, tree_id: str) -> Tree | None:
        """The tree, if there is one."""
        if (tree := self._trees.get(tree_id)) is not None or self._file is None or not self._saved:
            return tree
        found = self._file.execute("select state from trees where id = ?", (tree_id,)).fetchone()
        return None if found is None else self._trees.setdefault(tree_id, loaded(found[0]))

    def put_tree(self, tree: Tree) -> None:
        """A new tree."""
        self._trees[tree.tree_id] = tree

    def person(self, user_id: str) -> Person:
        """The person; a new one where there was none."""
        if (person := self._persons.get(user_id)) is not None:
            return person
        found = None
        if self._file is not None and self._saved:
            found = self._file.execute("select state from persons where id = ?", (user_id,)).fetchone()
        return self._persons.setdefault(user_id, Person(user_id) if found is None else loaded(found[0]))

    def new_event(self, event_id: str) -> None:
        """Notes the id, which is not there yet."""
        self._events.add(event_id)

    def knows_event(self, event_id: str) -> bool:
        """Whether the id was noted."""
        return event_id in self._events or self._has("events", event_id)

    def knows_message(self, message_id: str) -> bool:
        """Whether some tree has a message of this id."""
        return message_id in self._messages or self._has("messages", message_id)

    def put_message(self, message_id: str, tree_id: str) -> None:
        """Notes which tree a new message is in."""
        self._messages[message_id] = tree_id

    def tree_of(self, message_id: str) -> str | None:
        """The tree that holds a message."""
        if (tree := self._messages.get(message_id)) is not None or self._file is None:
            return tree
        found = self._file.execute("select tree from messages where id = ?", (message_id,)).fetchone()
        return None if found is None else str(found[0])

    def refuse(self, event_id: str, rule: str, note: str, log: str, row: str) -> None:
        """Notes an event that did not count."""
        self._refused.append((event_id, rule, note, log, row))

    def refused(self) -> Iterator[Refusal]:
        """Every event that did not count, in their order."""
        if self._file is not None:
            yield from self._file.execute("select id, rule, note, log, row from refused order by number")
        yield from self._refused

    def trees(self) -> Iterator[Tree]:
        """Every tree, by id."""
        names = set(self._trees)
        if self._file is not None:
            names.update(name for (name,) in self._file.execute("select id from trees"))
        for name in sorted(names):
            kept = name in self._trees
            tree = self.tree(name)
            if tree is not None:
                yield tree
            if not kept:
                self._trees.pop(name, None)

    @property
    def touched(self) -> frozenset[str]:
        """Trees that are in memory: all that are new, changed or asked for since the last save."""
        return frozenset(self._trees)

    def save(self) -> None:
        """Writes all that is new or touched, and lets it go."""
        if self._file is None:
            return
        file = self._file
        file.execute("begin immediate")
        try:
            trees = ((name, _dumped(tree)) for name, tree in self._trees.items())
            file.executemany("insert or replace into trees values (?, ?)", trees)
            persons = ((name, _dumped(person)) for name, person in self._persons.items())
            file.executemany("insert or replace into persons values (?, ?)", persons)
            file.executemany("insert into messages values (?, ?)", sorted(self._messages.items()))
            file.executemany("insert into events values (?)", ((name,) for name in sorted(self._events)))
            file.executemany("insert into refused values (null, ?, ?, ?, ?, ?)", self._refused)
            shared = _dumped((self.language, self.settings, self.mark))
            file.execute("insert or replace into shared values ('all', ?)", (shared,))
            file.execute("commit")
        except BaseException:
            file.execute("rollback")
            raise
        self._saved = True
        for kept in (self._trees, self._persons, self._messages, self._events, self._refused):
            kept.clear()

    def close(self) -> None:
        """Closes the file; what was not saved is gone."""
        if self._file is not None:
            self._file.close()

    def _has(self, table: str, name: str) -> bool:
        if self._file is None or not self._saved:
            return False
        return self._file.execute(f"select 1 from {table} where id = ?", (name,)).fetchone() is not None


def loaded(blob: bytes) -> Any:
    """A state of the file. Raises `Damaged`."""
    if blake2b(blob[_HASH:], digest_size=_HASH).digest() != blob[:_HASH]:
        raise Damaged("a saved state does not fit its hash")
    return pickle.loads(memoryview(blob)[_HASH:])


def _dumped(state: object) -> bytes:
    blob = pickle.dumps(state, 5)
    return blake2b(blob, digest_size=_HASH).digest() + blob
