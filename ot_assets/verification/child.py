"""One verifier process as its parent sees it: started when first asked, killed when it hangs, started again.

Belongs here: the talk with `worker` over two pipes, and the limit on a verdict's time. Contract: `judge` gives a verdict or
raises Lost (`Hung`, `Died`), which says whether it was the gold answer that did it; the next task then gets a fresh process.
UserError where no process can be started.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ot_assets.verification.verdict import Verdict, VerifyTask
from resources.errors import UserError

_START_SECONDS = 180.0
_PATIENCE = 20
"""So many times its processor time a verdict may take by the clock: what hangs works, and only what sleeps meets this."""
_GOLD = "the gold answer"
_TASKS_A_PROCESS = 5_000
"""sympy's caches grow, and a worker's memory is limited: after so many verdicts it makes place for a fresh one."""


@dataclass(frozen=True)
class Limits:
    """What one verdict may cost."""

    seconds: float = 10.0
    """Processor time for one verdict, imports aside, so that a busy machine fails no answer; at most twenty times as long
    by the clock. Where the system does not tell processor time (it is no Linux) the clock counts.
    """
    memory_mb: int = 2048
    """Address space of a worker process, in MiB; libraries alone take some 600 of it."""


USUAL = Limits()


class Judged(NamedTuple):
    """A verdict of a worker, and whether it depends on content alone."""

    verdict: Verdict
    lasting: bool


class Lost(Exception):
    """A worker is gone without a verdict. `on_gold`: it was at the gold answer then, and not yet at the reply."""

    def __init__(self, message: str, *, on_gold: bool) -> None:
        super().__init__(message)
        self.on_gold = on_gold


class Hung(Lost):
    """A verdict took longer than its limit; the worker was killed."""


class Died(Lost):
    """The worker process ended by itself in the middle of a verdict."""


class Worker:
    """One verifier process, started when first asked and again after it was killed. Used by one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._done = 0

    def judge(self, task: VerifyTask) -> Judged:
        """The verdict, or Hung or Died; in both cases the next task gets a fresh process."""
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
            raise Died(f"the verifier process {self._how_it_ended()} on {where}", on_gold=where == _GOLD) from None
        except TimeoutError:
            self.stop()
            where = _place(said, task)
            raise Hung(
                f"the verifier did not come to an end within {seconds:g} s on {where} and was killed",
                on_gold=where == _GOLD,
            ) from None
        verdict = Verdict(*said["verdict"])
        self._done += 1
        if verdict.verdict == "verifier_failed" or self._done >= _TASKS_A_PROCESS:
            self.stop()  # what ran out of memory, or was long at it, leaves no room for the next
        return Judged(verdict, lasting and verdict.verdict != "verifier_failed")

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
            self._process, self._done = start(self._limits), 0
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


def start(limits: Limits) -> subprocess.Popen[bytes]:
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
