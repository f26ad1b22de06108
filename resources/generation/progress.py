"""Where a call of `ask` stands, counted.

Contract: `Progress` is a frozen snapshot; `Counter` makes them and tells a callback at most twice a second, and once at
the end. What an engine tells of itself (`Counter.event`) may come from its own thread; everything else comes from one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from resources.generation.reply import Failure, Reply

_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot. Tokens and `cost` (USD, over the priced replies; `unpriced` counts the others) are of the new replies
    alone: what this call spent.

    `seconds` is the time since the call began, `busy_seconds` since the engine began to answer, `rate` new outcomes a
    second in that time, `eta_seconds` how long the rest takes at that rate if none of it is stored; None while it cannot
    be told. `retries` counts tries after the first by cause; `in_flight` is 0 where the engine does not tell. `read` is
    how many replies, stored ones too, were looked at for their reasoning, and `closed` how many of them ended it; both
    are 0 where nobody looked.
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
    busy_seconds: float = 0.0
    unpriced: int = 0
    in_flight: int = 0
    retries: Mapping[str, int] = field(default_factory=dict)
    read: int = 0
    closed: int = 0

    @property
    def tokens_in_rate(self) -> float:
        """Prompt tokens a second of the new replies."""
        return self.prompt_tokens / self.busy_seconds if self.busy_seconds > 0 else 0.0

    @property
    def tokens_out_rate(self) -> float:
        """Completion tokens a second of the new replies."""
        return self.completion_tokens / self.busy_seconds if self.busy_seconds > 0 else 0.0

    @property
    def cut_share(self) -> float | None:
        """Share of the new replies that max_tokens cut; None while there is none."""
        return self.cut / self.new if self.new else None

    @property
    def closed_share(self) -> float | None:
        """Share of the replies that were looked at whose reasoning came to its end; None while there is none."""
        return self.closed / self.read if self.read else None

    @property
    def money(self) -> str:
        """What was spent, as a person reads it; empty when nothing was asked or nobody charges."""
        if not self.cost:
            return ""
        return ("at least " if self.unpriced else "") + dollars(self.cost)

    @property
    def done(self) -> int:
        """Requests with an outcome."""
        return self.from_store + self.new + self.failed

    @property
    def causes(self) -> str:
        """Retries by cause, most frequent first."""
        ordered = sorted(self.retries.items(), key=lambda one: (-one[1], one[0]))
        return ", ".join(f"{count:,} {cause.replace('_', ' ')}" for cause, count in ordered)

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
            if self.tokens_out_rate:
                parts.append(f"{short(self.tokens_in_rate)} in and {short(self.tokens_out_rate)} out tokens/s")
        if self.in_flight:
            parts.append(f"{self.in_flight} in flight")
        if self.retries:
            parts.append(f"tried again: {self.causes}")
        if self.closed_share is not None:
            parts.append(f"reasoning closed in {self.closed_share:.1%}")
        if self.money:
            parts.append(self.money)
        if self.eta_seconds is not None:
            parts.append(f"{clock(self.eta_seconds)} left")
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
        self._unpriced = 0
        self._in_flight = 0
        self._retries: dict[str, int] = {}

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
        self._unpriced += reply.cost is None
        self._tell()

    def failed(self, _failure: Failure) -> None:
        """The engine gave up on a request."""
        self._failed += 1
        self._tell()

    def event(self, name: str, number: int) -> None:
        """Takes what an engine tells of itself, in the engine's thread: `in_flight` (how many there are now) and
        `retry:<cause>` (how many more). Other names are left alone.
        """
        if name == "in_flight":
            self._in_flight = number
        elif name.startswith("retry:"):
            cause = name.removeprefix("retry:")
            self._retries = self._retries | {cause: self._retries.get(cause, 0) + number}

    def left(self) -> int | None:
        """Requests without an outcome; None when nobody said how many there are."""
        return None if self._total is None else max(self._total - self._stored - self._new - self._failed, 0)

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
            busy_seconds=busy,
            unpriced=self._unpriced,
            in_flight=self._in_flight,
            retries=self._retries,
        )

    def _tell(self, *, last: bool = False) -> None:
        if self._report is None:
            return
        now = time.monotonic()
        if last or now - self._told >= _EVERY:
            self._told = now
            self._report(self.snapshot())


class Tally:
    """The figures of several calls of `ask` together, as a manifest keeps them."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._retries: dict[str, int] = {}

    def add(self, progress: Progress) -> None:
        """Adds the last state of one call."""
        for name in ("from_store", "new", "failed", "cut", "prompt_tokens", "completion_tokens", "cost", "unpriced"):
            self._sums[name] = self._sums.get(name, 0) + getattr(progress, name)
        for name, value in (("seconds", progress.busy_seconds), ("read", progress.read), ("closed", progress.closed)):
            self._sums[name] = self._sums.get(name, 0) + value
        for cause, count in progress.retries.items():
            self._retries[cause] = self._retries.get(cause, 0) + count

    def to_dict(self) -> dict[str, Any]:
        """Sums, and what follows from them: tokens a second, shares, retries by cause; empty when nothing was asked."""
        if not self._sums:
            return {}
        said: dict[str, Any] = dict(self._sums)
        read, closed, seconds = said.pop("read"), said.pop("closed"), said["seconds"]
        said["seconds"] = round(seconds, 3)
        if said["new"] and seconds > 0:
            said["tokens_per_second"] = round(said["completion_tokens"] / seconds, 1)
            said["cut_share"] = round(said["cut"] / said["new"], 4)
        if read:
            said["closed_share"] = round(closed / read, 4)
        if said["unpriced"] and not said["cost"]:
            said["cost"] = None
        return said | ({"retries": self._retries} if self._retries else {})


def clock(seconds: float) -> str:
    """Seconds as 42s, 3m10s or 2h05m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def dollars(amount: float) -> str:
    """Money with as many digits as it takes to see it."""
    return f"${amount:.4f}" if 0 < amount < 1 else f"${amount:,.2f}"


def short(number: float) -> str:
    """A count with three digits and a unit."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}" if number < 10 else f"{number:.0f}"
