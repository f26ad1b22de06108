"""Where a call of `ask` stands, counted.

Contract: `Progress` is a frozen snapshot; `Counter` makes them and tells a callback at most twice a second, and once at
the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from resources.generation.reply import Failure, Reply

_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot. Tokens and `cost` (USD; replies without a price count 0) are of the new replies alone: what this call
    spent.

    `seconds` is the time since the call began, `rate` new outcomes a second since the engine began to answer,
    `eta_seconds` how long the rest takes at that rate if none of it is stored; None while it cannot be told.
    """

    total: int | None
    from_store: int
    new: int
    failed: int
    cut: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    seconds: float
    rate: float
    eta_seconds: float | None

    @property
    def done(self) -> int:
        """Requests with an outcome."""
        return self.from_store + self.new + self.failed

    def __str__(self) -> str:
        """One line for a log."""
        of = f"/{self.total}" if self.total is not None else ""
        parts = [f"{self.done}{of} requests", f"{self.from_store} stored", f"{self.new} new"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.cut:
            parts.append(f"{self.cut} cut at max_tokens")
        if self.rate:
            parts.append(f"{self.rate:.2f}/s" if self.rate < 10 else f"{self.rate:.0f}/s")
        if self.completion_tokens:
            parts.append(f"{self.completion_tokens} tokens")
        if self.cost:
            parts.append(f"${self.cost:.4f}" if self.cost < 1 else f"${self.cost:.2f}")
        if self.eta_seconds is not None:
            parts.append(f"{_clock(self.eta_seconds)} left")
        return ", ".join(parts)


class Counter:
    """Counts outcomes and reports them."""

    def __init__(self, total: int | None, report: Callable[[Progress], None] | None) -> None:
        self._total, self._report = total, report
        self._started = time.monotonic()
        self._engine_started: float | None = None
        self._told = 0.0
        self._stored = self._new = self._failed = self._cut = 0
        self._prompt_tokens = self._completion_tokens = 0
        self._cost = 0.0

    def engine_starts(self) -> None:
        """The engine is opened: rates count from here."""
        self._engine_started = self._engine_started or time.monotonic()

    def stored(self) -> None:
        """A request was answered from the store."""
        self._stored += 1
        self._tell()

    def answered(self, reply: Reply) -> None:
        """The engine gave a reply."""
        self._new += 1
        self._cut += reply.finish_reason == "length"
        self._prompt_tokens += reply.prompt_tokens or 0
        self._completion_tokens += reply.completion_tokens or 0
        self._cost += reply.cost or 0.0
        self._tell()

    def failed(self, _failure: Failure) -> None:
        """The engine gave up on a request."""
        self._failed += 1
        self._tell()

    def finish(self) -> None:
        """Reports the last state."""
        self._tell(last=True)

    def snapshot(self) -> Progress:
        """The state now."""
        now = time.monotonic()
        made = self._new + self._failed
        busy = now - self._engine_started if self._engine_started is not None else 0.0
        rate = made / busy if made and busy > 0 else 0.0
        left = self._total - self._stored - made if self._total is not None else None
        return Progress(
            total=self._total,
            from_store=self._stored,
            new=self._new,
            failed=self._failed,
            cut=self._cut,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            cost=self._cost,
            seconds=now - self._started,
            rate=rate,
            eta_seconds=max(left, 0) / rate if left is not None and rate else None,
        )

    def _tell(self, *, last: bool = False) -> None:
        if self._report is None:
            return
        now = time.monotonic()
        if last or now - self._told >= _EVERY:
            self._told = now
            self._report(self.snapshot())


def _clock(seconds: float) -> str:
    """Seconds as 42s, 3m10s or 2h05m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
