"""Great Expectations in a process of its own, which is imported while a step works.

What belongs here: starting that process, asking it, and doing without it. Importing GX takes seconds, a quarter of a small
step; beside the step it takes a core that is idle. Contract: one such process at most for each of ours; it ends with ours,
even when that is killed. Whatever is wrong with it (it does not start, dies, hangs, says something else, or cannot judge a
profile), the profile is judged in this process, so an answer or an error is always GX's own.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
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
        paths = os.pathsep.join(path for path in sys.path if path)
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ot_assets.quality.judge_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def ask(self, profile: Profile) -> dict[str, bool] | None:
        """None where it could not judge. Raises OSError, EOFError, ValueError, KeyError or TypeError when no answer comes."""
        assert self._child.stdin is not None
        if not self._ready:
            self._ready = bool(self._line()["ready"])
        self._child.stdin.write(profile.to_json().encode() + b"\n")
        self._child.stdin.flush()
        said = self._line()
        if "error" in said:
            log.debug("expectations are judged in this process: %s", said["error"])
            return None
        return {str(name): bool(passed) for name, passed in said["passed"].items()}

    def stop(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self._child.kill()
        self._child.wait()

    def _line(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        got, until = b"", time.monotonic() + PATIENCE_SECONDS
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._child.stdout, selectors.EVENT_READ)
            while not got.endswith(b"\n"):
                if not waiting.select(max(until - time.monotonic(), 0.0)):
                    raise TimeoutError(f"no answer in {PATIENCE_SECONDS:.0f} s")
                if not (piece := os.read(self._child.stdout.fileno(), 2**16)):
                    raise EOFError("it ended")
                got += piece
        said = json.loads(got)
        if not isinstance(said, dict):
            raise TypeError(f"an answer of {type(said).__name__}")
        return said


_lock = threading.Lock()
_judge: _Judge | None = None


def warm() -> None:
    """Starts the process where there is none yet, and does not wait for it."""
    with _lock:
        _started()


def verdicts(profile: Profile) -> dict[str, bool]:
    """GX's word on each figure, by its name. Raises UserError or OSError when the docs' project cannot be written."""
    with _lock:
        if (process := _started()) is not None:
            try:
                if (said := process.ask(profile)) is not None:
                    return said
            except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
                log.debug("expectations are judged in this process: %s", error)
                stop()
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
    """Our process; None where it cannot be started. After a fork it is the parent's, and we start our own."""
    global _judge
    if _judge is None or _judge.owner != os.getpid() or not _judge.alive:
        stop()
        with contextlib.suppress(OSError):
            _judge = _Judge()
    return _judge


atexit.register(stop)
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
