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

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from ot_assets.verification.cache import VerdictCache
from ot_assets.verification.code import CodeVerifier
from ot_assets.verification.content import content_key
from ot_assets.verification.math import quick
from ot_assets.verification.verdict import Verdict, VerifyTask, failed, short, unverifiable
from ot_assets.verification.verify import IN_WORKER, judge
from resources.errors import UserError

_START_SECONDS = 180.0
_PATIENCE = 4
_AHEAD = 16
_GOLD = "the gold answer"
_HARMLESS = r"\boxed{q+1234567}"
"""A reply that no gold answer of sense hangs on."""
_REMEMBERED = 20_000
_BAD_GOLDS = 10_000
_TASKS_A_PROCESS = 5_000
"""sympy's caches grow, and a worker's memory is limited: after so many verdicts it makes place for a fresh one."""


@dataclass(frozen=True)
class Limits:
    """What one verdict may cost."""

    seconds: float = 10.0
    """Processor time for one verdict, imports aside, so that a busy machine fails no answer; at most four times as long by
    the clock. Where the system does not tell processor time (it is no Linux) the clock counts.
    """
    memory_mb: int = 2048
    """Address space of a worker process, in MiB; libraries alone take some 600 of it."""


class _Judged(NamedTuple):
    """A verdict of a worker, and whether it depends on content alone."""

    verdict: Verdict
    lasting: bool


class _Awaited(NamedTuple):
    """A verdict that is there or under way; `key` where it is this task's to keep."""

    verdict: Verdict | Future[_Judged]
    key: bytes | None = None


class VerifierPool:
    """A pool of verifier processes; a context manager. Workers start when first needed and are gone after `close`.

    `workers` is one a core that this process may use, at most eight, unless it is given. The cache is the caller's to close.
    """

    def __init__(
        self, workers: int | None = None, limits: Limits = Limits(), *, cache: VerdictCache | None = None
    ) -> None:
        if workers is not None and workers < 0:
            raise ValueError(f"workers must be 0 or more, not {workers}")
        self.workers = usual_workers() if workers is None else workers
        self.limits = limits
        self._cache = cache
        self._known: OrderedDict[bytes, Verdict | Future[_Judged]] = OrderedDict()
        self._bad_golds: dict[tuple[str, str | None], str] = {}
        self._good_golds: set[tuple[str, str | None]] = set()
        self._bad_lock = threading.Lock()
        self._all = [_Worker(limits) for _ in range(self.workers)]
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
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

    def _remember(self, key: bytes, known: Verdict | Future[_Judged]) -> None:
        """Keeps a verdict for equal tasks of this pool, the last that were met."""
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _one(self, task: VerifyTask) -> _Judged:
        """Judges one task on a free worker, a second time where the first worker died of it; programs in a sandbox."""
        if task.verifier == "code":
            return _Judged(*self._programs.judged(task))
        worker = self._free.get()
        try:
            for attempt in (1, 2):
                if self._closed:
                    return _Judged(failed(task.verifier, "the verifier pool was closed"), lasting=False)
                bad = self._bad_golds.get((task.verifier, task.gold))
                if bad is not None:
                    return _Judged(unverifiable(task.verifier, bad), lasting=False)
                try:
                    return worker.judge(task)
                except _Hung as hung:
                    return self._given_up(task, hung, worker)
                except _Died as died:
                    if attempt == 2:
                        return self._given_up(task, died, worker)
            raise AssertionError("unreachable")
        finally:
            self._free.put(worker)

    def _given_up(self, task: VerifyTask, error: _Lost, worker: _Worker) -> _Judged:
        """The verdict on a task that took its worker down; a gold answer that does so is not tried again."""
        why = str(error) if error.on_gold or self._closed else self._gold_fault(task, worker)
        if why is None or self._closed:
            return _Judged(failed(task.verifier, str(error)), lasting=False)
        why = f"the gold answer {short(task.gold or '')!r} does not verify against itself: {why}"
        with self._bad_lock:
            if len(self._bad_golds) < _BAD_GOLDS:
                self._bad_golds[task.verifier, task.gold] = why
        return _Judged(unverifiable(task.verifier, why), lasting=False)

    def _gold_fault(self, task: VerifyTask, worker: _Worker) -> str | None:
        """Whether it is the gold answer that a formula cannot be compared with (`(10^9)!` equals itself, letter by letter),
        and how that ended; None where the reply was at fault. Asked once a gold answer.
        """
        gold = (task.verifier, task.gold)
        if task.verifier != "math" or gold in self._good_golds:
            return None
        try:
            worker.judge(replace(task, answer=_HARMLESS, finish_reason="stop"))
        except _Lost as lost:
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
    tasks: Iterable[VerifyTask], *, workers: int | None = None, limits: Limits = Limits()
) -> Iterator[Verdict]:
    """One verdict a task, in order, from a pool of its own that is gone when the iteration ends."""
    with VerifierPool(workers, limits) as pool:
        yield from pool.verify_many(tasks)


