"""Who may call an endpoint now: concurrency, pauses and rates in one place.

Contract: lives in one asyncio loop. At most `limit` calls run at once; a 429 pauses everybody until the endpoint is
ready again and takes the limit down by a third, successes bring it back one by one, so that a shared limit is found
instead of fought. Declared rates (requests and tokens a minute) hold calls back before the endpoint has to.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress


class Gate:
    """Lets calls through: `await enter()`, then `leave()`. Rates are per minute; None means that no rate is declared.

    Only `enter` waits: nothing can be cancelled between the arrival of a reply and its being noted.
    """

    def __init__(self, concurrency: int, requests: float | None = None, tokens: float | None = None) -> None:
        self._most = self.limit = concurrency
        self._interval = 60 / requests if requests else 0.0
        self._tokens = tokens
        self._credit = tokens or 0.0
        self._credited = time.monotonic()
        self._running = 0
        self._successes = 0
        self._next = self._resume = 0.0
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Waits for a turn and takes it."""
        while True:
            wait = self._wait()
            if self._running < self.limit and wait <= 0:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait if wait > 0 else None)
        self._running += 1
        self._next = max(self._next, time.monotonic()) + self._interval

    def leave(self) -> None:
        """Gives the turn back."""
        self._running -= 1
        self._tell()

    def slow_down(self, seconds: float) -> None:
        """The endpoint asked for fewer calls: nobody calls for `seconds`, then fewer do."""
        now = time.monotonic()
        if now >= self._resume:
            # Calls that were under way together bring their 429s together: one step down for all of them.
            self.limit = max(1, self.limit * 2 // 3)
        self._resume = max(self._resume, now + seconds)
        self._successes = 0

    def speed_up(self, tokens: int) -> None:
        """A call succeeded and used so many tokens."""
        self._credit -= tokens
        self._successes += 1
        if self.limit < self._most and self._successes >= self.limit:
            self.limit, self._successes = self.limit + 1, 0
            self._tell()

    def _wait(self) -> float:
        """Seconds until pauses and rates allow a call; 0 when they do."""
        now = time.monotonic()
        wait = max(0.0, self._resume - now, self._next - now)
        if self._tokens:
            self._credit = min(self._tokens, self._credit + (now - self._credited) * self._tokens / 60)
            self._credited = now
            if self._credit <= 0:
                wait = max(wait, (1 - self._credit) * 60 / self._tokens)
        return wait

    def _tell(self) -> None:
        """Wakes all who wait; each looks for itself."""
        self._changed.set()
        self._changed = asyncio.Event()
