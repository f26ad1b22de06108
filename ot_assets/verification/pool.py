"""Judges many answers in worker processes that are killed when one of them hangs.

`verify_many` yields one verdict a task, in the order of the tasks, and reads its tasks as it goes: a few dozen are
under way at a time, so any number can be streamed through. Only verifiers that can hang (math, procedural) go to a
worker; the others are judged on the spot.

A task over its time is killed with its worker, one that takes the worker down is tried once more on a fresh one, and
both end as `verifier_failed` with the reason, never as `wrong`; the pool goes on. With `workers=0` everything runs in
this process, and then nothing but math-verify's own alarm guards against an answer that hangs. UserError where no
worker can be started.
"""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from ot_assets.verification.math import quick
from ot_assets.verification.verdict import Verdict, VerifyTask, failed
from ot_assets.verification.verify import IN_WORKER, judge
from resources.errors import UserError

_START_SECONDS = 180.0
_AHEAD = 16


@dataclass(frozen=True)
class Limits:
    """What one verdict may cost."""

    seconds: float = 10.0
    """Time for one verdict, imports aside."""
    memory_mb: int = 2048
    """Address space of a worker process, in MiB; libraries alone take some 600 of it."""


class VerifierPool:
    """A pool of verifier processes; a context manager. Workers start when first needed and are gone after `close`."""

    def __init__(self, workers: int = 2, limits: Limits = Limits()) -> None:
        if workers < 0:
            raise ValueError(f"workers must be 0 or more, not {workers}")
        self.workers = workers
        self.limits = limits
        self._all = [_Worker(limits) for _ in range(workers)]
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._all:
            self._free.put(worker)
        self._closed = False
        self._threads = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="verifier")

    def verify_many(self, tasks: Iterable[VerifyTask]) -> Iterator[Verdict]:
        """One verdict a task, in order. Reads at most some 16 tasks a worker ahead."""
        if self.workers == 0:
            yield from (judge(task, max(1, round(self.limits.seconds))) for task in tasks)
            return
        under_way: deque[Future[Verdict] | Verdict] = deque()
        try:
            for task in tasks:
                under_way.append(_at_once(task) or self._threads.submit(self._one, task))
                if len(under_way) >= _AHEAD * self.workers:
                    yield _value(under_way.popleft())
            while under_way:
                yield _value(under_way.popleft())
        finally:
            for future in under_way:
                if isinstance(future, Future):
                    future.cancel()

    def verify(self, task: VerifyTask) -> Verdict:
        """One verdict."""
        return next(self.verify_many([task]))

    def close(self) -> None:
        """Ends the workers at once; what is under way ends with them."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._all:
            worker.kill()
        self._threads.shutdown(wait=True)
        for worker in self._all:
            worker.stop()

    def __enter__(self) -> VerifierPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _one(self, task: VerifyTask) -> Verdict:
        """Judges one task on a free worker, a second time where the first worker died of it."""
        worker = self._free.get()
        try:
            for attempt in (1, 2):
                if self._closed:
                    return failed(task.verifier, "the verifier pool was closed")
                try:
                    return worker.judge(task)
                except _Hung as hung:
                    return failed(task.verifier, str(hung))
                except _Died as died:
                    if attempt == 2:
                        return failed(task.verifier, str(died))
            raise AssertionError("unreachable")
        finally:
            self._free.put(worker)


def verify_many(tasks: Iterable[VerifyTask], *, workers: int = 2, limits: Limits = Limits()) -> Iterator[Verdict]:
    """One verdict a task, in order, from a pool of its own that is gone when the iteration ends."""
    with VerifierPool(workers, limits) as pool:
        yield from pool.verify_many(tasks)


class _Hung(Exception):
    """A verdict took longer than its limit; the worker was killed."""


class _Died(Exception):
    """The worker process ended by itself in the middle of a verdict."""


class _Worker:
    """One verifier process, started when first asked and again after it was killed. Used by one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def judge(self, task: VerifyTask) -> Verdict:
        """The verdict, or _Hung or _Died; in both cases the next task gets a fresh process."""
        process = self._running()
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            process.stdin.flush()
            self._message(process, "started", _START_SECONDS)
            said = self._message(process, "done", self._limits.seconds)
        except (BrokenPipeError, EOFError):
            raise _Died(f"the verifier process {self._how_it_ended()} on this answer") from None
        except TimeoutError:
            self.stop()
            raise _Hung(
                f"the verifier did not come to an end within {self._limits.seconds:g} s and was killed"
            ) from None
        return Verdict(*said["verdict"])

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
            self._process = _start(self._limits)
        return self._process

    def _message(self, process: subprocess.Popen[bytes], kind: str, seconds: float) -> dict[str, Any]:
        """The next line of the worker, waiting at most `seconds`. EOFError where the process ended."""
        assert process.stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([process.stdout], [], [], seconds)
            if not ready:
                raise TimeoutError
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                raise EOFError
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        assert kind in message, f"expected {kind!r} of a verifier process, got {message}"
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
    backstop = max(2, round(limits.seconds * 1.5) + 1)
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


def _at_once(task: VerifyTask) -> Verdict | None:
    """The verdict where it takes no worker; None where it does."""
    if task.verifier not in IN_WORKER:
        return judge(task)
    return quick(task) if task.verifier == "math" else None


def _value(one: Future[Verdict] | Verdict) -> Verdict:
    return one.result() if isinstance(one, Future) else one
