"""Ctrl-C at any moment: it is never lost, and nobody but `ot` itself tells of it.

What belongs here: the places where a KeyboardInterrupt ends anywhere but at the caller. One that strikes while a dead
object is cleaned up is printed and forgotten, so the run would go on: it is sent again. One that a library logs before
it passes it on would show the user a traceback of that library: such a record is dropped. Dagster raises an error of its
own for Ctrl-C inside a step (known by name, since importing Dagster takes seconds), and between steps only notes it and
may forget it: whoever calls it asks `listening_for_interrupts` afterwards.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Protocol

INTERRUPTS = frozenset({"KeyboardInterrupt", "DagsterExecutionInterruptedError"})
"""Names of the errors that Ctrl-C becomes."""

_MOMENT = 0.05
_OURS = "keeps_interrupts"


class _Unraisable(Protocol):
    @property
    def exc_type(self) -> type[BaseException]: ...
    @property
    def exc_value(self) -> BaseException | None: ...
    @property
    def exc_traceback(self) -> TracebackType | None: ...


def keep_interrupts() -> None:
    """Makes this process treat Ctrl-C so. Call it in the main thread, before any work; a second call does nothing."""
    told_before = sys.unraisablehook
    if hasattr(told_before, _OURS):
        return

    def hook(unraisable: _Unraisable) -> None:
        if _is_interrupt(unraisable.exc_type):
            # A moment later: raised in here it would be lost in the same way. To the main thread, so that its sleep ends.
            main = threading.main_thread().ident
            assert main is not None
            threading.Timer(_MOMENT, signal.pthread_kill, (main, signal.SIGINT)).start()
        else:
            told_before(unraisable)  # type: ignore[arg-type]

    setattr(hook, _OURS, True)
    sys.unraisablehook = hook
    for handler in (logging.lastResort, *logging.getLogger().handlers):
        if handler is not None:
            handler.addFilter(_is_no_interrupt)


@contextmanager
def listening_for_interrupts() -> Iterator[Callable[[], bool]]:
    """Says, when asked, whether SIGINT has come since, whatever handler it met. Outside the main thread always False."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    out, into = os.pipe()
    os.set_blocking(out, False)
    os.set_blocking(into, False)
    came = False

    def heard() -> bool:
        nonlocal came
        with suppress(BlockingIOError):
            came = came or signal.SIGINT in os.read(out, 4096)
        return came

    before = signal.set_wakeup_fd(into, warn_on_full_buffer=False)
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(before)
        os.close(into)
        os.close(out)


def _is_no_interrupt(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not _is_interrupt(kind)


def _is_interrupt(kind: type[BaseException]) -> bool:
    return any(one.__name__ in INTERRUPTS for one in kind.__mro__)
