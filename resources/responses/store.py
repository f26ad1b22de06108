"""Every reply that any model gave, by the key of its request: bought once, never twice (DESIGN contract 2).

What belongs here: reading and writing replies, and looking at what is stored. Contract: a reply is written raw, as it
came, and read again by today's parser; the first answer to a request wins and is never replaced; nothing here deletes.
Any number of processes may write at once. A transaction is whole or absent after any crash. Faults that a user can mend
are UserErrors that name the file (faults.py): locked for longer than `patience`, damaged, full, not reachable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Self

import sqlalchemy as sa

from resources.generation.reply import MalformedReply, Reply, parse_reply
from resources.generation.request import Request
from resources.responses.database import Database
from resources.responses.faults import StoreDamaged, shown
from resources.responses.inserting import Meta, SomeStored, insert_all, insert_missing, row_values
from resources.responses.packing import Packer
from resources.responses.tables import RESPONSES

__all__ = ["TRANSACTION", "Meta", "ResponseStore", "StoredResponse", "chunks"]

_LOOKUP = 500
TRANSACTION = 256


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A stored row: the request and reply as they went and came, and what was noted."""

    key: str
    model: str
    revision: str
    endpoint: str
    sample_index: int
    purpose: str
    created_at: str
    request: bytes
    reply: Reply


class ResponseStore:
    """The store at `url`: `sqlite:///path/responses.sqlite` or `postgresql+psycopg://user@host/database`.

    `patience` is how long, in seconds, to wait for a lock or a lost server. With `create=False` a SQLite file that is
    not there is an error. The file and its folder are made, and the server reached, at the first use. Safe to pickle
    and to fork.
    """

    def __init__(self, url: str, *, patience: float = 60.0, create: bool = True) -> None:
        self._arguments = (url, patience, create)
        self._database = Database(url, patience=patience, create=create)
        self._packer = Packer()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, self._arguments

    @property
    def where(self) -> str:
        """The store's path or address, without a password."""
        return shown(self._database.url)

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The stored replies among `keys`, by key. Keys that are not stored are not in the result."""
        found: dict[str, Reply] = {}
        for some in chunks(dict.fromkeys(keys), _LOOKUP):
            for row in self._database.fetch_by_keys("key, reply, seconds, cost", some):
                found[row.key] = self._read(row)
        return found

    def has_many(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that are stored. Reads no reply, so it says nothing of whether one is damaged."""
        found: set[str] = set()
        for some in chunks(dict.fromkeys(keys), _LOOKUP):
            found.update(row[0] for row in self._database.fetch_by_keys("key", some))
        return found

    def put_many(self, rows: Iterable[tuple[Request, Reply, Meta]], *, sync: bool = True) -> dict[str, Reply]:
        """Writes replies, durably when this returns; a key that is stored already keeps its first answer.

        Returns the first answers of the keys that were there before, so that a caller can go on with what is stored.
        Rows are written 256 to a transaction. A reply without its raw payload is refused (ValueError). With
        `sync=False` a power cut, but no kill, can take the rows back until `sync` is called: see writer.
        """
        earlier: dict[str, Reply] = {}
        for some in chunks(rows, TRANSACTION):
            batch: dict[str, tuple[Request, Reply, Meta]] = {}
            for row in some:
                batch.setdefault(row[0].key, row)
            # In the order of keys: two writers that share keys then wait for one another and cannot deadlock.
            values = row_values(self._packer, [batch[key] for key in sorted(batch)])
            try:
                self._database.write(partial(insert_all, values))
            except SomeStored:
                earlier |= self.get_many(batch.keys() - self._database.write(partial(insert_missing, values)))
        if sync:
            self._database.sync()
        return earlier

    def sync(self) -> None:
        """Returns when everything that was put is safe from a power cut too."""
        self._database.sync()

    def require_writable(self) -> None:
        """Raises what a write would raise now (locked, read-only, full, damaged), before anything is paid for."""
        self._database.write(lambda connection: None)

    def find(self, prefix: str) -> list[StoredResponse]:
        """Up to 10 stored responses whose key starts with `prefix` (hex digits)."""
        if not prefix or set(prefix) - set("0123456789abcdef"):
            return []
        # A range instead of LIKE: both databases answer it from the key's own index.
        key = RESPONSES.c.key
        query = sa.select(RESPONSES).where(key >= prefix, key < prefix + "g").order_by(key).limit(10)
        return [self._stored(row) for row in self._database.fetch(query)]

    def rows(self, *, purpose: str | None = None, model: str | None = None) -> Iterator[StoredResponse]:
        """All stored responses in the order of their keys, a page at a time; only those whose purpose begins so, or of
        one model (its key, or its whole identity `key:model`), if given.
        """
        query = sa.select(RESPONSES).order_by(RESPONSES.c.key).limit(_LOOKUP)
        if purpose is not None:
            query = query.where(RESPONSES.c.purpose.startswith(purpose, autoescape=True))
        if model is not None:
            of_key = RESPONSES.c.model.startswith(f"{model}:", autoescape=True)
            query = query.where(sa.or_(RESPONSES.c.model == model, of_key))
        last = ""
        while page := self._database.fetch(query.where(RESPONSES.c.key > last)):
            for row in page:
                yield self._stored(row)
            last = page[-1].key

    def query(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Rows of a read-only statement over `tables.RESPONSES`."""
        return self._database.fetch(statement)

    def problems(self) -> Iterator[str]:
        """What is damaged, one line a fault; nothing when all is well. Reads everything."""
        if self._database.is_sqlite:
            for row in self._database.fetch(sa.text("PRAGMA quick_check(20)")):
                if row[0] != "ok":
                    yield f"{self.where}: {row[0]}"
        last = ""
        query = sa.select(RESPONSES).order_by(RESPONSES.c.key).limit(_LOOKUP)
        while page := self._database.fetch(query.where(RESPONSES.c.key > last)):
            for row in page:
                try:
                    stored = self._stored(row)
                except StoreDamaged as error:
                    yield error.what
                    continue
                if hashlib.sha256(stored.request).hexdigest() != row.key:
                    yield f"response store {self.where}: the request of {row.key} does not hash to its key"
            last = page[-1].key

    def close(self) -> None:
        """Closes the connections. The store may be used again; it opens them anew."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, row: sa.Row[Any]) -> Reply:
        payload = self._packer.unpack(row.reply, row.key, self.where)
        try:
            return parse_reply(payload, seconds=row.seconds, cost=row.cost)
        except MalformedReply as error:
            raise StoreDamaged(
                f"response store {self.where}: response {row.key} is no chat completion: {error}",
                fix="a newer ot-assets may have written it; if not, delete that one row to have the answer bought again",
            ) from None

    def _stored(self, row: sa.Row[Any]) -> StoredResponse:
        return StoredResponse(
            key=row.key,
            model=row.model,
            revision=row.revision,
            endpoint=row.endpoint,
            sample_index=row.sample_index,
            purpose=row.purpose,
            created_at=row.created_at,
            request=self._packer.unpack(row.request, row.key, self.where),
            reply=self._read(row),
        )


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of up to `size` items, in order."""
    source = iter(items)
    while some := list(islice(source, size)):
        yield some


def _reopen(url: str, patience: float, create: bool) -> ResponseStore:
    return ResponseStore(url, patience=patience, create=create)
