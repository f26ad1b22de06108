"""The event log's database: that of the response store, with other tables and its own name in messages.

Belongs here: what differs from `resources.responses.database`, which opens, locks, waits and explains. Fails with UserError
for what a person can mend.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from resources.contributions.tables import FORMAT, INFO, METADATA
from resources.errors import UserError
from resources.responses.database import Database
from resources.responses.faults import shown

CREATION_LOCK = 0x07A55E76
WRITING_LOCK = 0x07A55E77
"""Numbers of PostgreSQL's advisory locks: who makes the tables, who appends."""


class LogDatabase(Database):
    """Connections to the log at `url`. `create`: whether a SQLite file that is not there is made."""

    def __init__(self, url: str, *, patience: float = 60.0, create: bool = True) -> None:
        with _named():
            super().__init__(url, patience=patience, create=create)
        self._opening = threading.Lock()

    @property
    def where(self) -> str:
        """The log's path or address, without a password."""
        return shown(self.url)

    @property
    def there(self) -> bool:
        """Whether there is anything to read: asking a log that nobody wrote yet does not make it."""
        return not self.is_sqlite or Path(self.url.database or "").exists()

    def _opened(self) -> sa.Engine:
        if self._engine is None or self._pid != os.getpid():
            with self._opening:  # of two threads one would open connections that nobody closes
                if self._engine is None or self._pid != os.getpid():
                    self._open()
        assert self._engine is not None
        return self._engine

    def _open(self) -> None:
        self.close()
        engine = self._open_sqlite() if self.is_sqlite else self._open_postgres()
        try:
            _make_tables(engine, self.where)
        except BaseException:
            engine.dispose()
            raise
        self._pid = os.getpid()  # first: another thread takes the engine as soon as it is there
        self._engine = engine

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with _named(), super()._explained():
            yield

    def sync(self) -> None:
        """As `Database.sync`."""
        with _named():
            super().sync()

    def checkpoint(self) -> None:
        """Copies SQLite's log into the file and empties it, so that what was overwritten is nowhere any more."""

        def once() -> None:
            with self._opened().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                # Returns (busy, ...) instead of waiting where someone still reads; then the next commit does it.
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        with self._explained():
            self._patiently(once)


@contextmanager
def _named() -> Iterator[None]:
    """Messages of the response store name this one instead."""
    try:
        yield
    except UserError as error:
        what = error.what.replace("response store", "event log").replace("what was paid for", "what people wrote")
        raise type(error)(what, fix=error.fix.replace("responses.sqlite", "events.sqlite")) from error


def serialized(connection: sa.Connection) -> None:
    """One writer at a time until the transaction ends, so that `seq` is also the order of commits. SQLite is so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITING_LOCK)))


def _make_tables(engine: sa.Engine, where: str) -> None:
    """Creates what is missing, under a lock, so that processes may start at the same time; checks the format."""
    with engine.connect() as connection:
        if sa.inspect(connection).has_table(INFO.name):
            _check_format(connection, where)
            return
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATION_LOCK)))
        METADATA.create_all(connection)
        if connection.scalar(sa.select(INFO.c.value).where(INFO.c.name == "format")) is None:
            values = {"format": str(FORMAT), "seq": "0", "purges": "0"}
            connection.execute(sa.insert(INFO), [{"name": name, "value": value} for name, value in values.items()])
        _check_format(connection, where)


def _check_format(connection: sa.Connection, where: str) -> None:
    found = connection.scalar(sa.select(INFO.c.value).where(INFO.c.name == "format"))
    if found is None or not found.isdigit() or int(found) > FORMAT:
        raise UserError(
            f"event log {where}: format {found}, this version of ot-assets reads up to {FORMAT}",
            fix="install the newer ot-assets that wrote it; nothing was changed",
        )
