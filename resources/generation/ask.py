"""Asks a model, and never twice: stored answers come from the store, the others from the engine, stored before anyone
sees them.

What belongs here: the one way in which any part of the system calls a model. Contract: `ask` streams and its memory is
bounded; every request gets one outcome, in any order; a reply is committed to the store before it is yielded; the
engine is opened only when something is missing. An engine that can (`KeepingEngine`) hands replies to the store in its
own thread and keeps their places at the endpoint until they are committed: so a kill costs at most as many calls as run
at once, and a caller that is slow costs nothing. When it stops early (an error, Ctrl-C, a caller that stops reading) all
that came is stored, and the exception is noted with what is left. Failures are yielded, never stored, so the next run
asks again. What stops every request (a wrong key, an endpoint that is down, a locked store) is raised as UserError; a
store that cannot be written is found out before anything is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from dataclasses import dataclass
from itertools import islice

from resources.generation.budget import Budget
from resources.generation.engine import Engine, Feed, KeepingEngine, Outcome
from resources.generation.progress import Counter, Progress
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.responses.store import Meta, ResponseStore
from resources.responses.writer import BatchWriter

__all__ = ["Progress", "ask"]

# Requests looked up at once: many while all of them are stored, few while an engine waits for the next ones.
_CHUNK, _FEW = 500, 64
# So many stored replies may wait while the engine pulls its next request; beyond it the engine is let run dry first.
_PILE = 2_000
# A call whose try ended so may have been billed, though nobody can read what it wrote.
_MAYBE_BILLED = ("retry:timeout", "retry:malformed")


def ask(
    store: ResponseStore,
    engine_factory: Callable[[], Engine],
    requests: Iterable[Request],
    *,
    purpose: str = "",
    total: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    budget: Budget | None = None,
    close: bool = True,
) -> Iterator[Outcome]:
    """Outcomes of the requests. `purpose` is noted beside new replies (`traces aime|r1`); `total` is for the estimated
    time; the engine is closed in the end unless `close` is False.

    Identical requests are asked for once, and each gets the outcome. When another process stored an answer to the same
    request in the meantime, that first answer is the one yielded. Raises `BudgetSpent` when a request is missing that
    does not fit into `budget` any more; everything in flight was stored then.
    """
    if total is None and isinstance(requests, Sized):
        total = len(requests)
    counter = Counter(total, progress)
    sorting = _Sorting(store, requests, budget)
    engine: Engine | None = None
    try:
        while sorting.missing or sorting.advance():
            yield from _stored(sorting, counter)
            if not sorting.missing:
                continue
            if budget is not None and not budget.admit(sorting.missing[0]):
                raise budget.stopped(counter.left())
            if engine is None:
                store.require_writable()
                engine = engine_factory()
                counter.engine_starts()
            yield from _run(_Work(store, engine, sorting, counter, Meta(purpose), budget))
        # What the engine's last pull found in the store.
        yield from _stored(sorting, counter)
    except KeyboardInterrupt as stopped:
        stopped.add_note(f"stopped: {counter.snapshot()}; what came is stored, the next run asks only for the rest")
        raise
    finally:
        counter.finish()
        if engine is not None and close:
            engine.close()


class _Sorting:
    """Splits the requests, a chunk at a time, into answers that are stored and requests that the engine must answer."""

    def __init__(self, store: ResponseStore, requests: Iterable[Request], budget: Budget | None) -> None:
        self._store, self._source, self._budget = store, iter(requests), budget
        self.ready: deque[Outcome] = deque()
        self.missing: deque[Request] = deque()
        self._waiting: dict[str, list[Request]] = {}
        self._repeats = 0
        self._held_back = False
        self._size = _FEW

    def advance(self) -> bool:
        """Looks up the next chunk; False when there is none."""
        chunk = list(islice(self._source, self._size))
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
        self._size = _FEW if self.missing else _CHUNK
        return bool(chunk)

    def feed(self) -> Feed:
        """What the engine pulls. It ends early when too much waits to be yielded, so that memory stays bounded (or brings
        None, to an engine that knows that), and when what is in flight may cost all that is left of the budget.
        """
        return Feed(self._pulled)

    def _pulled(self, feed: Feed) -> Iterator[Request | None]:
        while True:
            while self.missing:
                self._held_back = self._budget is not None and not self._budget.admit(self.missing[0])
                if self._held_back:
                    return
                yield self.missing.popleft()
            if len(self.ready) + (0 if feed.pausing else self._repeats) < _PILE:
                if not self.advance():
                    return
            elif not feed.pausing:
                return
            else:
                yield None

    def settle(self, request: Request) -> list[Request]:
        """The requests that an outcome of `request` answers: itself and its repeats."""
        same = self._waiting.pop(request.key)
        self._repeats -= len(same) - 1
        return same

    def unanswered(self) -> int:
        """How many requests have no outcome yet, beside those that the budget holds back."""
        return len(self._waiting) - (len(self.missing) if self._held_back else 0)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a run of the engine works with."""

    store: ResponseStore
    engine: Engine
    sorting: _Sorting
    counter: Counter
    meta: Meta
    budget: Budget | None

    def charge(self, request: Request, result: Reply | Failure) -> None:
        """Counts an outcome of the engine against the budget."""
        if self.budget is not None:
            self.budget.charge(request, result)

    def heard(self, name: str, number: int) -> None:
        """Takes an event of the engine, in the engine's thread."""
        if self.budget is not None and name in _MAYBE_BILLED:
            self.budget.lost(number)
        self.counter.event(name, number)


