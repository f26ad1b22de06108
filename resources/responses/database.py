"""One way to read and write a database for SQLite and PostgreSQL alike.

What belongs here: opening (address, pragmas, tables), transactions, waiting for locks, and turning a database's faults
into messages. Contract: `write` runs a function in one transaction, again when a lock or a lost connection stopped it,
for at most `patience` seconds; so the function must be safe to run twice, which an insert-or-ignore is. Connections are
never shared with a forked child.

SQLite runs in WAL mode (readers and one writer at once) with synchronous=NORMAL: a commit survives the end of any
process, kill -9 too, at a tenth of the time of one that waits for the disk. A power cut could take the commits since the
last `sync` back (whole ones, never half), so whoever writes calls `sync` when it has to hold against that as well.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from resources.errors import UserError
from resources.responses.faults import StoreUnreachable, explain, is_lock, is_passing, shown
from resources.responses.tables import FORMAT, INFO, METADATA, RESPONSES

Result = TypeVar("Result")

# SQLite's own waiting cannot be stopped by Ctrl-C, so it waits in short pieces and `_patiently` repeats them.
_SQLITE_WAIT_MS = 500
# The log is copied into the file when it has 32 MiB. Rows come in the order of hashes, so each touches pages of its own:
# the longer the log, the more rows share the copying of one page.
_SQLITE_LOG_PAGES = 8192
_CREATION_LOCK = 0x07A55E75


def read_url(url: str) -> sa.URL:
    """The parsed address; UserError for one that is neither SQLite nor PostgreSQL."""
    forms = "sqlite:///folder/responses.sqlite or postgresql+psycopg://user@host/database"
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        raise UserError(f"response store: {url!r} is no database URL", fix=f"write {forms}") from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise UserError(f"response store: {backend} is not supported", fix=f"write {forms}")
    if not parsed.database or parsed.database == ":memory:":
        raise UserError("response store: a store in memory forgets what was paid for", fix=f"write {forms}")
    return parsed


class Database:
    """Connections to the store at `url`, opened when first used, one set a process."""

    def __init__(self, url: str, *, patience: float = 60.0, create: bool = True) -> None:
        self.url = read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.patience = patience
        self._create = create
        self._engine: sa.Engine | None = None
        self._pid = -1
        self._reached = False

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read with; its faults are the user's errors where they can be."""
        with self._explained():
            engine = self._patiently(self._opened)
            with engine.connect() as connection:
                yield connection

    def fetch(self, query: sa.Executable) -> list[sa.Row[Any]]:
        """All rows of a query, tried again over locks and lost connections."""

        def once() -> list[sa.Row[Any]]:
            with self._opened().connect() as connection:
                return list(connection.execute(query))

        with self._explained():
            return self._patiently(once)

    def fetch_by_keys(self, columns: str, keys: Sequence[str]) -> list[sa.Row[Any]]:
        """The columns of the responses among `keys`: as `fetch`, at a third of its time for hundreds of keys."""
        mark = "?" if self.is_sqlite else "%s"
        statement = f"SELECT {columns} FROM {RESPONSES.name} WHERE key IN ({', '.join([mark] * len(keys))})"

        def once() -> list[sa.Row[Any]]:
            with self._opened().connect() as connection:
                return list(connection.exec_driver_sql(statement, tuple(keys)))

        with self._explained():
            return self._patiently(once)

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """What `work` returns, run in one transaction that is committed when this returns."""

        def once() -> Result:
            with self._opened().connect().execution_options(writes=True) as connection, connection.begin():
                return work(connection)

        with self._explained():
            return self._patiently(once)

    def sync(self) -> None:
        """Returns when what was committed is on the disk and a power cut cannot take it back. PostgreSQL does so with
        every commit.
        """
        if not self.is_sqlite:
            return
        try:
            # SQLite keeps its locks on other files, so opening and closing this one drops none of them.
            log = os.open(f"{self.url.database}-wal", os.O_RDONLY)
        except FileNotFoundError:
            return  # Closing the last connection copied the log into the file and synced that.
        try:
            os.fsync(log)
        except OSError as error:
            raise StoreUnreachable(
                f"response store {shown(self.url)}: the disk did not take what was written ({error})",
                fix="check the disk and its free space, then run again",
            ) from error
        finally:
            os.close(log)

    def close(self) -> None:
        """Closes the connections of this process. The next use opens them again."""
        if self._engine is not None:
            # A child never closes what its parent opened: the parent still uses those sockets and locks.
            self._engine.dispose(close=self._pid == os.getpid())
        self._engine = None

    def _opened(self) -> sa.Engine:
        if self._engine is None or self._pid != os.getpid():
            self.close()
            engine = self._open_sqlite() if self.is_sqlite else self._open_postgres()
            try:
                _make_tables(engine, self.url)
            except BaseException:
                engine.dispose()
                raise
            self._engine, self._pid = engine, os.getpid()
        return self._engine

    def _open_sqlite(self) -> sa.Engine:
        path = Path(self.url.database or "")
        if not path.exists():
            if not self._create:
                raise StoreUnreachable(f"response store {path}: there is no such file", fix="check the path")
            path.parent.mkdir(parents=True, exist_ok=True)
        # Every connection is left with its transaction ended, so nothing needs to be rolled back when it is returned.
        waiting = {"timeout": _SQLITE_WAIT_MS / 1000}
        engine = sa.create_engine(self.url, connect_args=waiting, pool_reset_on_return=None)
        sa.event.listen(engine, "connect", _sqlite_pragmas)
        sa.event.listen(engine, "begin", _sqlite_begin)
        with engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode != "wal":
            # Outside a transaction, as SQLite asks. It does not wait for others here by itself; `_patiently` does.
            raw = engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
            except Exception as error:
                engine.dispose()
                raise exc.OperationalError("PRAGMA journal_mode=WAL", None, error) from error
            finally:
                raw.close()
        return engine

    def _open_postgres(self) -> sa.Engine:
        try:
            return sa.create_engine(self.url, pool_pre_ping=True, pool_size=2, connect_args={"connect_timeout": 10})
        except ImportError:
            raise StoreUnreachable(
                f"response store {shown(self.url)}: psycopg is not installed",
                fix="pip install 'ot-assets[postgres]'",
            ) from None

    def _patiently(self, once: Callable[[], Result]) -> Result:
        """`once()`, repeated while it meets a lock or a passing fault, for at most `patience` seconds."""
        until = time.monotonic() + self.patience
        pause = 0.01
        while True:
            try:
                result = once()
                self._reached = True
                return result
            except exc.DBAPIError as error:
                # A server that answered before is likelier to be restarting than to be misspelt.
                passing = is_lock(error) if self.is_sqlite else is_passing(error, reached=self._reached)
                if not passing or time.monotonic() + pause > until:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 1.0)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            told = explain(error, self.url, self.patience)
            if told is None:
                raise
            raise told from error