class _Lost(Exception):
    """A worker is gone without a verdict. `on_gold`: it was at the gold answer then, and not yet at the reply."""

    def __init__(self, message: str, *, on_gold: bool) -> None:
        super().__init__(message)
        self.on_gold = on_gold


class _Hung(_Lost):
    """A verdict took longer than its limit; the worker was killed."""


class _Died(_Lost):
    """The worker process ended by itself in the middle of a verdict."""


class _Worker:
    """One verifier process, started when first asked and again after it was killed. Used by one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._done = 0

    def judge(self, task: VerifyTask) -> _Judged:
        """The verdict, or _Hung or _Died; in both cases the next task gets a fresh process."""
        process = self._running()
        seconds = self._limits.seconds
        said: dict[str, Any] = {}
        lasting = True
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            process.stdin.flush()
            said = self._message(process, _START_SECONDS, _START_SECONDS)
            while "done" not in said:
                said = self._message(process, seconds, seconds * _PATIENCE)
                lasting = lasting and not said.get("by_chance")
        except (BrokenPipeError, EOFError):
            where = _place(said, task)
            raise _Died(f"the verifier process {self._how_it_ended()} on {where}", on_gold=where == _GOLD) from None
        except TimeoutError:
            self.stop()
            where = _place(said, task)
            raise _Hung(
                f"the verifier did not come to an end within {seconds:g} s on {where} and was killed",
                on_gold=where == _GOLD,
            ) from None
        verdict = Verdict(*said["verdict"])
        self._done += 1
        if verdict.verdict == "verifier_failed" or self._done >= _TASKS_A_PROCESS:
            self.stop()  # what ran out of memory, or was long at it, leaves no room for the next
        return _Judged(verdict, lasting and verdict.verdict != "verifier_failed")

    def kill(self) -> None:
        """Kills the process, if it runs. The one call that another thread may make."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """Kills the process, if it runs, waits for its end and forgets it."""
        process, self._process, self._unread = self._process, None, b""
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process, self._done = _start(self._limits), 0
        return self._process

    def _message(self, process: subprocess.Popen[bytes], seconds: float, at_most: float) -> dict[str, Any]:
        """The next line of the worker. TimeoutError once it has worked `seconds` on it, or has had `at_most` by the clock;
        EOFError where the process ended.
        """
        assert process.stdout is not None
        waiting = select.poll()  # select() refuses file descriptors from 1,024 on
        waiting.register(process.stdout, select.POLLIN)
        started, worked = time.monotonic(), _worked(process.pid)
        left = seconds
        while b"\n" not in self._unread:
            if not waiting.poll(max(1.0, left * 1000)):
                left = min(seconds - (_worked(process.pid) - worked), at_most - (time.monotonic() - started))
                if left <= 0:
                    raise TimeoutError
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                raise EOFError
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _how_it_ended(self) -> str:
        """In words, how the process ended; it is cleaned up."""
        process = self._process
        code = process.wait() if process is not None else None
        self.stop()
        if code is not None and code < 0:
            return f"was ended by signal {signal.Signals(-code).name}"
        return f"ended with status {code}"


def _start(limits: Limits) -> subprocess.Popen[bytes]:
    """Starts a worker. Its libraries get one thread each: there are as many workers as cores are wanted."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    backstop = max(2, round(limits.seconds * _PATIENCE) + 1)
    command = [sys.executable, "-m", "ot_assets.verification.worker", str(limits.memory_mb), str(backstop)]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
    except OSError as error:
        raise UserError(
            f"a verifier process could not be started: {error}",
            fix="free some memory or processes, or verify with workers=0",
        ) from error


def _worked(pid: int) -> float:
    """Seconds of processor time that a process has used; by the clock where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _place(said: dict[str, Any], task: VerifyTask) -> str:
    """What a worker was at when it was last heard of."""
    return _GOLD if task.verifier == "math" and "started" in said else "this answer"


def _at_once(task: VerifyTask) -> Verdict | None:
    """The verdict where it takes no worker; None where it does."""
    if task.verifier == "code":
        return None
    if task.verifier not in IN_WORKER:
        return judge(task)
    return quick(task) if task.verifier == "math" else None
