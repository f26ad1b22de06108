"""Judges many answers in worker processes that are killed when one of them hangs.

`verify_many` yields one verdict a task, in the order of the tasks, and reads its tasks as it goes: a few dozen are
under way at a time, so any number can be streamed through. Only verifiers that can hang (math, procedural, regex) go to
a worker, and programs to a sandbox; the others are judged on the spot.

A task over its time is killed with its worker, one that takes the worker down is tried once more on a fresh one, and
both end as `verifier_failed` with the reason, never as `wrong`; the pool goes on. A worker reads the gold answer first:
one that hangs it, takes it down or does not verify against itself makes every answer to its question `unverifiable`, at
the price of one try. With `workers=0` everything runs in this process, and then nothing but math-verify's own alarm
guards against an answer that hangs. UserError where no worker can be started.

What is equal (see `content`) is judged once a pool, and with a `VerdictCache` once a machine. Over runs only verdicts that
depend on content alone are kept: not those for want of time or memory.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple

from ot_assets.verification.cache import VerdictCache
from ot_assets.verification.child import USUAL, Died, Hung, Judged, Limits, Lost, Worker
from ot_assets.verification.code import CodeVerifier
from ot_assets.verification.content import content_key
from ot_assets.verification.math import quick
from ot_assets.verification.verdict import Verdict, VerifyTask, failed, short, unverifiable
from ot_assets.verification.verify import IN_WORKER, judge

_AHEAD = 16
_HARMLESS = r"\boxed{q+1234567}"
"""A reply that no gold answer of sense hangs on."""
_REMEMBERED = 20_000
_BAD_GOLDS = 10_000


class _Awaited(NamedTuple):
    """A verdict that is there or under way; `key` where it is this task's to keep."""

    verdict: Verdict | Future[Judged]
    key: bytes | None = None


