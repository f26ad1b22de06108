"""Who is called next, and what becomes of every try: the part of an HTTP engine that keeps its endpoints full.

Contract: lives in one asyncio loop and is only touched there. Jobs wait in a queue, refused ones in a heap by the time of
their next try; neither holds a place at an endpoint. A place is taken when a call leaves and given back when it is over:
for a reply, when the reply is safe (`kept`), so that sent and unsaved calls are never more than the gates allow. What can
succeed is tried again while the others go on; what cannot is handed over as a Failure. An exception that ends the whole
run is handed over once, and nothing leaves any more.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count

from resources.errors import UserError
from resources.generation.endpoints import Endpoint, Endpoints
from resources.generation.http_reply import TryAgain
from resources.generation.options import OpenAIOptions
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request

# Before the first answer a wrong address is likelier than a restart, so few looks tell the user soon.
_FIRST_LOOKS = 3

Result = Reply | Failure | TryAgain


@dataclass(slots=True, eq=False)
class Job:
    """A request on its way. `tokens` is the most it can take, as far as that can be told."""

    request: Request
    body: bytes
    tokens: float
    tries: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    endpoint: Endpoint | None = None
    held: float = 0.0


@dataclass(frozen=True, slots=True)
class Wires:
    """What a scheduler is connected with: `call` makes one try, `done` takes a job's end, `stopped` what ends the run,
    `event` counts (progress: `retry:<kind>`, `in_flight`).
    """

    call: Callable[[Endpoint, Job], Awaitable[Result]]
    done: Callable[[Job, Reply | Failure], None]
    stopped: Callable[[BaseException], None]
    event: Callable[[str, int], None]


class Scheduler:
    """Brings jobs to endpoints. `name` is the model's, for messages."""

    def __init__(self, name: str, endpoints: Endpoints, options: OpenAIOptions, wires: Wires) -> None:
        self._name, self._endpoints, self._options, self._wires = name, endpoints, options, wires
        self._loop = asyncio.get_running_loop()
        self._fresh: deque[Job] = deque()
        self._again: list[tuple[float, int, Job]] = []
        self._order = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._in_a_row = 0
        self._open = True

    @property
    def waiting(self) -> int:
        """Jobs that were refused and wait for their next try."""
        return len(self._again)

    def start(self) -> None:
        """Lets calls leave (again)."""
        self._open, self._in_a_row = True, 0

    def add(self, jobs: Iterable[Job]) -> None:
        """Takes jobs into the queue."""
        self._fresh.extend(jobs)
        self.pump()

    def kept(self, jobs: Iterable[Job]) -> None:
        """The replies to these jobs are safe: their places are free."""
        for job in jobs:
            self._free(job)
        self.pump()

    def pump(self) -> None:
        """Lets calls leave until the gates are shut or nothing waits, then sets the clock for the next look."""
        if not self._open:
            return
        left = False
        while job := self._next():
            endpoint, wait = self._endpoints.pick()
            if endpoint is None:
                self._put_back(job)
                self._look_in(wait)
                break
            self._send(job, endpoint)
            left = True
        if self._again:
            self._look_in(max(0.0, self._again[0][0] - time.monotonic()) if not self._due() else float("inf"))
        if left:
            self._wires.event("in_flight", len(self._tasks))

    def shut(self) -> int:
        """Nothing leaves any more; how many jobs were still waiting to. They get no outcome."""
        self._open = False
        left = len(self._fresh) + len(self._again)
        self._fresh.clear()
        self._again.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return left

    async def stop(self, grace: float) -> None:
        """Waits `grace` seconds for the calls under way, then cancels them."""
        self.shut()
        if self._tasks and grace:
            await asyncio.wait(self._tasks, timeout=grace)
        await self.cancel()

    async def cancel(self) -> None:
        """Cancels the calls under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _next(self) -> Job | None:
        if self._due():
            return heapq.heappop(self._again)[2]
        return self._fresh.popleft() if self._fresh else None

    def _due(self) -> bool:
        return bool(self._again) and self._again[0][0] <= time.monotonic()

    def _put_back(self, job: Job) -> None:
        if job.tries:
            heapq.heappush(self._again, (0.0, next(self._order), job))
        else:
            self._fresh.appendleft(job)

    def _look_in(self, seconds: float) -> None:
        if seconds == float("inf"):
            return
        at = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= at and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.pump()

    def _send(self, job: Job, endpoint: Endpoint) -> None:
        job.tries += 1
        job.endpoint, job.held = endpoint, endpoint.enter(job.tokens)
        task = self._loop.create_task(self._try(job, endpoint))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wires.event("in_flight", len(self._tasks))

    async def _try(self, job: Job, endpoint: Endpoint) -> None:
        try:
            result = await self._wires.call(endpoint, job)
            self._settle(job, endpoint, result)
        except asyncio.CancelledError:
            endpoint.cancelled()
            self._free(job)
            raise
        except BaseException as error:
            self._free(job)
            self.shut()
            self._wires.stopped(error)

    def _settle(self, job: Job, endpoint: Endpoint, result: Result) -> None:
        if isinstance(result, TryAgain):
            self._free(job)
            self._refused(job, endpoint, result)
            self.pump()
            return
        endpoint.seen()
        self._in_a_row = 0
        if isinstance(result, Reply):
            used = (result.prompt_tokens or 0) + (result.completion_tokens or 0)
            endpoint.answered = True
            endpoint.gate.succeeded(used)
            # The place stays taken until the reply is safe.
            endpoint.gate.used(job.held, used)
            job.held = 0.0
        else:
            self._free(job)
            result = replace(result, attempts=job.tries)
        self._wires.done(job, result)
        if isinstance(result, Failure):
            self.pump()

    def _free(self, job: Job) -> None:
        """Gives a job's place back, once."""
        if job.endpoint is not None:
            job.endpoint.gate.used(job.held)
            job.endpoint.gate.leave()
            job.endpoint, job.held = None, 0.0

    def _refused(self, job: Job, endpoint: Endpoint, result: TryAgain) -> None:
        job.kinds[result.kind] += 1
        pause = self._pause(job.tries, result.after)
        if not result.silent:
            endpoint.met = True
        if result.away and result.kind != "rate_limited":
            endpoint.lost()
        else:
            endpoint.seen()
        if result.kind in ("rate_limited", "timeout", "server") and result.away:
            endpoint.gate.refused(pause if result.kind == "rate_limited" else 0.0)
        if endpoint.aside:
            self._raise_if_all_are_away(result)
        if result.silent:
            # Nobody took the call: the endpoint failed, not the request, and the wait for it has a limit of its own.
            job.tries -= 1
        if self._was_last(job, result):
            self._count_failure(endpoint, result)
            tries = max(1, job.tries)
            self._wires.done(job, Failure(result.reason, result.kind, retryable=True, attempts=tries))
            return
        self._wires.event(f"retry:{result.kind}", 1)
        heapq.heappush(self._again, (time.monotonic() + pause, next(self._order), job))

    def _was_last(self, job: Job, result: TryAgain) -> bool:
        options = self._options
        if (result.after or 0.0) > options.max_retry_after:
            return True
        if result.kind == "malformed":
            return job.kinds["malformed"] > options.malformed_attempts
        if result.kind == "timeout" and job.kinds["timeout"] >= options.timeout_attempts:
            return True
        return job.tries >= options.attempts

    def _pause(self, tries: int, asked: float | None) -> float:
        """Seconds before the next try: what was asked, and up to a quarter more, so that not all come back at once."""
        if asked is not None:
            return asked * random.uniform(1.0, 1.25)
        return min(self._options.max_backoff, self._options.backoff * 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)

    def _raise_if_all_are_away(self, last: TryAgain) -> None:
        fix = "see that it runs and that base_url is right, then run again: what was answered is kept"
        if self._endpoints.never_there(_FIRST_LOOKS):
            raise UserError(f"model {self._name}: nothing answers at {last.reason}", fix=fix)
        away = self._endpoints.away_for()
        if away > self._options.away_limit:
            raise UserError(
                f"model {self._name}: no endpoint has answered for {away:.0f} s (away_limit); the last: {last.reason}",
                fix=fix,
            )

    def _count_failure(self, endpoint: Endpoint, failed: TryAgain) -> None:
        """Raises when failures say that going on is of no use. Nothing stored is lost; the next run goes on."""
        self._in_a_row = self._in_a_row + 1 if failed.away else 0
        if self._in_a_row >= self._options.give_up_after:
            raise UserError(
                f"model {self._name}: {self._in_a_row} requests in a row failed at {endpoint.url}; the last: {failed.reason}",
                fix="see that it runs and that base_url is right, then run again: what was answered is kept",
            )