def _sqlite_pragmas(dbapi: Any, _record: Any) -> None:
    # The driver's own transactions start too late (at the first write); `_sqlite_begin` starts ours.
    dbapi.isolation_level = None
    cursor = dbapi.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA cache_size=-32768")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_SQLITE_LOG_PAGES}")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    # A transaction that will write takes the write lock at once: taking it after a read can fail without waiting. Said to the
    # driver itself: through SQLAlchemy it takes as long as the writing of a row.
    writes = connection.get_execution_options().get("writes", False)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    try:
        connection.connection.cursor().execute(begin)
    except sqlite3.Error as error:
        raise exc.OperationalError(begin, None, error) from error


def _make_tables(engine: sa.Engine, url: sa.URL) -> None:
    """Creates what is missing, under a lock, so that processes may start at the same time; checks the format."""
    with engine.connect() as connection:
        if sa.inspect(connection).has_table(INFO.name):
            _check_format(connection, url)
            return
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATION_LOCK)))
        METADATA.create_all(connection)
        if connection.scalar(sa.select(INFO.c.value).where(INFO.c.name == "format")) is None:
            connection.execute(sa.insert(INFO).values(name="format", value=str(FORMAT)))
        _check_format(connection, url)


def _check_format(connection: sa.Connection, url: sa.URL) -> None:
    found = connection.scalar(sa.select(INFO.c.value).where(INFO.c.name == "format"))
    if found is None or not found.isdigit() or int(found) > FORMAT:
        raise StoreUnreachable(
            f"response store {shown(url)}: format {found}, this version of ot-assets reads up to {FORMAT}",
            fix="install the newer ot-assets that wrote it; nothing was changed",
        )
