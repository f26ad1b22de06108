"""A hard limit on what is asked: money, tokens and hours, stopped before it is passed.

What belongs here: `Budget`, which `ask` questions before each new request, and `BudgetSpent`, which `ask` raises when no
further request fits. Contract: whatever comes back in whatever order, what is spent never passes a limit of money or
tokens, because a request in flight counts at its worst case (`worst_case`) until its outcome is charged; a request that
does not fit is not sent. Money is counted in whole picodollars, rounded up, so that no sum drifts. Safe between threads.

What counts: the replies' own figures. A reply without usage, a timeout, and a reply that came malformed count at the worst
case: an endpoint may bill what it wrote although nobody can read it. A limit of 0 asks nothing, not even for free. Hours
are the wall time since the budget was made, with `before` added; no request leaves that would end after the limit if it
took as long as the longest reply so far, so hours can be passed by the rest of one unusually long reply. What was told as
`lost` after the worst case of everything in flight was admitted can pass a limit by that much; then nothing more leaves.

How `ask` uses it:

* in its feed, before a request leaves: `if not budget.admit(request): return` (the feed ends, the request stays);
* for each outcome, repeats and stored answers excepted: `budget.charge(request, result)`;
* for each retry after a timeout or a malformed reply that an engine tells of: `budget.lost(n)`;
* when nothing is in flight, before it opens or runs the engine: `if not budget.admit(first): raise budget.stopped(left)`.
  While something is in flight a refusal only says that the worst cases fill the limit: when they have come in cheaper,
  there is room again. Admitting the same request twice counts it once.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resources.errors import UserError
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request

TEMPLATE_TOKENS = 256
"""Tokens that a chat template may add to a prompt: role marks, a default system prompt, the date."""

_PICO = 10**12
_MAYBE_BILLED = ("timeout", "malformed")


class BudgetSpent(UserError):
    """No further request fits into a budget. Everything that came is stored, and the next run goes on from there."""


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens; both 0 where nobody charges by the token."""

    price_in: float = 0.0
    price_out: float = 0.0

    def pico(self, prompt: int, completion: int) -> int:
        """Picodollars of so many tokens, rounded up."""
        return math.ceil(prompt * self.price_in * 1e6 + completion * self.price_out * 1e6)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was spent: USD, tokens in and out, hours of wall time."""

    usd: float = 0.0
    tokens: int = 0
    hours: float = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """One budget: whose it is, its limits (None: none), what was spent of it before, and how a person raises it."""

    name: str
    usd: float | None = None
    tokens: int | None = None
    hours: float | None = None
    before: Amounts = Amounts()
    fix: str = "raise the budget"


def worst_case(request: Request) -> tuple[int, int]:
    """The most tokens that a request can take, prompt and completion.

    No tokenizer of the byte-level kind makes more tokens than the text has bytes, so the bytes of the whole canonical
    request and what a chat template adds bound the prompt; `max_tokens` bounds the answer, reasoning included.
    """
    return len(request.payload) + TEMPLATE_TOKENS, request.sampling.max_tokens


class Budget:
    """Several limits at once (a recipe's, a teacher's): a request leaves only when it fits into all of them."""

    def __init__(
        self, limits: Sequence[Limit], rates: Rates = Rates(), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits, self._rates, self._clock = tuple(limits), rates, clock
        self._lock = threading.Lock()
        self._started = clock()
        self._pico = self._tokens = 0
        self._held: dict[str, tuple[int, int]] = {}
        self._held_pico = self._held_tokens = 0
        self._longest = 0.0
        self._why: tuple[Limit, str] | None = None

    @property
    def spent(self) -> Amounts:
        """What came in since this budget was made; `before` of a limit is not in it."""
        with self._lock:
            return Amounts(self._pico / _PICO, self._tokens, self._hours())

    @property
    def in_flight(self) -> int:
        """Requests that were admitted and have no outcome yet."""
        return len(self._held)

    @property
    def why(self) -> str:
        """What refused the last request that was not admitted; empty when none was."""
        return self._why[1] if self._why else ""

    def admit(self, request: Request) -> bool:
        """Whether the request may be sent now; when it may, its worst case is held until it is charged."""
        prompt, completion = worst_case(request)
        with self._lock:
            if request.key in self._held:
                return True
            pico, tokens = self._rates.pico(prompt, completion), prompt + completion
            self._why = self._refusal(pico, tokens)
            if self._why is None:
                self._held[request.key] = (pico, tokens)
                self._held_pico += pico
                self._held_tokens += tokens
            return self._why is None

    def charge(self, request: Request, result: Reply | Failure) -> None:
        """Counts an outcome and gives back what its request held. What was never admitted is counted all the same."""
        prompt, completion = worst_case(request)
        worst = (self._rates.pico(prompt, completion), prompt + completion)
        with self._lock:
            held = self._held.pop(request.key, (0, 0))
            self._held_pico -= held[0]
            self._held_tokens -= held[1]
            pico, tokens = self._price(result, worst)
            self._pico += pico
            self._tokens += tokens

    def lost(self, calls: int = 1) -> None:
        """Counts calls that were tried again though they may have been billed, each as the largest in flight."""
        with self._lock:
            if self._held:
                self._pico += calls * max(pico for pico, _ in self._held.values())
                self._tokens += calls * max(tokens for _, tokens in self._held.values())

    def stopped(self, left: int | None = None) -> BudgetSpent:
        """What to raise once nothing is in flight and nothing more fits; `left` is how many requests have no outcome."""
        limit, why = self._why or (self._limits[0], "nothing more may be asked")
        rest = "" if left is None else f"; {left:,} requests are left, some of which may be stored"
        return BudgetSpent(f"{limit.name}: {why}{rest}", fix=f"everything that came is stored and stays. {limit.fix}")

    def _price(self, result: Reply | Failure, worst: tuple[int, int]) -> tuple[int, int]:
        if isinstance(result, Failure):
            return worst if result.kind in _MAYBE_BILLED else (0, 0)
        self._longest = max(self._longest, result.seconds or 0.0)
        if result.prompt_tokens is None or result.completion_tokens is None:
            return (worst[0] if result.cost is None else math.ceil(result.cost * _PICO)), worst[1]
        by_rates = self._rates.pico(result.prompt_tokens, result.completion_tokens)
        pico = by_rates if result.cost is None else math.ceil(result.cost * _PICO)
        return pico, result.prompt_tokens + result.completion_tokens

    def _hours(self) -> float:
        return (self._clock() - self._started) / 3600

    def _refusal(self, pico: int, tokens: int) -> tuple[Limit, str] | None:
        """The limit that has no room for a request of so much, and the sentence that says so."""
        for limit in self._limits:
            before = limit.before
            if limit.usd is not None:
                used = math.ceil(before.usd * _PICO) + self._pico
                if limit.usd <= 0 or used + self._held_pico + pico > math.floor(limit.usd * _PICO):
                    return limit, (
                        f"{_usd(used / _PICO)} of {_usd(limit.usd)} is spent ({_usd(self._pico / _PICO)} of it now) and the "
                        f"next request can cost {_usd(pico / _PICO)}"
                    )
            if limit.tokens is not None:
                count = before.tokens + self._tokens
                if count + self._held_tokens + tokens > limit.tokens:
                    return limit, (
                        f"{count:,} of {limit.tokens:,} tokens are spent ({self._tokens:,} of them now) and the next "
                        f"request can take {tokens:,}"
                    )
            if limit.hours is not None:
                hours = before.hours + self._hours()
                if limit.hours <= 0 or hours + self._longest / 3600 > limit.hours:
                    return limit, (
                        f"{hours:.2f} of {limit.hours:g} hours are spent ({self._hours():.2f} of them now) and the "
                        f"longest reply so far took {self._longest:.0f} s"
                    )
        return None


def _usd(amount: float) -> str:
    """Money with as many digits as it takes to see it."""
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.4g}"
