"""Verdicts by content, over runs: a small SQLite file, so that an answer that was judged is not judged again.

Contract: `get` gives what was `put` under the same key, here or in another process, or nothing. It holds at most `rows`
verdicts, the oldest go first. It is a help and never a hindrance: where the file cannot be read or written (no room, a
lock, damage) the cache turns itself off, `why_off` says why, and everything is judged. Deleting the file costs time only.
What belongs into it is the pool's to choose: verdicts that depend on content alone.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from types import TracebackType

from ot_assets.verification.verdict import Verdict

ROWS = 2_000_000
"""Verdicts that a file holds at most; some 300 bytes each."""

_PENDING = 256
_TABLE = "CREATE TABLE IF NOT EXISTS verdicts (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, said TEXT NOT NULL)"


class VerdictCache:
    """A context manager over the file at `path`, which is made when the first verdict is written."""

    def __init__(self, path: Path, *, rows: int = ROWS) -> None:
        self.path = path
        self.rows = rows
        self.why_off: str | None = None
        self._connection: sqlite3.Connection | None = None
        self._pending: dict[bytes, Verdict] = {}
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Verdict | None:
        """The verdict under a key; None where there is none."""
        with self._lock:
            if key in self._pending:
                return self._pending[key]
            try:
                connection = self._open(create=False)
                row = connection and connection.execute("SELECT said FROM verdicts WHERE key = ?", (key,)).fetchone()
                return Verdict(*json.loads(row[0])) if row else None
            except (sqlite3.Error, OSError, ValueError, TypeError) as error:
                self._off(error)
                return None

    def put(self, key: bytes, verdict: Verdict) -> None:
        """Keeps a verdict. It is on disk after `flush`, or after the next few hundred."""
        with self._lock:
            if self.why_off is None:
                self._pending[key] = verdict
                if len(self._pending) >= _PENDING:
                    self._write()

    def flush(self) -> None:
        """Writes what was put."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Writes what was put and closes the file."""
        with self._lock:
            self._write()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> VerdictCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, *, create: bool) -> sqlite3.Connection | None:
        """The connection; None when the cache is off, or when there is no file and none is to be made."""
        if self.why_off is not None or self._connection is not None:
            return self._connection
        if not create and not self.path.exists():
            return None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")  # what a power cut takes is judged again
            connection.execute(_TABLE)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _write(self) -> None:
        """Writes the pending verdicts in one transaction and drops the oldest over the limit."""
        if not self._pending:
            return
        rows = [(key, json.dumps(_said(verdict))) for key, verdict in self._pending.items()]
        self._pending.clear()
        try:
            connection = self._open(create=True)
            if connection is None:
                return
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO verdicts (key, said) VALUES (?, ?)", rows)
            # ids grow by one a verdict, so their span bounds their number
            connection.execute(
                "DELETE FROM verdicts WHERE id <= (SELECT max(id) FROM verdicts) - ?",
                (self.rows,),
            )
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._off(error)

    def _off(self, error: Exception) -> None:
        """Turns the cache off for good."""
        self.why_off = f"verdicts are not kept: {self.path}: {error}; delete the file if it is damaged"
        self._pending.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _said(verdict: Verdict) -> list[str | None]:
    return [verdict.verdict, verdict.verifier, verdict.extracted, verdict.reason, verdict.evidence]
