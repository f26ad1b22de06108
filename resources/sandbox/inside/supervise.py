"""One test: its process in a namespace of its own, its limits, and the account of how it ended.

The tested program is process 1 of its process namespace: when it ends, or is ended, the kernel ends whatever it left
running before it is reaped here, and its mounts go with it.

The account: `ended` is `exit` (with `code`), `signal` (with `code`), `time`, `memory`, `output`, or `broken` (the
sandbox's own fault, with `why`); `stdout`, `stderr`, `result` are what was written; `seconds` is how long it took.
"""

from __future__ import annotations

import base64
import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resources.sandbox.inside import kernel, tested

_LOOK_EVERY = 0.025
_PATIENCE = 3
"""A program that a busy machine keeps waiting gets this many times its wall time, and never more processor time."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STREAMS = ("stdout", "stderr", "result")


@dataclass
class _Test:
    """A tested program that runs."""

    pid: int
    ended: int
    """Readable once it has ended."""
    stdin: int
    unsent: memoryview
    streams: dict[int, bytearray]
    """Descriptor -> what came out of it, in the order of `_STREAMS`."""
    setup: int
    most: int
    """Bytes that each stream may hold."""
    seconds: float
    """How long it may take."""
    started: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        """Closes every descriptor."""
        for descriptor in (self.ended, self.stdin, *self.streams, self.setup):
            if descriptor >= 0:
                os.close(descriptor)


def account(request: dict[str, Any], own: int) -> dict[str, Any]:
    """Runs a test and says how it ended. `own` is the server's own process namespace."""
    test = None
    try:
        test = _start(request, own)
        return _refused(test) or _watched(test, request["limits"])
    except OSError as error:
        return {"ended": "broken", "why": str(error)}
    finally:
        if test is not None:
            _end(test)
            test.close()


def _start(request: dict[str, Any], own: int) -> _Test:
    """Forks the program into a new process namespace, its streams being pipes."""
    stdin, stdout, stderr, result, setup = pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(5)]
    theirs = (stdin[0], stdout[1], stderr[1], result[1], setup[1])
    try:
        kernel.unshare(kernel.NEW_PIDS)
        pid = os.fork()
        if pid == 0:
            tested.begin(request, theirs)
        kernel.enter(own, kernel.NEW_PIDS)
        ended = os.pidfd_open(pid)
    except OSError:
        for descriptor in (one for pipe in pipes for one in pipe):
            os.close(descriptor)
        raise
    for descriptor in theirs:
        os.close(descriptor)
    for descriptor in (stdin[1], stdout[0], stderr[0], result[0]):
        os.set_blocking(descriptor, False)
    given = memoryview(base64.b64decode(request.get("stdin") or ""))
    streams = {stdout[0]: bytearray(), stderr[0]: bytearray(), result[0]: bytearray()}
    limits = request["limits"]
    most, seconds = int(limits["output_kb"]) * 1024, float(limits["seconds"])
    return _Test(pid, ended, stdin[1], given, streams, setup[0], most, seconds)


def _refused(test: _Test) -> dict[str, Any] | None:
    """None once every wall stands around the program; else the account of why one does not."""
    said = b""
    while chunk := os.read(test.setup, 4096):
        said += chunk
    test.started = time.monotonic()
    if said == b"ready":
        return None
    return {"ended": "broken", "why": said.decode(errors="replace") or "the guarded process ended at its start"}


def _watched(test: _Test, limits: dict[str, Any]) -> dict[str, Any]:
    """The account, when the program has ended or was ended."""
    deadline, look = test.started + test.seconds, test.started + _LOOK_EVERY
    poll = select.poll()
    for descriptor in (test.ended, *test.streams):
        poll.register(descriptor, select.POLLIN)
    _give(test)
    if test.stdin >= 0:
        poll.register(test.stdin, select.POLLOUT)
    while True:
        ready = dict(poll.poll(_LOOK_EVERY * 1000))
        why = _moved(test, ready, poll)
        if why or test.ended in ready:
            return _account(test, why)
        now = time.monotonic()
        if now >= deadline and not (_starved(test) and now < test.started + _PATIENCE * test.seconds):
            return _account(test, "time")
        if now >= look:
            if _over_memory(int(limits["memory_mb"]) * 1024 * 1024):
                return _account(test, "memory")
            look = time.monotonic() + _LOOK_EVERY


def _moved(test: _Test, ready: dict[int, int], poll: select.poll) -> str:
    """Moves what can be moved; `output` where the program wrote more than it may."""
    if test.stdin in ready:
        stdin = test.stdin
        _give(test)
        if test.stdin < 0:
            poll.unregister(stdin)
    for descriptor, found in test.streams.items():
        if descriptor in ready and not _read(descriptor, found, test.most):
            poll.unregister(descriptor)
        if len(found) > test.most:
            return "output"
    return ""


def _read(descriptor: int, found: bytearray, most: int) -> bool:
    """Reads what there is, up to a little over `most`; False at the end of the stream."""
    while len(found) <= most:
        try:
            chunk = os.read(descriptor, 65536)
        except BlockingIOError:
            return True
        if not chunk:
            return False
        found += chunk
    return True


def _give(test: _Test) -> None:
    """Writes some of the input; closes it when all is written or nobody reads it."""
    try:
        while test.unsent:
            test.unsent = test.unsent[os.write(test.stdin, test.unsent[:65536]) :]
    except BlockingIOError:
        return
    except BrokenPipeError:
        pass
    os.close(test.stdin)
    test.stdin = -1


def _starved(test: _Test) -> bool:
    """Whether the program is ready to run but had less than half of its time on a processor."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{test.pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0] == "R" and (int(fields[11]) + int(fields[12])) / _TICKS < test.seconds / 2
    return False


def _over_memory(most: int) -> bool:
    """Whether all processes of the test together hold more than they may."""
    return _held("statm") > most and _held("smaps_rollup") > most  # the second is slow, and counts shared pages once


def _held(file: str) -> int:
    """Memory of all processes but the server, in bytes."""
    total = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or process.name == "1":
            continue
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            text = (process / file).read_text()
            if file == "statm":
                total += int(text.split()[1]) * _PAGE
            else:
                total += int(text.split("\nPss:")[1].split()[0]) * 1024
    return total


def _end(test: _Test) -> int:
    """Ends the program and all that came of it; its exit code, negative for a signal."""
    if test.pid < 0:
        return 0
    with suppress(ProcessLookupError):
        os.kill(test.pid, signal.SIGKILL)
    _, status = os.waitpid(test.pid, 0)
    test.pid = -1
    return os.waitstatus_to_exitcode(status)


def _account(test: _Test, why: str) -> dict[str, Any]:
    """How it ended, with everything ended."""
    seconds = time.monotonic() - test.started
    code = _end(test)
    for descriptor, found in test.streams.items():
        _read(descriptor, found, test.most)
    if not why and any(len(found) > test.most for found in test.streams.values()):
        why = "output"
    if not why and code in (-signal.SIGXCPU, -signal.SIGKILL) and seconds > test.seconds / 2:
        why = "time"  # several threads at once use their processor time up before the clock does
    streams = zip(_STREAMS, test.streams.values(), strict=True)
    written = {name: base64.b64encode(found[: test.most]).decode() for name, found in streams}
    return {
        "ended": why or ("signal" if code < 0 else "exit"),
        "code": abs(code),
        "seconds": round(seconds, 4),
        **written,
    }
