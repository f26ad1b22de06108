"""Answers from any OpenAI-compatible endpoint (`/v1/chat/completions`), many at once.

Contract: works from ordinary code; an asyncio loop in a thread of its own speaks HTTP. Replies are yielded as they
come; no more than twice `concurrency` requests are read ahead. Calls that failed in passing are tried again with
growing, jittered pauses or when the endpoint says (Retry-After); what stays failed is a Failure with its reason. The
run stops with a UserError that names the address when nothing answers there, when the key is refused, or when it was
away for `give_up_after` requests in a row. Sampling fields that an endpoint may not know (top_k, min_p,
repetition_penalty) are sent only when they are set. A cut connection or a timeout may have been paid for, so a timeout
is tried once more only.
"""

from __future__ import annotations

import asyncio
import os
import queue
import random
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx

from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.gate import Gate
from resources.generation.http_reply import Answer, TryAgain, judge
from resources.generation.model import Model
from resources.generation.options import OpenAIOptions, read_options
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request

# Before the first answer a wrong address is likelier than a restart, so few tries tell the user soon.
_FIRST_TRIES = 3
_TIMEOUT_TRIES = 2
# Waiting goes in short pieces: polars, once imported, makes a wait without end deaf to Ctrl-C (its handler restarts the call).
_WAKE = 0.2
_LOCAL = ("127.0.0.1", "localhost", "::1")


