"""Readings of texts that were read before: a small SQLite file, so that a source that is added is all that is read anew.

Contract: `read` gives what `numbers.read` gives, whatever the file holds. It is a help and never a hindrance: where the
file cannot be read or written it is left alone and every text is read. Deleting it costs time only. It is kept by the
version of the rules, and by the hash of a text to the letter.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from pathlib import Path
from types import TracebackType

from ot_assets.curation.dedup.numbers import VERSION, Reading, read

_AT_ONCE = 500
_TABLE = f"readings_{VERSION}"


class Readings:
    """A context manager over the file at `path`; None = no cache."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Readings:
        if self._path is not None:
            with contextlib.suppress(sqlite3.Error, OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, timeout=30)
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=OFF")
                self._connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {_TABLE} "
                    "(key BLOB PRIMARY KEY, normal TEXT, strict TEXT, soft TEXT) WITHOUT ROWID"
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def read(self, texts: list[str]) -> list[Reading]:
        """The readings of the texts, in order."""
        if self._connection is None:
            return [read(text) for text in texts]
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        known = self._known(keys)
        fresh: dict[bytes, Reading] = {}
        for key, text in zip(keys, texts, strict=True):
            if key not in known and key not in fresh:
                fresh[key] = read(text)
        self._keep(fresh)
        return [known[key] if key in known else fresh[key] for key in keys]

    def _known(self, keys: list[bytes]) -> dict[bytes, Reading]:
        found: dict[bytes, Reading] = {}
        with contextlib.suppress(sqlite3.Error):
            assert self._connection is not None
            keys = sorted(keys)  # neighbours share pages: half the time
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                asked = f"SELECT key, normal, strict, soft FROM {_TABLE} WHERE key IN ({marks})"
                found.update((key, Reading(*said)) for key, *said in self._connection.execute(asked, some))
        return found

    def _keep(self, fresh: dict[bytes, Reading]) -> None:
        # A lone surrogate is no UTF-8: such a text is read anew each time.
        rows = sorted((key, *reading) for key, reading in fresh.items() if _storable(reading))
        with contextlib.suppress(sqlite3.Error):
            assert self._connection is not None
            with self._connection:
                self._connection.executemany(f"INSERT OR IGNORE INTO {_TABLE} VALUES (?, ?, ?, ?)", rows)


def _storable(reading: Reading) -> bool:
    try:
        "".join(reading).encode()
    except UnicodeEncodeError:
        return False
    return True
