"""An asyncio loop in a thread of its own, for ordinary code that needs one (also where a loop already runs, as in a notebook).

Contract: `run` waits for a coroutine in short pieces, so that Ctrl-C is heard; what is interrupted is cancelled.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

# polars, once imported, makes a wait without end deaf to Ctrl-C (its handler restarts the call).
_WAKE = 0.2


class LoopThread:
    """Runs coroutines until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while not future.done():
                with suppress(TimeoutError):
                    future.result(timeout=_WAKE)
        except BaseException:
            future.cancel()
            raise
        return future.result()

    def close(self) -> None:
        """Ends the loop and its thread; may be called twice."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