@dataclass(frozen=True, slots=True)
class _Keeping:
    """Stores replies as they come, for an engine that hands them over itself."""

    writer: BatchWriter
    work: _Work

    def put(self, request: Request, reply: Reply) -> None:
        self.work.charge(request, reply)
        self.writer.put(request, reply, self.work.meta)

    def committed(self) -> list[tuple[Request, Reply]]:
        return self.writer.committed()


def _run(work: _Work) -> Iterator[Outcome]:
    """Lets the engine answer what is missing until its feed ends."""
    if isinstance(work.engine, KeepingEngine):
        yield from _run_keeping(work, work.engine)
    else:
        yield from _run_plain(work)
    if work.sorting.unanswered():
        raise RuntimeError(f"engine {work.engine.endpoint}: {work.sorting.unanswered()} requests got no outcome")


def _run_keeping(work: _Work, engine: KeepingEngine) -> Iterator[Outcome]:
    """The engine stores; what it yields is committed."""
    sorting, counter = work.sorting, work.counter
    with BatchWriter(work.store, on_commit=engine.wake) as writer:
        engine.keeper, engine.events = _Keeping(writer, work), work.heard
        outcomes = engine.generate(sorting.feed())
        try:
            for request, result in outcomes:
                if isinstance(result, Failure):
                    work.charge(request, result)
                    yield from _failed(sorting, counter, request, result)
                else:
                    counter.answered(result)
                    yield from _settled(sorting, counter, [(request, result)])
                yield from _stored(sorting, counter)
        finally:
            # Stopped early, the engine stores what comes within its grace; the writer commits it as it closes.
            _close(outcomes)
            engine.keeper = engine.events = None


def _run_plain(work: _Work) -> Iterator[Outcome]:
    """Replies are stored here, as the engine yields them."""
    sorting, counter = work.sorting, work.counter
    with BatchWriter(work.store) as writer:
        outcomes: Iterator[Outcome | None] = work.engine.generate(sorting.feed())
        try:
            for outcome in outcomes:
                if outcome is None:
                    yield from _settled(sorting, counter, writer.flush())
                    yield from _stored(sorting, counter)
                    continue
                request, result = outcome
                work.charge(request, result)
                if isinstance(result, Failure):
                    yield from _failed(sorting, counter, request, result)
                else:
                    writer.put(request, result, work.meta)
                    counter.answered(result)
                yield from _settled(sorting, counter, writer.committed())
                yield from _stored(sorting, counter)
        except BaseException:
            _keep_arrived(work, outcomes, writer)
            raise
        yield from _settled(sorting, counter, writer.flush())


def _keep_arrived(work: _Work, outcomes: Iterator[Outcome | None], writer: BatchWriter) -> None:
    """Stops the engine and stores the replies that came but were not yielded: they are paid for."""
    _close(outcomes)
    for request, result in work.engine.arrived():
        work.charge(request, result)
        if not isinstance(result, Failure):
            writer.put(request, result, work.meta)


def _close(outcomes: Iterator[Outcome | None]) -> None:
    if isinstance(outcomes, Generator):
        outcomes.close()


def _failed(sorting: _Sorting, counter: Counter, request: Request, failure: Failure) -> Iterator[Outcome]:
    for same in sorting.settle(request):
        counter.failed(failure)
        yield Outcome(same, failure)


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
