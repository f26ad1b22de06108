"""The engine `vllm`: a server of ours, spoken to by the OpenAI engine.

Contract: as `Engine`. Opening it takes the server that `ot serve` keeps up for exactly this plan, else starts one, which
ends with the engine; an address in `base_url` is used as it is. Weights, ports and keys never reach a request, so the
same question has one key whoever serves it. When the server dies in the middle, `on_death: fail` raises a UserError with
the cause, and `on_death: restart` starts another (at most `restarts` times) and goes on with what had no answer yet;
what was answered is never asked again. With `seeds: false` no seed is sent.

How it fails: UserError when the server cannot be started or died; what `OpenAIEngine` raises while it lives.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.options import OpenAIOptions
from resources.generation.reply import Failure
from resources.generation.request import Request
from resources.home import Home
from resources.serving.command import ServePlan
from resources.serving.options import ServeOptions
from resources.serving.record import ServeRecord, find
from resources.serving.server import Server, serving_fault

log = logging.getLogger(__name__)

# A server on this machine has neither a rate limit nor a bad line: when it does not answer, it is dead, and that should be
# known in seconds. What the model's own options say wins.
_LOCAL_OPTIONS: dict[str, Any] = {"attempts": 4, "backoff": 0.2, "max_backoff": 1.0, "connect_timeout": 5.0}
_DEFAULT_CONCURRENCY = 128
# A server that falls over closes its connections a moment before its process is gone.
_DYING_SECONDS = 5.0


class Serving(Protocol):
    """A server that somebody runs: where it is, its key, and whether it still is."""

    url: str
    secret: str

    def alive(self) -> bool:
        """Whether it still runs."""
        ...

    def why_dead(self) -> tuple[str, str]:
        """Cause, and what to do."""
        ...

    def stop(self) -> None:
        """Ends it, if it is ours."""
        ...


class Kept:
    """A server that `ot serve` keeps up: looked at, never stopped."""

    def __init__(self, record: ServeRecord, secret: str) -> None:
        self.record, self.url, self.secret = record, record.url, secret

    def alive(self) -> bool:
        """Whether `ot serve` and its server are there."""
        return self.record.alive() and self._found() == self.record

    def why_dead(self) -> tuple[str, str]:
        """Whoever keeps it up knows more."""
        what = f"the server that `ot serve {self.record.key}` kept up (pid {self.record.pid}) is gone"
        return what, f"see {self.record.log}; start it again, or run without it"

    def stop(self) -> None:
        """Nothing: it is kept up for others too."""

    def _found(self) -> ServeRecord | None:
        from resources.serving.record import all_records

        return next((one for one in all_records(Home.from_env()) if one.hash == self.record.hash), None)


def acquire(plan: ServePlan) -> Serving:
    """A healthy server for a plan: the one that is kept up, or a new one. One that is being restarted is waited for."""
    home, until, told = Home.from_env(), time.monotonic() + plan.options.start_seconds, False
    while kept := find(home, plan):
        record, secret = kept
        fault = serving_fault(record.url, secret, plan)
        if fault is None:
            log.info("%s is asked at %s, which `ot serve` keeps up", plan.key, record.url)
            return Kept(record, secret)
        if time.monotonic() > until:
            raise UserError(
                f"model {plan.key}: what `ot serve` keeps up (pid {record.pid}) does not answer: {fault or record.url}",
                fix=f"see {record.log}; end it with `ot serve --stop {record.key}`",
            )
        if not told:
            log.warning("waiting for the server of %s that `ot serve` keeps up (pid %d)", plan.key, record.pid)
            told = True
        time.sleep(0.5)
    return Server.start(plan)


class ServedEngine:
    """Answers from a server of the model's plan."""

    endpoint = "openai-chat"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.options = model.serve or ServeOptions()
        self.plan = ServePlan.of(model)
        self.restarts = 0
        self._events: Callable[[str, int], None] | None = None
        self._flying: dict[str, deque[Request]] = {}
        self._died: UserError | None = None
        self._variable = f"OT_SERVED_{secrets.token_hex(8).upper()}"
        self._serving: Serving | None = None
        self._open()

    @property
    def events(self) -> Callable[[str, int], None] | None:
        """Told of retries and of what is in flight."""
        return self._events

    @events.setter
    def events(self, told: Callable[[str, int], None] | None) -> None:
        self._events = told
        if hasattr(self._client, "events"):
            self._client.events = told

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes as they come, over as many servers as it takes."""
        if self._died is not None:
            raise self._died
        self._flying.clear()
        source, again = iter(requests), deque[Request]()
        while True:
            yield from self._once(_chain(again, source), again)
            if not again and not self._flying:
                return
            self._replace()
            again.extend(request for same in self._flying.values() for request in same)
            self._flying.clear()

    def arrived(self) -> list[Outcome]:
        """Outcomes that were there when `generate` was stopped."""
        return [outcome for sent in self._client.arrived() if (outcome := self._landed(sent)) is not None]

    def close(self) -> None:
        """Closes the client, and the server if it is ours."""
        self._client.close()
        os.environ.pop(self._variable, None)
        if self._serving is not None:
            self._serving.stop()
            self._serving = None

    def _open(self) -> None:
        """A server and a client of it; neither is left behind when the other cannot be had."""
        from resources.generation.openai_engine import OpenAIEngine

        self._flying = {}
        if self.model.base_url:
            self._client = OpenAIEngine(self.model)
            return
        self._serving = acquire(self.plan)
        os.environ[self._variable] = self._serving.secret
        try:
            self._client = OpenAIEngine(self._pointed(self._serving.url))
        except BaseException:
            self._serving.stop()
            raise
        if self._events is not None:
            self.events = self._events

    def _pointed(self, url: str) -> Model:
        concurrency = {"concurrency": self.options.max_num_seqs or _DEFAULT_CONCURRENCY}
        known = {n: v for n, v in (_LOCAL_OPTIONS | concurrency).items() if n in OpenAIOptions.model_fields}
        return self.model.model_copy(
            update={
                "base_url": url,
                "api_key_env": self._variable,
                "options": known | dict(self.model.options),
            }
        )

    def _once(self, requests: Iterable[Request], again: deque[Request]) -> Iterator[Outcome]:
        """Outcomes until all is answered or the server is dead; what its death left unanswered goes to `again`."""
        coming = self._client.generate(self._sent(request) for request in requests)
        try:
            for outcome in coming:
                if isinstance(outcome.result, Failure) and outcome.result.retryable and self._dead():
                    again.append(self._original(outcome.request))
                    break
                landed = self._landed(outcome)
                if landed is not None:
                    yield landed
        except UserError:
            if not self._dead():
                raise
        finally:
            _close(coming)
        for outcome in self._client.arrived():
            if isinstance(outcome.result, Failure):
                again.append(self._original(outcome.request))
            elif (landed := self._landed(outcome)) is not None:
                yield landed

    def _sent(self, request: Request) -> Request:
        """The request as it goes out, noted until its outcome is here."""
        sent = request
        if not self.options.seeds and request.sampling.seed is not None:
            sampling = request.sampling.model_copy(update={"seed": None})
            sent = Request.model_validate(dict(request) | {"sampling": sampling})
        self._flying.setdefault(sent.key, deque()).append(request)
        return sent

    def _original(self, sent: Request) -> Request:
        """The request of ours that an outgoing one stands for. Two that differ in nothing but an unsent seed are drawn
        alike, so either may have the answer.
        """
        same = self._flying[sent.key]
        request = same.popleft()
        if not same:
            del self._flying[sent.key]
        return request

    def _landed(self, outcome: Outcome) -> Outcome | None:
        if outcome.request.key not in self._flying:
            return None
        return Outcome(self._original(outcome.request), outcome.result)

    def _dead(self) -> bool:
        """Whether the server is gone; one that has just fallen over is given a moment to be so."""
        if self._serving is None:
            return False
        until = time.monotonic() + _DYING_SECONDS
        while self._serving.alive():
            if time.monotonic() > until or serving_fault(self._serving.url, self._serving.secret, self.plan) is None:
                return False
            time.sleep(0.1)
        return True

    def _replace(self) -> None:
        """A new server for a dead one, or the end, as the options say."""
        assert self._serving is not None
        what, fix = self._serving.why_dead()
        if self.options.on_death == "fail" or self.restarts >= self.options.restarts:
            times = f" for the {self.restarts + 1}. time" if self.restarts else ""
            self._died = UserError(
                f"model {self.model.key}: its server died in the middle of work{times}: {what}",
                fix=f"{fix}; then run again: what was answered is kept (serve.on_death: restart goes on by itself)",
            )
            raise self._died
        self.restarts += 1
        log.warning(
            "the server of %s died and is started again (%d of %d): %s",
            self.model.key, self.restarts, self.options.restarts, what.splitlines()[0],
        )  # fmt: skip
        flying = self._flying
        self._client.close()
        self._serving.stop()
        self._open()
        self._flying = flying


def _chain(again: deque[Request], source: Iterator[Request]) -> Iterator[Request]:
    """First what must be asked again, as far as it was known when asked for, then the rest."""
    for _ in range(len(again)):
        yield again.popleft()
    yield from source


def _close(outcomes: Iterator[Outcome]) -> None:
    with contextlib.suppress(AttributeError):
        outcomes.close()  # type: ignore[attr-defined]