class OpenAIEngine:
    """A client of `model.base_url`. The API key is read from the environment variable that `model.api_key_env`
    names.
    """

    endpoint = "openai-chat"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.options = read_options(model, OpenAIOptions)
        self._url = _address(model)
        self._secret = _secret(model)
        self._met = self._answered = False
        self._in_a_row = 0
        self._came: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"openai-{model.key}", daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task[None]] = set()
        self._client, self._gate = self._wait(self._connect())

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes in the order in which they come."""
        source = iter(requests)
        self._came = queue.SimpleQueue()
        flying, more = 0, True
        try:
            while True:
                while more and flying < 2 * self.options.concurrency:
                    request = next(source, None)
                    if request is None:
                        more = False
                        break
                    self.model.check(request)
                    self._loop.call_soon_threadsafe(self._start, request)
                    flying += 1
                if not flying:
                    return
                try:
                    came = self._came.get(timeout=_WAKE)
                except queue.Empty:
                    continue
                flying -= 1
                if isinstance(came, BaseException):
                    raise came
                yield came
        finally:
            if not self._loop.is_closed():
                self._wait(self._stop_tasks())

    def arrived(self) -> list[Outcome]:
        """Replies that came while the caller was stopping."""
        outcomes = []
        with suppress(queue.Empty):
            while True:
                came = self._came.get_nowait()
                if not isinstance(came, BaseException):
                    outcomes.append(came)
        return outcomes

    def close(self) -> None:
        """Stops what is under way and closes the connections."""
        if self._loop.is_closed():
            return
        self._wait(self._stop_tasks())
        self._wait(self._client.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON that is sent. A seed is moved on by the sample index: endpoints draw the same sample for the same
        seed.
        """
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self.model.model,
            "messages": [message.model_dump() for message in request.messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self.options.max_tokens_field: sampling.max_tokens,
        }
        for name in ("top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"):
            if (value := getattr(sampling, name)) is not None:
                body[name] = value
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            body["seed"] = (sampling.seed + request.sample_index) % 2**63
        if request.tools:
            body["tools"] = list(request.tools)
        if request.response_format is not None:
            body["response_format"] = request.response_format
        return body | self.options.extra_body

    # From here on: inside the loop's thread.

    def _start(self, request: Request) -> None:
        task = self._loop.create_task(self._bring(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bring(self, request: Request) -> None:
        """Puts the outcome of a request, or what must stop the run, where `generate` waits for it."""
        try:
            result = await self._ask(request)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._came.put(error)
        else:
            self._came.put(Outcome(request, result))

    async def _ask(self, request: Request) -> Reply | Failure:
        """Tries until there is a reply, a refusal, or no try left."""
        body = self.body(request)
        tries = 0
        while True:
            tries += 1
            await self._gate.enter()
            try:
                result = await self._call(body)
            finally:
                self._gate.leave()
            if isinstance(result, Reply):
                self._in_a_row, self._answered = 0, True
                self._gate.speed_up((result.prompt_tokens or 0) + (result.completion_tokens or 0))
                return replace(result, cost=self.model.cost(result))
            if isinstance(result, Failure):
                self._in_a_row = 0
                return replace(result, attempts=tries)
            if self._was_last(result, tries):
                self._count_failure(result)
                return Failure(result.reason, result.kind, retryable=True, attempts=tries)
            pause = self._pause(tries, result.after)
            if result.kind == "rate_limited":
                self._gate.slow_down(pause)
            else:
                await asyncio.sleep(pause)

    def _was_last(self, result: TryAgain, tries: int) -> bool:
        allowed = self.options.attempts if self._met else min(self.options.attempts, _FIRST_TRIES)
        if result.kind == "timeout":
            allowed = min(allowed, _TIMEOUT_TRIES)
        return tries >= allowed or (result.after or 0.0) > self.options.max_retry_after

    async def _call(self, body: dict[str, Any]) -> Reply | Failure | TryAgain:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.options.timeout):
                response = await self._client.post(self._url, json=body)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            self._met = True
            return TryAgain(f"no reply from {self._url} within {self.options.timeout:g} s", "timeout")
        except httpx.TransportError as error:
            return TryAgain(f"{self._url}: {type(error).__name__}: {error or 'no connection'}", "connection", away=True)
        self._met = True
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, headers, response.content, time.monotonic() - began)
        return judge(answer, self.model, self._secret, answered_before=self._answered)

    def _pause(self, tries: int, asked: float | None) -> float:
        """Seconds before the next try: what was asked, and up to a quarter more, so that not all come back at once."""
        if asked is not None:
            return asked * random.uniform(1.0, 1.25)
        return min(self.options.max_backoff, self.options.backoff * 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)

    def _count_failure(self, failed: TryAgain) -> None:
        """Raises when failures say that going on is of no use. Nothing stored is lost; the next run goes on."""
        self._in_a_row = self._in_a_row + 1 if failed.away else 0
        fix = "see that it runs and that base_url is right, then run again: what was answered is kept"
        if failed.kind == "connection" and not self._met:
            raise UserError(f"model {self.model.key}: nothing answers at {failed.reason}", fix=fix)
        if self._in_a_row >= self.options.give_up_after:
            raise UserError(
                f"model {self.model.key}: {self._in_a_row} requests in a row failed at {self._url}; the last: {failed.reason}",
                fix=fix,
            )

    async def _connect(self) -> tuple[httpx.AsyncClient, Gate]:
        options = self.options
        headers = {"Authorization": f"Bearer {self._secret}"} if self._secret else {}
        client = httpx.AsyncClient(
            headers=options.headers | headers,
            timeout=httpx.Timeout(options.timeout, connect=options.connect_timeout, pool=None),
            limits=httpx.Limits(max_connections=options.concurrency, max_keepalive_connections=options.concurrency),
            # A proxy from the environment is for the world outside, not for a server on this machine.
            trust_env=httpx.URL(self._url).host not in _LOCAL,
        )
        return client, Gate(options.concurrency, options.requests_per_minute, options.tokens_per_minute)

    async def _stop_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs something in the loop's thread and waits for it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while not future.done():
            with suppress(TimeoutError):
                future.result(timeout=_WAKE)
        return future.result()


def _address(model: Model) -> str:
    if not model.base_url:
        raise UserError(f"model {model.key}: engine openai needs base_url", fix="for example http://127.0.0.1:8000/v1")
    try:
        right = httpx.URL(model.base_url).scheme in ("http", "https") and httpx.URL(model.base_url).host
    except httpx.InvalidURL:
        right = False
    if not right:
        raise UserError(
            f"model {model.key}: base_url {model.base_url!r} is no http address",
            fix="for example http://127.0.0.1:8000/v1",
        )
    return model.base_url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"


def _secret(model: Model) -> str | None:
    if model.api_key_env is None:
        return None
    secret = os.environ.get(model.api_key_env, "").strip()
    if not secret:
        raise UserError(
            f"model {model.key}: the environment variable {model.api_key_env} is not set",
            fix=f"export {model.api_key_env}=… with the API key for {model.base_url}",
        )
    return secret
