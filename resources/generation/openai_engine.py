"""Answers from any OpenAI-compatible endpoint (`/v1/chat/completions`), or from several that serve the same model.

Contract: works from ordinary code; an asyncio loop in a thread of its own speaks HTTP, so a caller that is slow holds
nobody up until the window is full. Replies are yielded as they come; `window` requests are read ahead at most, and as many
that were refused and wait for another try. Calls that failed in passing are tried again with growing, jittered pauses or
when the endpoint says (Retry-After); what stays failed is a Failure with its reason. The run stops with a UserError that
names the address when nothing answers there, when the key is refused, when another model is served there, or when all
endpoints are away for too long. A call that was cut or timed out may have been paid for, so it is tried again a few times
only.

With a `keeper`, a reply goes there from the engine's own thread as it comes, and its place at the endpoint is taken until
the keeper says that it is stored; only then is it yielded.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from resources.errors import UserError
from resources.generation.addresses import base_of, is_http_address
from resources.generation.chat_body import chat_body
from resources.generation.endpoints import Endpoint, Endpoints
from resources.generation.engine import Keeper, Outcome
from resources.generation.http_reply import Answer, Asked, announced, judge
from resources.generation.model import Model
from resources.generation.options import OpenAIOptions, read_options
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.generation.scheduler import Job, Result, Scheduler, Wires
from resources.generation.served import another_model
from resources.generation.transport import Transport

# Waiting goes in short pieces: polars, once imported, makes a wait without end deaf to Ctrl-C (its handler restarts the call).
_WAKE = 0.2
_LOOK_SECONDS = 5.0
# So many requests wait in the queue beyond what is under way, so that a look into the store does not let it run dry.
_AHEAD = 128
_FEW = 64
# Seconds for which the loop has the interpreter to itself between two such lots, unless answers come.
_TURN = 0.005
# Seconds that a thread may compute before another gets its turn. With Python's 5 ms every read and write of the loop waits
# that long while the caller makes requests.
_SLICE = 0.0001
# Made once: `json.dumps` makes one for every call that asks for anything but its defaults.
_BODY = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class OpenAIEngine:
    """A client of the model's endpoints. The API key is read from the environment variable that `model.api_key_env`
    names.
    """

    endpoint = "openai-chat"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.options = read_options(model, OpenAIOptions)
        self.keeper: Keeper | None = None
        self.events: Callable[[str, int], None] | None = None
        urls = _addresses(model)
        self._secret = _secret(model)
        self._endpoints = Endpoints(urls, self.options)
        self.window = 2 * self.options.concurrency * len(urls) + _AHEAD
        self._came: queue.SimpleQueue[list[Outcome] | BaseException] = queue.SimpleQueue()
        self._ready: deque[Outcome] = deque()
        self._unkept: dict[str, Job] = {}
        self._looked = self._unstorable = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"openai-{model.key}", daemon=True)
        self._thread.start()
        self._transport: Transport
        self._scheduler: Scheduler
        self._transport, self._scheduler = self._wait(self._connect())

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes in the order in which they come."""
        source = iter(requests)
        self._came, self._ready = queue.SimpleQueue(), deque()
        self._unstorable = False
        flying, more = 0, True
        slice_ = sys.getswitchinterval()
        try:
            sys.setswitchinterval(min(slice_, _SLICE))
            self._wait(self._begin())
            while True:
                room = self.window + min(self._scheduler.waiting, self.window) - flying if more else 0
                if room >= _FEW:
                    # So many at a time: the first ones leave while the next are made, and there are few such turns.
                    jobs = [self._job(request) for request in islice(source, _FEW)]
                    more = len(jobs) == _FEW
                    room -= _FEW
                    flying += len(jobs)
                    self._loop.call_soon_threadsafe(self._scheduler.add, jobs)
                if not flying:
                    return
                filling = more and room >= _FEW
                self._take(_TURN if filling else 0.0 if self._ready else _WAKE)
                if filling:
                    continue  # the window first: the caller may take long over what is yielded
                while self._ready:
                    flying -= 1
                    yield self._ready.popleft()
        finally:
            sys.setswitchinterval(slice_)
            self._stop()

    def _take(self, seconds: float) -> None:
        """What came, waiting `seconds` for the first of it; raises what ends the run."""
        try:
            came = self._came.get(timeout=seconds) if seconds else self._came.get_nowait()
        except queue.Empty:
            return
        if isinstance(came, BaseException):
            raise came
        self._ready.extend(came)

    def arrived(self) -> list[Outcome]:
        """Outcomes that came while the caller was stopping. Those that went to a keeper are not among them."""
        outcomes = list(self._ready)
        self._ready = deque()
        with suppress(queue.Empty):
            while True:
                came = self._came.get_nowait()
                if not isinstance(came, BaseException):
                    outcomes += came
        return outcomes

    def wake(self) -> None:
        """The keeper stored something, or failed to: look there. Safe from any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._collect)

    def close(self) -> None:
        """Stops what is under way and closes the connections."""
        if self._loop.is_closed():
            return
        self._wait(self._scheduler.stop(0.0))
        self._wait(self._transport.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON that is sent."""
        return chat_body(request, self.model.model, self.options)

    def _job(self, request: Request) -> Job:
        self.model.check(request)
        body = _BODY.encode(self.body(request)).encode("utf-8")
        return Job(request, body, len(body) / 4 + request.sampling.max_tokens)

    def _stop(self) -> None:
        """Lets calls under way come to their end for `grace` seconds, or until Ctrl-C comes again, then cancels them."""
        if self._loop.is_closed():
            return
        try:
            # What can no longer be stored is not worth waiting for.
            self._wait(self._scheduler.stop(0.0 if self._unstorable else self.options.grace))
        except KeyboardInterrupt:
            self._wait(self._scheduler.cancel())
        self._wait(self._forget())

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs something in the loop's thread and waits for it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while not future.done():
            with suppress(TimeoutError):
                future.result(timeout=_WAKE)
        return future.result()

    # From here on: inside the loop's thread.

    async def _connect(self) -> tuple[Transport, Scheduler]:
        wires = Wires(self._call, self._done, self._came_to_an_end, self._event)
        return Transport(self.options, self._secret), Scheduler(self.model.key, self._endpoints, self.options, wires)

    async def _begin(self) -> None:
        self._scheduler.start()
        if not self._looked and self.options.check_model:
            await asyncio.gather(*(self._look(endpoint) for endpoint in self._endpoints.all))
        self._looked = True

    async def _look(self, endpoint: Endpoint) -> None:
        """Refuses an endpoint that says it serves another model; one that says nothing is believed."""
        answer = await self._transport.get(f"{endpoint.url}/models", _LOOK_SECONDS)
        if answer is not None and answer.status == 200 and (served := another_model(answer.body, self.model.model)):
            raise UserError(
                f"model {self.model.key}: {endpoint.url} serves {served!r}, not {self.model.model!r}",
                fix="correct model or base_url, or set options.check_model: false if it is the same under another name",
            )

    async def _forget(self) -> None:
        self._unkept.clear()
        for endpoint in self._endpoints.all:
            endpoint.gate.running = 0

    async def _call(self, endpoint: Endpoint, job: Job) -> Result:
        answer = await self._transport.post(f"{endpoint.url}/chat/completions", job.body)
        if not isinstance(answer, Answer):
            return answer
        result = judge(answer, Asked(self.model, endpoint.url, self._secret, endpoint.answered))
        if (said := announced(answer.headers)) is not None:
            endpoint.gate.heed(said)
        return result

    def _done(self, job: Job, result: Reply | Failure) -> None:
        if isinstance(result, Failure):
            self._came.put([Outcome(job.request, result)])
            return
        cost = self.model.cost(result)
        priced = result if cost is None else replace(result, cost=cost)
        if self.keeper is None:
            self._came.put([Outcome(job.request, priced)])
            self._scheduler.kept([job])
        else:
            self._unkept[job.request.key] = job
            try:
                self.keeper.put(job.request, priced)
            except BaseException:
                self._unstorable = True
                raise

    def _collect(self) -> None:
        """Frees the places of the replies that are stored now, and yields them."""
        if self.keeper is None:
            return
        try:
            stored = self.keeper.committed()
        except BaseException as error:
            self._unstorable = True
            self._scheduler.shut()
            self._came_to_an_end(error)
            return
        jobs = [job for request, _ in stored if (job := self._unkept.pop(request.key, None)) is not None]
        self._came.put([Outcome(request, reply) for request, reply in stored])
        self._scheduler.kept(jobs)

    def _came_to_an_end(self, error: BaseException) -> None:
        self._came.put(error)

    def _event(self, name: str, number: int) -> None:
        if self.events is not None:
            self.events(name, number)


def _addresses(model: Model) -> list[str]:
    if not model.base_url:
        raise UserError(f"model {model.key}: engine openai needs base_url", fix="for example http://127.0.0.1:8000/v1")
    for url in (model.base_url, *model.base_urls):
        if not is_http_address(url):
            raise UserError(
                f"model {model.key}: base_url {url!r} is no http address",
                fix="for example http://127.0.0.1:8000/v1",
            )
    return list(dict.fromkeys(base_of(url) for url in (model.base_url, *model.base_urls)))


def _secret(model: Model) -> str | None:
    if model.api_key_env is None:
        return None
    secret = os.environ.get(model.api_key_env, "").strip()
    if not secret:
        raise UserError(
            f"model {model.key}: the environment variable {model.api_key_env} is not set",
            fix=f"export {model.api_key_env}=… with the API key for {model.base_url}",
        )
    if not (secret.isascii() and secret.isprintable()):
        raise UserError(
            f"model {model.key}: the environment variable {model.api_key_env} holds no API key: it has characters that "
            "cannot be sent in a header",
            fix=f"export {model.api_key_env} again, without line breaks or quotes",
        )
    return secret
