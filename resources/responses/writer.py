"""A thread that writes replies to the store while the next ones are being made.

Contract: a reply that was `put` is committed within a second, or sooner when 64 are waiting, however long the next one
takes: so a kill loses at most that one batch. Only committed replies come out of `committed`. When a batch cannot be
written the error is raised by the next call in the caller's thread. `close` writes what is left, then ends the thread.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

from resources.generation.reply import Reply
from resources.generation.request import Request
from resources.responses.store import Meta, ResponseStore

_Item = tuple[Request, Reply, Meta]
_CAPACITY = 1024
# The caller waits in short pieces: polars, once imported, makes a wait without end deaf to Ctrl-C (its handler restarts
# the call).
_WAKE = 0.2


class BatchWriter:
    """Writes to `store` in batches of `rows`, none waiting longer than `seconds`. At most 1024 replies wait in
    memory.
    """

    def __init__(self, store: ResponseStore, *, rows: int = 64, seconds: float = 1.0) -> None:
        self._store = store
        self._rows, self._seconds = rows, seconds
        self._changed = threading.Condition()
        self._pending: list[_Item] = []
        self._since = 0.0
        self._committed: list[tuple[Request, Reply]] = []
        self._error: BaseException | None = None
        self._writing = self._flushing = self._closing = False
        self._thread = threading.Thread(target=self._run, name="response-writer", daemon=True)
        self._thread.start()

    def put(self, request: Request, reply: Reply, meta: Meta) -> None:
        """Hands a reply over; waits while the database is far behind."""
        with self._changed:
            while len(self._pending) >= _CAPACITY and self._error is None:
                self._changed.wait(_WAKE)
            self._raise()
            if not self._pending:
                self._since = time.monotonic()
            self._pending.append((request, reply, meta))
            if len(self._pending) == 1 or len(self._pending) >= self._rows:
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
            self._flushing = True
            self._changed.notify_all()
            while (self._pending or self._writing) and self._error is None:
                self._changed.wait(_WAKE)
            self._flushing = False
        return self.committed()

    def close(self) -> None:
        """Writes what is left and ends the thread; raises what stopped the writing, if anything did."""
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
        while batch := self._next_batch():
            try:
                earlier = self._store.put_many(batch)
                error = None
            except BaseException as stopped:
                earlier, error = {}, stopped
            with self._changed:
                self._writing = False
                self._error = error
                if error is None:
                    self._committed += [(request, earlier.get(request.key, reply)) for request, reply, _ in batch]
                self._changed.notify_all()
            if error is not None:
                return

    def _next_batch(self) -> list[_Item]:
        """Waits until a batch is due; an empty one when all is written and the writer is closing."""
        with self._changed:
            while not self._closing:
                age = time.monotonic() - self._since
                full = len(self._pending) >= self._rows or self._flushing
                if self._pending and (full or age >= self._seconds):
                    break
                self._changed.wait(self._seconds - age if self._pending else None)
            batch, self._pending = self._pending, []
            self._writing = bool(batch)
            self._changed.notify_all()
            return batch
