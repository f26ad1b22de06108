"""Great Expectations in a process of its own, which is imported while a step works.

What belongs here: starting that process, asking it, and doing without it. Importing GX takes seconds, a quarter of a small
step; beside the step it takes a core that is idle. Contract: one such process at most for each of ours; it ends soon after
ours, even when that is killed. Whatever is wrong with it (it does not start, dies, hangs, says something else, or cannot judge
a profile), the profile is judged in this process, so an answer or an error is always GX's own; and after a failure all others
are, since GX is imported here then.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ot_assets.quality.judging import Profile, judge

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 120.0
"""How long the process may take for its start, and for one profile: another process may be building the docs."""


class _Judge:
    """The process, from this side."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._ready = False
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ot_assets.quality.judge_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )

    def ask(self, profile: Profile) -> dict[str, bool] | None:
        """None where it could not judge. Raises one of `_FAILED` when no answer comes."""
        assert self._child.stdin is not None
        patience = threading.Timer(PATIENCE_SECONDS, self._child.kill)
        patience.start()
        try:
            if not self._ready:
                self._ready = bool(self._line()["ready"])
            self._child.stdin.write(profile.to_json().encode() + b"\n")
            self._child.stdin.flush()
            said = self._line()
        finally:
            patience.cancel()
        if "error" in said:
            log.debug("expectations are judged in this process: %s", said["error"])
            return None
        return {str(name): bool(passed) for name, passed in said["passed"].items()}

    def stop(self) -> None:
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self._child.wait()

    def _line(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise EOFError("it ended, or took too long")
        said: dict[str, Any] = json.loads(line)
        return said


_FAILED = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError)
_lock = threading.Lock()
_judge: _Judge | None = None
_done_without = False


def warm() -> None:
    """Starts the process where there is none yet, and does not wait for it; nothing while it is asked."""
    if _lock.acquire(blocking=False):
        try:
            _started()
        finally:
            _lock.release()


def verdicts(profile: Profile) -> dict[str, bool]:
    """GX's word on each figure, by its name. Raises UserError or OSError when the docs' project cannot be written."""
    global _done_without
    with _lock:
        if (process := _started()) is not None:
            try:
                if (said := process.ask(profile)) is not None:
                    return said
            except _FAILED as error:
                log.warning("Great Expectations runs in this process, since the one for it failed: %s", error)
                stop()
                _done_without = True
            except BaseException:  # an interrupt: an answer that is still to come would be taken for the next one's
                stop()
                raise
    return judge(profile)


def stop() -> None:
    """Ends the process, if there is one of ours."""
    global _judge
    if _judge is not None and _judge.owner == os.getpid():
        _judge.stop()
    _judge = None


def _started() -> _Judge | None:
    """Our process; None where it cannot be had. After a fork it is the parent's, and we start our own."""
    global _judge
    if _judge is not None and _judge.owner != os.getpid():
        _judge = None
    if _judge is None and not _done_without:
        with contextlib.suppress(OSError):
            _judge = _Judge()
    return _judge


atexit.register(stop)
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
