"""One maker at a time: file locks between processes and threads.

What belongs here: flock on a file, with the holder's name in it for whoever waits. The kernel drops the lock when the
holder dies, however it dies, so there are no stale locks to clean. Where a file system has no locks (some network
ones), the log says so and work goes on without. Fails with RuntimeError when a thread asks for a lock that it holds.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)

_FIRST_WAIT = 0.02
_LONGEST_WAIT = 0.25
_REMIND_SECONDS = 60.0
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_held: set[tuple[str, int]] = set()


@contextlib.contextmanager
def hold(path: Path, what: str, *, shared: bool = False) -> Iterator[None]:
    """Holds the lock file for the length of the block, waiting for it as long as it takes and saying so in the log."""
    mine = (str(path), threading.get_ident())
    if mine in _held:
        raise RuntimeError(f"this thread already holds the lock of {what}: waiting for itself would never end")
    handle = _open(path)
    try:
        _acquire(handle, path, what, shared)
        _held.add(mine)
        try:
            yield
        finally:
            _held.discard(mine)
            _release(handle, shared)
    finally:
        os.close(handle)


@contextlib.contextmanager
def try_hold(path: Path, what: str) -> Iterator[bool]:
    """Yields whether the lock was free; holds it for the block if it was."""
    handle = _open(path)
    try:
        taken = _try(handle, fcntl.LOCK_EX)
        if taken:
            _sign(handle, what)
        try:
            yield taken
        finally:
            if taken:
                _release(handle, shared=False)
    finally:
        os.close(handle)


def holder(path: Path) -> str:
    """Who holds the lock, in words, as the holder signed it. Children that it forked have a share in its lock."""
    try:
        found = json.loads(path.read_text())
        name = f"pid {found['pid']} on {found['host']} since {found['since']}"
        ended = found["host"] == socket.gethostname() and not Path(f"/proc/{found['pid']}").exists()
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
    return f"{name}, which has ended: a process that it started still holds it" if ended else name


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _acquire(handle: int, path: Path, what: str, shared: bool) -> None:
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    wait, told, told_at = _FIRST_WAIT, "", 0.0
    while not _try(handle, mode):
        who = holder(path)
        if who != told or time.monotonic() - told_at > _REMIND_SECONDS:
            log.warning("waiting for the lock of %s, held by %s (%s)", what, who, path)
            told, told_at = who, time.monotonic()
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
    if told:
        log.info("got the lock of %s", what)
    if not shared:
        _sign(handle, what)


def _try(handle: int, mode: int) -> bool:
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        log.warning("this file system has no file locks (%s): do not let two processes make one partition", error)
    return True


def _release(handle: int, shared: bool) -> None:
    with contextlib.suppress(OSError):
        if not shared:
            os.ftruncate(handle, 0)
        # A child that was forked meanwhile has a copy of the handle, so closing ours alone would not let go.
        fcntl.flock(handle, fcntl.LOCK_UN)


def _sign(handle: int, what: str) -> None:
    """Leaves the holder's name for whoever waits. A full disk must not stop a lock."""
    name = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "what": what,
    }
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(name).encode(), 0)
