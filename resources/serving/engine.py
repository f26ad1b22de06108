"""The engine `vllm`: a server of ours, spoken to by the OpenAI engine.

Contract: as `KeepingEngine`. Opening it takes the server that `ot serve` keeps up for exactly this plan, else starts one,
which ends with the engine; an address in `base_url` is used as it is. Weights, ports and keys never reach a request, so
the same question has one key whoever serves it. When the server dies in the middle, `on_death: fail` raises a UserError
with the cause, and `on_death: restart` starts another (at most `restarts` times) and goes on with what had no answer
yet; what was answered is never asked again. With `seeds: false` no seed is sent.

How it fails: UserError when the server cannot be started or died; what `OpenAIEngine` raises while it lives.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import Any

from resources.errors import UserError
from resources.generation.engine import Keeper, Outcome
from resources.generation.model import Model
from resources.generation.openai_engine import OpenAIEngine
from resources.generation.options import OpenAIOptions
from resources.generation.reply import Failure
from resources.generation.request import Request
from resources.serving.command import ServePlan
from resources.serving.found import Serving, acquire
from resources.serving.options import ServeOptions
from resources.serving.server import serving_fault
from resources.serving.tracking import Tracking

log = logging.getLogger(__name__)

# A server on this machine has neither a rate limit nor a bad line: when it does not answer, it is dead, and that should be
# known in seconds. What the model's own options say wins.
_LOCAL_OPTIONS: dict[str, Any] = {
    "attempts": 4, "backoff": 0.2, "max_backoff": 1.0, "connect_timeout": 5.0, "away_limit": 1.0, "check_model": False,
}  # fmt: skip
_DEFAULT_CONCURRENCY = 128
# A server that falls over stops answering a while before its process is gone.
_DYING_SECONDS = 15.0


class ServedEngine:
    """Answers from a server of the model's plan."""

    endpoint = "openai-chat"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.options = model.serve or ServeOptions()
        self.plan = ServePlan.of(model)
        self.restarts = 0
        self.events: Callable[[str, int], None] | None = None
        self._tracking = Tracking()
        self._died: UserError | None = None
        self._serving: Serving | None = None
        self._client = self._open()

    @property
    def keeper(self) -> Keeper | None:
        """Where replies are stored as they come."""
        return self._tracking.keeper

    @keeper.setter
    def keeper(self, keeper: Keeper | None) -> None:
        self._tracking.keeper = keeper

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes as they come, over as many servers as it takes."""
        if self._died is not None:
            raise self._died
        self._tracking.forget()
        source = iter(requests)
        again: list[Request] = []
        while True:
            yield from self._once(chain(again, source))
            again = self._tracking.unanswered()
            if not again:
                return
            self._replace()

    def arrived(self) -> list[Outcome]:
        """Outcomes that were there when `generate` was stopped."""
        return [outcome for outcome in self._client.arrived() if self._tracking.land(outcome)]

    def wake(self) -> None:
        """The keeper stored something, or failed to."""
        self._client.wake()

    def close(self) -> None:
        """Closes the client, and the server if it is ours."""
        self._client.close()
        if self._serving is not None:
            self._serving.stop()
            self._serving = None

    def _open(self) -> _Client:
        """A client of a server; neither is left behind when the other cannot be had."""
        if self.model.base_url:
            return _Client(self.model, seeds=self.options.seeds)
        self._serving = acquire(self.plan)
        try:
            with _exported(self._serving.secret) as variable:
                return _Client(self._pointed(self._serving.url, variable), seeds=self.options.seeds)
        except BaseException:
            self._serving.stop()
            raise

    def _pointed(self, url: str, variable: str) -> Model:
        """The model as somebody else's endpoint."""
        concurrency = {"concurrency": self.options.max_num_seqs or _DEFAULT_CONCURRENCY}
        local = {n: v for n, v in (_LOCAL_OPTIONS | concurrency).items() if n in OpenAIOptions.model_fields}
        said = {"base_url": url, "api_key_env": variable, "options": local | dict(self.model.options)}
        return self.model.model_copy(update=said)

    def _once(self, requests: Iterator[Request]) -> Iterator[Outcome]:
        """Outcomes until all is answered or the server is dead."""
        tracking = self._tracking
        self._client.keeper = tracking if tracking.keeper is not None else None
        self._client.events = self.events
        coming = self._client.generate(tracking.sent(request) for request in requests)
        try:
            for outcome in coming:
                if isinstance(outcome.result, Failure) and outcome.result.retryable and self._dead():
                    break
                if tracking.land(outcome):
                    yield outcome
            else:
                return
        except UserError:
            if not self._dead():
                raise
        finally:
            if isinstance(coming, Generator):
                coming.close()
        yield from self._rescued()

    def _rescued(self) -> Iterator[Outcome]:
        """Replies that came before the server died and were not yielded: they are there, so they are not asked again."""
        arrived = self._client.arrived()
        self._client.close()
        for outcome in chain(arrived, self._tracking.stored()):
            if not isinstance(outcome.result, Failure) and self._tracking.land(outcome):
                yield outcome

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
            often = f" after {self.restarts} restarts" if self.restarts else ""
            self._died = UserError(
                f"model {self.model.key}: its server died in the middle of work{often}: {what}",
                fix=f"{fix}; then run again: what was answered is kept"
                + ("" if self.restarts else " (serve.on_death: restart goes on by itself)"),
            )
            raise self._died
        self.restarts += 1
        log.warning(
            "the server of %s died and is started again (%d of %d): %s",
            self.model.key, self.restarts, self.options.restarts, what.partition(";")[0],
        )  # fmt: skip
        self._serving.stop()
        try:
            self._client = self._open()
        except UserError as error:
            self._died = error
            raise


class _Client(OpenAIEngine):
    """The OpenAI engine, which may be told to send no seeds."""

    def __init__(self, model: Model, *, seeds: bool) -> None:
        self._seeds = seeds
        super().__init__(model)

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON that is sent."""
        body = super().body(request)
        if not self._seeds:
            body.pop("seed", None)
        return body


@contextlib.contextmanager
def _exported(secret: str) -> Iterator[str]:
    """The name of an environment variable that holds the key for the length of the block."""
    variable = f"OT_SERVED_{secrets.token_hex(8).upper()}"
    os.environ[variable] = secret
    try:
        yield variable
    finally:
        del os.environ[variable]
