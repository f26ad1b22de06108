"""Runs a server and lets nothing of it outlive who started it: `python guardian.py PARENT STOP_SECONDS COMMAND...`.

Contract: the guardian has a session of its own, so Ctrl-C in a terminal does not reach it. It ends the server, and every
process that descends from it, when its standard input is closed (the parent wants it, or is gone), when the parent died
(kill -9 included), on SIGTERM, or when the server ended by itself. First SIGTERM to the server, then, after
STOP_SECONDS, SIGKILL to all. The kernel hands orphans of the tree to the guardian (child subreaper), so processes that
daemonised or called setsid are found too. Its exit code is the server's (128 + n for signal n).

Stands alone: only the standard library, no import of ours, so that it starts in a moment under any Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOK = 0.2
_ORPHANED_GRACE = 3.0
_GIVE_UP = 60.0


class _Ended(Exception):
    """The server is to end, or has."""


def main() -> int:
    """Starts the command and watches; the exit code."""
    parent, grace, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _on_terminate)
    try:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_me)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        return 127
    server = _Server(started.pid)
    with contextlib.suppress(_Ended):
        server.watch(parent)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server.end(grace if os.getppid() == parent else min(grace, _ORPHANED_GRACE))
    return server.code if server.code is not None else 128 + signal.SIGKILL


class _Server:
    """The child, and its exit code once it ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None

    def watch(self, parent: int) -> None:
        """Returns when the server ended or should end."""
        while self.reap() and self.code is None and os.getppid() == parent:
            if select.select([0], [], [], _LOOK)[0] and not os.read(0, 1024):
                return

    def reap(self) -> bool:
        """Collects children that ended, adopted ones too; False when none is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                code = os.waitstatus_to_exitcode(status)
                self.code = code if code >= 0 else 128 - code

    def end(self, grace: float) -> None:
        """Ends all: politely first, then surely."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            until = time.monotonic() + grace
            while self.reap() and self.code is None and time.monotonic() < until:
                time.sleep(0.02)
        until = time.monotonic() + _GIVE_UP
        while self.reap() and time.monotonic() < until:
            for pid in (*_descendants(), self.pid if self.code is None else 0):
                if pid:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _descendants() -> Iterator[int]:
    """Every process below this one, as /proc shows them; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[1]
                    children.setdefault(int(parent), []).append(int(entry.name))
    waiting = [os.getpid()]
    while waiting:
        below = children.pop(waiting.pop(), [])
        yield from below
        waiting += below


def _on_terminate(number: int, frame: object) -> None:
    raise _Ended


def _die_with_me() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