class VerifierPool:
    """A pool of verifier processes; a context manager. Workers start when first needed and are gone after `close`.

    `workers` is one a core that this process may use, at most eight, unless it is given. The cache is the caller's to close.
    """

    def __init__(
        self, workers: int | None = None, limits: Limits = USUAL, *, cache: VerdictCache | None = None
    ) -> None:
        if workers is not None and workers < 0:
            raise ValueError(f"workers must be 0 or more, not {workers}")
        self.workers = usual_workers() if workers is None else workers
        self.limits = limits
        self._cache = cache
        self._known: OrderedDict[bytes, Verdict | Future[Judged]] = OrderedDict()
        self._bad_golds: dict[tuple[str, str | None], str] = {}
        self._good_golds: set[tuple[str, str | None]] = set()
        self._bad_lock = threading.Lock()
        self._all = [Worker(limits) for _ in range(self.workers)]
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._all:
            self._free.put(worker)
        self._programs = CodeVerifier(max(1, self.workers))
        self._closed = False
        self._threads = ThreadPoolExecutor(max_workers=max(1, self.workers), thread_name_prefix="verifier")

    def verify_many(self, tasks: Iterable[VerifyTask]) -> Iterator[Verdict]:
        """One verdict a task, in order. Reads at most some 16 tasks a worker ahead."""
        if self.workers == 0:
            yield from (judge(task, max(1, round(self.limits.seconds))) for task in tasks)
            return
        under_way: deque[_Awaited] = deque()
        try:
            for task in tasks:
                under_way.append(self._begin(task))
                if len(under_way) >= _AHEAD * self.workers:
                    yield self._end(under_way.popleft())
            while under_way:
                yield self._end(under_way.popleft())
        finally:
            for awaited in under_way:
                if isinstance(awaited.verdict, Future) and awaited.verdict.cancel() and awaited.key:
                    self._known.pop(awaited.key, None)

    def verify(self, task: VerifyTask) -> Verdict:
        """One verdict."""
        return next(self.verify_many([task]))

    def close(self) -> None:
        """Ends the workers at once; what is under way ends with them."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._all:
            worker.kill()
        self._programs.close()
        self._threads.shutdown(wait=True)
        for worker in self._all:
            worker.stop()

    def __enter__(self) -> VerifierPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, task: VerifyTask) -> _Awaited:
        """The verdict where it takes no worker or is known, else one under way."""
        at_once = _at_once(task)
        if at_once is not None:
            return _Awaited(at_once)
        key = content_key(task)
        if key is None:
            return _Awaited(self._threads.submit(self._one, task))
        known = self._known.get(key)
        if known is None and self._cache is not None:
            known = self._cache.get(key)
        if known is not None:
            self._remember(key, known)
            return _Awaited(known)
        future = self._threads.submit(self._one, task)
        self._remember(key, future)
        return _Awaited(future, key)

    def _end(self, awaited: _Awaited) -> Verdict:
        """The verdict, waited for, and kept where it is this task's to keep."""
        if isinstance(awaited.verdict, Verdict):
            return awaited.verdict
        judged = awaited.verdict.result()
        if awaited.key is not None:
            self._remember(awaited.key, judged.verdict)
            if judged.lasting and self._cache is not None:
                self._cache.put(awaited.key, judged.verdict)
        return judged.verdict

    def _remember(self, key: bytes, known: Verdict | Future[Judged]) -> None:
        """Keeps a verdict for equal tasks of this pool, the last that were met."""
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _one(self, task: VerifyTask) -> Judged:
        """Judges one task on a free worker, a second time where the first worker died of it; programs in a sandbox."""
        if task.verifier == "code":
            return Judged(*self._programs.judged(task))
        worker = self._free.get()
        try:
            for attempt in (1, 2):
                if self._closed:
                    return Judged(failed(task.verifier, "the verifier pool was closed"), lasting=False)
                bad = self._bad_golds.get((task.verifier, task.gold))
                if bad is not None:
                    return Judged(unverifiable(task.verifier, bad), lasting=False)
                try:
                    return worker.judge(task)
                except Hung as hung:
                    return self._given_up(task, hung, worker)
                except Died as died:
                    if attempt == 2:
                        return self._given_up(task, died, worker)
            raise AssertionError("unreachable")
        finally:
            self._free.put(worker)

    def _given_up(self, task: VerifyTask, error: Lost, worker: Worker) -> Judged:
        """The verdict on a task that took its worker down; a gold answer that does so is not tried again."""
        why = str(error) if error.on_gold or self._closed else self._gold_fault(task, worker)
        if why is None or self._closed:
            return Judged(failed(task.verifier, str(error)), lasting=False)
        why = f"the gold answer {short(task.gold or '')!r} does not verify against itself: {why}"
        with self._bad_lock:
            if len(self._bad_golds) < _BAD_GOLDS:
                self._bad_golds[task.verifier, task.gold] = why
        return Judged(unverifiable(task.verifier, why), lasting=False)

    def _gold_fault(self, task: VerifyTask, worker: Worker) -> str | None:
        """Whether it is the gold answer that a formula cannot be compared with (`(10^9)!` equals itself, letter by letter),
        and how that ended; None where the reply was at fault. Asked once a gold answer.
        """
        gold = (task.verifier, task.gold)
        if task.verifier != "math" or gold in self._good_golds:
            return None
        try:
            worker.judge(replace(task, answer=_HARMLESS, finish_reason="stop"))
        except Lost as lost:
            return str(lost)
        with self._bad_lock:
            if len(self._good_golds) < _BAD_GOLDS:
                self._good_golds.add(gold)
        return None


def usual_workers() -> int:
    """One worker a core that this process may use, at most eight: each takes some 150 MB."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    return max(1, min(8, cores))


def verify_many(
    tasks: Iterable[VerifyTask], *, workers: int | None = None, limits: Limits = USUAL
) -> Iterator[Verdict]:
    """One verdict a task, in order, from a pool of its own that is gone when the iteration ends."""
    with VerifierPool(workers, limits) as pool:
        yield from pool.verify_many(tasks)


def _at_once(task: VerifyTask) -> Verdict | None:
    """The verdict where it takes no worker; None where it does."""
    if task.verifier == "code":
        return None
    if task.verifier not in IN_WORKER:
        return judge(task)
    return quick(task) if task.verifier == "math" else None
