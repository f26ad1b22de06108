"""The endpoints of one model: which one takes the next call, and which are set aside.

Contract: no waiting and no network here. Every endpoint has its own gate. One that does not answer (no connection, 502 to
504, timeouts) three times in a row is set aside and tried again by a single call after a pause that doubles; its first
answer brings it back. Another answer of any kind, an error too, shows that it is there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from resources.generation.gate import Gate
from resources.generation.options import OpenAIOptions

_ROW = 3


class Endpoint:
    """One address (it ends where `/chat/completions` begins), its gate and its health."""

    def __init__(self, url: str, options: OpenAIOptions, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self.gate = Gate(options.concurrency, options.requests_per_minute, options.tokens_per_minute, clock=clock)
        self.met = self.answered = False
        self.missed = 0
        """Failed looks since the last sign of life: the first one, then each probe."""
        self.away_since: float | None = None
        self._backoff, self._max_backoff = options.backoff, options.max_backoff
        self._clock = clock
        self._row = 0
        self._until: float | None = None
        self._probing = False

    @property
    def aside(self) -> bool:
        """Whether it is set aside: only a probe may go there."""
        return self._until is not None

    def wait(self) -> float:
        """Seconds until it takes a call; 0 for now, infinity when only an outcome can tell."""
        if self._until is not None:
            if self._probing:
                return float("inf")
            if (left := self._until - self._clock()) > 0:
                return left
        return self.gate.wait()

    def enter(self, tokens: float) -> float:
        """A call leaves for it; see Gate.enter."""
        self._probing = self.aside
        return self.gate.enter(tokens)

    def seen(self) -> None:
        """It gave a sign of life."""
        self.met = True
        self._row = self.missed = 0
        self._until = self.away_since = None
        self._probing = False

    def lost(self) -> None:
        """It did not answer a call."""
        now = self._clock()
        self._row += 1
        self.away_since = self.away_since if self.away_since is not None else now
        if self._until is not None and not self._probing:
            return  # a call that was under way when it was set aside
        if self._until is None and self.met and self._row < _ROW:
            return
        self.missed += 1
        pause = min(self._max_backoff, self._backoff * 2.0 ** (self.missed - 1))
        self._until, self._probing = now + pause * random.uniform(0.75, 1.25), False

    def cancelled(self) -> None:
        """A call ended without an outcome: a probe that was stopped says nothing."""
        self._probing = False


class Endpoints:
    """All endpoints of a model; calls go to the one that is the least full for its limit."""

    def __init__(
        self, urls: Sequence[str], options: OpenAIOptions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.all = tuple(Endpoint(url, options, clock=clock) for url in urls)
        self._clock = clock

    def pick(self) -> tuple[Endpoint | None, float]:
        """The endpoint for the next call and 0, or None and the seconds until one may take it."""
        best: Endpoint | None = None
        load, soonest = float("inf"), float("inf")
        for endpoint in self.all:
            wait = endpoint.wait()
            if wait > 0:
                soonest = min(soonest, wait)
            elif (full := endpoint.gate.running / endpoint.gate.limit) < load:
                best, load = endpoint, full
        return best, 0.0 if best is not None else soonest

    @property
    def running(self) -> int:
        """Calls under way, or answered and not stored yet."""
        return sum(endpoint.gate.running for endpoint in self.all)

    @property
    def met(self) -> bool:
        """Whether any of them ever answered."""
        return any(endpoint.met for endpoint in self.all)

    def away_for(self) -> float:
        """Seconds since the last of them went away; 0 while one is there."""
        if not all(endpoint.aside for endpoint in self.all):
            return 0.0
        return self._clock() - max(endpoint.away_since or 0.0 for endpoint in self.all)

    def never_there(self, looks: int) -> bool:
        """Whether none ever answered, each having been looked for `looks` times."""
        return not self.met and all(endpoint.missed >= looks for endpoint in self.all)
