"""Where a running step tells how far it is, without knowing who listens.

A step calls `report(line)`; the command line shows the newest line live, Dagster's log gets one now and then. No Dagster here,
so that pure modules may report too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("progress_listener", default=None)


def report(line: str) -> None:
    """Tells the listener, if there is one, how far the work is. One short line; called as often as it is cheap."""
    listener = _listener.get()
    if listener is not None:
        listener(line)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Sends every report inside the block to `listener`, beside whoever listened before."""
    outer = _listener.get()

    def both(line: str) -> None:
        listener(line)
        if outer is not None:
            outer(line)

    token = _listener.set(both)
    try:
        yield
    finally:
        _listener.reset(token)
