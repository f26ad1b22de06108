"""Where a running step tells how far it is, without knowing who listens.

A step calls `report(line)`, and beside the line, when it asks a model, hands over the figures; the command line shows the
newest state live, Dagster's log gets a line now and then. No Dagster here, so that pure modules may report too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from resources.generation.progress import Progress

OnLine = Callable[[str], None]
OnAsking = Callable[[Progress], None]


class _Listener(NamedTuple):
    line: OnLine
    asking: OnAsking | None


_listeners: ContextVar[tuple[_Listener, ...]] = ContextVar("progress_listeners", default=())


def report(line: str, asking: Progress | None = None) -> None:
    """Tells the listeners, if there are any, how far the work is. One short line; called as often as it is cheap.

    `asking` holds the figures behind the line for a listener that shows them in its own way.
    """
    for listener in _listeners.get():
        if asking is not None and listener.asking is not None:
            listener.asking(asking)
        else:
            listener.line(line)


@contextmanager
def listening(line: OnLine, asking: OnAsking | None = None) -> Iterator[None]:
    """Sends every report inside the block to `line`, beside whoever listened before; or to `asking`, if it is given and
    the report has figures.
    """
    token = _listeners.set((_Listener(line, asking), *_listeners.get()))
    try:
        yield
    finally:
        _listeners.reset(token)
