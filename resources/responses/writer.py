"""A thread that writes replies to the store while the next ones are being made.

Contract: a reply that was `put` is written at once when the thread is idle, and otherwise with all others that came
while it wrote: so batches are as large as the database is slow, and a kill loses at most what came during one commit.
A power cut can take back what was committed in its last second. Only committed replies come out of `committed`. When a
batch cannot be written the error, saying how many replies it cost, is raised by the next call in the caller's
thread. `close` writes what is left, then ends the thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from resources.errors import UserError
from resources.generation.reply import Reply
from resources.generation.request import Request
from resources.responses.store import TRANSACTION, Meta, ResponseStore

_Item = tuple[Request, Reply, Meta]
_CAPACITY = 1024
# The caller waits in short pieces: polars, once imported, makes a wait without end deaf to Ctrl-C (its handler restarts
# the call).
_WAKE = 0.2
# How long what is committed may wait for the disk, in seconds.
_SYNC = 1.0


class BatchWriter:
    """Writes to `store` in batches of up to `rows`. At most 1024 replies wait in memory.

    `on_commit` is called in the writer's thread after each commit, and when writing stopped with an error: the caller
    then finds out with `committed`.
    """

    def __init__(
        self, store: ResponseStore, *, rows: int = TRANSACTION, on_commit: Callable[[], None] | None = None
    ) -> None:
        self._store, self._rows, self._on_commit = store, rows, on_commit
        self._changed = threading.Condition()
        self._pending: list[_Item] = []
        self._writing = 0
        self._committed: list[tuple[Request, Reply]] = []
        self._error: BaseException | None = None
        self._closing = False
        # When what is committed and not yet safe from a power cut is due to be; None when there is no such thing.
        self._sync_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="response-writer", daemon=True)
        self._thread.start()

    @property
    def uncommitted(self) -> int:
        """How many replies were put and are not committed. After an error: how many are lost."""
        with self._changed:
            return len(self._pending) + self._writing

    def put(self, request: Request, reply: Reply, meta: Meta) -> None:
        """Hands a reply over; waits while the database is far behind."""
        with self._changed:
            while len(self._pending) >= _CAPACITY and self._error is None:
                self._changed.wait(_WAKE)
            self._raise()
            self._pending.append((request, reply, meta))
            if not self._writing:
                self._changed.notify_all()

    def committed(self) -> list[tuple[Request, Reply]]:
        """The replies committed since the last call, each with the answer that is stored (the first one)."""
        with self._changed:
            self._raise()
            done, self._committed = self._committed, []
        return done

    def flush(self) -> list[tuple[Request, Reply]]:
        """Waits until all that was put is committed; then as `committed`."""
        with self._changed:
            while (self._pending or self._writing) and self._error is None:
                self._changed.wait(_WAKE)
        return self.committed()

    def close(self) -> None:
        """Writes what is left, safe from a power cut too, and ends the thread; raises what stopped the writing, if
        anything did.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        while self._thread.is_alive():
            self._thread.join(_WAKE)
        self._raise()

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Exception as late:
            # What stopped the caller comes first; that the writing failed too is noted on it.
            if error is None:
                raise
            if error is not late:
                error.add_note(f"the last replies could not be stored: {late}")

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                if batch:
                    self._write(batch)
                self._sync_if_due()
        except BaseException as stopped:
            self._stop(stopped)

    def _write(self, batch: list[_Item]) -> None:
        earlier = self._store.put_many(batch, sync=False)
        with self._changed:
            self._committed += [(request, earlier.get(request.key, reply)) for request, reply, _ in batch]
            self._writing = 0
            self._sync_at = self._sync_at or time.monotonic() + _SYNC
            self._changed.notify_all()
        if self._on_commit is not None:
            self._on_commit()

    def _sync_if_due(self) -> None:
        due = self._sync_at
        if due is not None and (self._closing or time.monotonic() >= due):
            self._sync_at = None
            self._store.sync()

    def _next_batch(self) -> list[_Item] | None:
        """Waits for something to write; an empty batch when only a sync is due; None when all is done and the writer
        is closing.
        """
        with self._changed:
            while not self._pending and not self._closing:
                left = None if self._sync_at is None else self._sync_at - time.monotonic()
                if left is not None and left <= 0:
                    return []
                self._changed.wait(left)
            batch, self._pending = self._pending[: self._rows], self._pending[self._rows :]
            self._writing = len(batch)
            self._changed.notify_all()
            return batch if batch or self._sync_at is not None else None

    def _stop(self, error: BaseException) -> None:
        with self._changed:
            lost = len(self._pending) + self._writing
            if lost and isinstance(error, UserError):
                error.what += f"; {lost} replies that had come are not stored and will be asked for again"
            self._error = error
            self._changed.notify_all()
        if self._on_commit is not None:
            # The callback may be what failed; the first error is the one to tell.
            with suppress(Exception):
                self._on_commit()
