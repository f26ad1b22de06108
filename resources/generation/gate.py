"""How many calls one endpoint may have now: concurrency that finds the endpoint's own limit, pauses, and rates.

Contract: no clock but the monotonic one, no waiting: `wait` says how long, the scheduler waits. At most `limit` calls
are under way. A few refusals (429, 503, timeouts) among many answers are the weather: only the refused calls wait. When
more than a fifth of the last calls were refused, everybody pauses and the limit falls by the refused share, once for
calls that were under way together; answers bring it back. Declared rates, and limits that the endpoint announces in its
headers, hold calls back before it has to refuse them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_WINDOW = 32
_TOLERATED = 0.2
_GROWING = 0.1
# A timer that fires late may be caught up with, by so many seconds of the rate.
_SLACK = 0.1


@dataclass(frozen=True, slots=True)
class Announced:
    """What an endpoint said is left of its limits (requests, tokens), and after how many seconds they are full again."""

    requests: float | None = None
    requests_reset: float = 0.0
    tokens: float | None = None
    tokens_reset: float = 0.0


class Gate:
    """Counts calls: `enter` one when `wait` is 0, `used` when its tokens are known, `leave` when its place is free. Rates
    are per minute; None means that no rate is declared.
    """

    def __init__(
        self,
        concurrency: int,
        requests: float | None = None,
        tokens: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._most = self.limit = concurrency
        self.running = 0
        self._interval = 60 / requests if requests else 0.0
        self._tokens = tokens
        self._credit = tokens or 0.0
        self._credited = clock()
        self._typical: float | None = None
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._refused = self._settling = self._successes = 0
        self._next = self._resume = 0.0
        self._left: float | None = None
        self._left_until = 0.0

    def wait(self) -> float:
        """Seconds until a call may leave; 0 when it may now, infinity while as many as may are under way."""
        if self.running >= self.limit:
            return float("inf")
        now = self._clock()
        wait = max(0.0, self._resume - now, self._next - now)
        if self._tokens:
            self._credit = min(self._tokens, self._credit + (now - self._credited) * self._tokens / 60)
            self._credited = now
            if self._credit <= 0:
                wait = max(wait, (1 - self._credit) * 60 / self._tokens)
        if self._left is not None and self._left < 1:
            wait = max(wait, self._left_until - now)
        return wait

    def enter(self, tokens: float = 0.0) -> float:
        """A call leaves; its share of the token rate, at most `tokens`, is held and returned."""
        held = self._typical if self._typical is not None else tokens
        self.running += 1
        self._credit -= held
        if self._interval:
            self._next = max(self._next, self._clock() - _SLACK) + self._interval
        if self._left is not None:
            self._left = self._left - 1 if self._clock() < self._left_until else None
        return held

    def used(self, held: float, tokens: float = 0.0) -> None:
        """What a call held of the token rate is given back, what it used is taken."""
        self._credit += held - tokens

    def leave(self) -> None:
        """A place is free."""
        self.running -= 1

    def succeeded(self, tokens: float = 0.0) -> None:
        """The endpoint answered, with so many tokens, prompt and answer."""
        if tokens:
            self._typical = tokens if self._typical is None else 0.95 * self._typical + 0.05 * tokens
        self._note(refused=False)
        self._successes += 1
        if self.limit < self._most and self._successes >= self.limit and self._share() <= _GROWING:
            self.limit, self._successes = min(self._most, self.limit + max(1, self.limit // 4)), 0

    def refused(self, seconds: float) -> bool:
        """The endpoint refused a call and asked for a pause of `seconds`; whether everybody pauses now."""
        self._note(refused=True)
        share = self._share()
        if share <= _TOLERATED:
            return False
        now = self._clock()
        self._resume = max(self._resume, now + seconds)
        if self._settling <= 0:
            # Calls that are under way together bring their refusals together: one step down for all of them.
            self.limit = max(1, int(self.limit * max(0.5, 1 - share)))
            self._settling = self.running
            self._successes = 0
        return True

    def heed(self, said: Announced) -> None:
        """Takes what the endpoint announced: so many calls may leave before it has been refilled."""
        now = self._clock()
        lefts: list[tuple[float, float]] = []
        if said.requests is not None:
            lefts.append((said.requests, said.requests_reset))
        if said.tokens is not None and self._typical:
            lefts.append((said.tokens / self._typical, said.tokens_reset))
        if lefts:
            left, reset = min(lefts)
            self._left, self._left_until = left, now + reset

    def _note(self, *, refused: bool) -> None:
        if len(self._recent) == _WINDOW:
            self._refused -= self._recent[0]
        self._recent.append(refused)
        self._refused += refused
        self._settling -= 1

    def _share(self) -> float:
        """The refused share of the last calls. Until there are enough of them, those not back yet count as answered."""
        return self._refused / max(len(self._recent), min(_WINDOW, self._most))
