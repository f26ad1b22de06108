"""Asks a model, and never twice: stored answers come from the store, the others from the engine, stored before anyone
sees them.

What belongs here: the one way in which any part of the system calls a model. Contract: `ask` streams and its memory is
bounded; every request gets one outcome, in any order; a reply is committed to the store before it is yielded; the
engine is opened only when something is missing. When it stops early (an error, Ctrl-C, a caller that stops reading) all
that came is stored. Failures are yielded, never stored, so the next run asks again. What stops every request (a wrong
key, an endpoint that is down, a locked store) is raised as UserError; a store that cannot be written is found out
before anything is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from itertools import islice

from resources.generation.engine import Engine, Outcome
from resources.generation.progress import Counter, Progress
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.responses.store import Meta, ResponseStore
from resources.responses.writer import BatchWriter

__all__ = ["Progress", "ask"]

_CHUNK = 500
# So many stored replies may wait while the engine pulls its next request; beyond it the engine is let run dry first.
_PILE = 2_000


def ask(
    store: ResponseStore,
    engine_factory: Callable[[], Engine],
    requests: Iterable[Request],
    *,
    purpose: str = "",
    total: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Outcome]:
    """Outcomes of the requests. `purpose` is noted beside new replies (`traces aime|r1`); `total` is for the estimated
    time.

    Identical requests are asked for once, and each gets the outcome. When another process stored an answer to the same
    request in the meantime, that first answer is the one yielded.
    """
    if total is None and isinstance(requests, Sized):
        total = len(requests)
    counter = Counter(total, progress)
    sorting = _Sorting(store, requests)
    engine: Engine | None = None
    try:
        while sorting.missing or sorting.advance():
            yield from _stored(sorting, counter)
            if not sorting.missing:
                continue
            if engine is None:
                store.require_writable()
                engine = engine_factory()
                counter.engine_starts()
            yield from _run(store, engine, sorting, counter, Meta(purpose))
        counter.finish()
    finally:
        if engine is not None:
            engine.close()


class _Sorting:
    """Splits the requests, a chunk at a time, into answers that are stored and requests that the engine must answer."""

    def __init__(self, store: ResponseStore, requests: Iterable[Request]) -> None:
        self._store, self._source = store, iter(requests)
        self.ready: deque[Outcome] = deque()
        self.missing: deque[Request] = deque()
        self._waiting: dict[str, list[Request]] = {}
        self._repeats = 0

    def advance(self) -> bool:
        """Looks up the next chunk; False when there is none."""
        chunk = list(islice(self._source, _CHUNK))
        stored = self._store.get_many(request.key for request in chunk if request.key not in self._waiting)
        for request in chunk:
            key = request.key
            if key in stored:
                self.ready.append(Outcome(request, stored[key]))
            elif key in self._waiting:
                self._waiting[key].append(request)
                self._repeats += 1
            else:
                self._waiting[key] = [request]
                self.missing.append(request)
        return bool(chunk)

    def feed(self) -> Iterator[Request]:
        """What the engine pulls. It ends early when too much waits to be yielded, so that memory stays bounded."""
        while True:
            while self.missing:
                yield self.missing.popleft()
            if len(self.ready) + self._repeats >= _PILE or not self.advance():
                return

    def settle(self, request: Request) -> list[Request]:
        """The requests that an outcome of `request` answers: itself and its repeats."""
        same = self._waiting.pop(request.key)
        self._repeats -= len(same) - 1
        return same

    def unanswered(self) -> int:
        """How many requests have no outcome yet."""
        return len(self._waiting)


def _run(store: ResponseStore, engine: Engine, sorting: _Sorting, counter: Counter, meta: Meta) -> Iterator[Outcome]:
    """Lets the engine answer what is missing until its feed ends."""
    with BatchWriter(store) as writer:
        outcomes = engine.generate(sorting.feed())
        try:
            for request, result in outcomes:
                if isinstance(result, Failure):
                    for same in sorting.settle(request):
                        counter.failed(result)
                        yield Outcome(same, result)
                else:
                    writer.put(request, result, meta)
                    counter.answered(result)
                yield from _settled(sorting, counter, writer.committed())
                yield from _stored(sorting, counter)
        except BaseException:
            _keep_arrived(engine, outcomes, writer, meta)
            raise
        yield from _settled(sorting, counter, writer.flush())
    if sorting.unanswered():
        raise RuntimeError(f"engine {engine.endpoint}: {sorting.unanswered()} requests got no outcome")


def _keep_arrived(engine: Engine, outcomes: Iterator[Outcome], writer: BatchWriter, meta: Meta) -> None:
    """Stops the engine and stores the replies that came but were not yielded: they are paid for."""
    if isinstance(outcomes, Generator):
        outcomes.close()
    for request, result in engine.arrived():
        if not isinstance(result, Failure):
            writer.put(request, result, meta)


def _settled(sorting: _Sorting, counter: Counter, committed: list[tuple[Request, Reply]]) -> Iterator[Outcome]:
    for request, reply in committed:
        first, *repeats = sorting.settle(request)
        yield Outcome(first, reply)
        for same in repeats:
            counter.stored()
            yield Outcome(same, reply)


def _stored(sorting: _Sorting, counter: Counter) -> Iterator[Outcome]:
    while sorting.ready:
        counter.stored()
        yield sorting.ready.popleft()
