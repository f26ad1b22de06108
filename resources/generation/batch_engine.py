"""Answers through an endpoint's batch protocol: files of requests, answered within a day, at a lower price.

What belongs here: which requests go into which batch, and when to look. Contract of `Engine`, and beyond it: what is known
of a batch is on disk before and after every act (batch_jobs.py), so a process may die at any moment and the next run finds
running batches, takes their results, and submits only what no batch holds. Replies, expiry and failures come by line; what
expired or failed in passing is submitted again, at most `batch.attempts` times. Stopping (Ctrl-C) leaves batches running.

A caller that hands it a `Feed` gets None while nothing is there to yield, so that it can hand out what was stored while a
file is gathered or a batch runs. UserError: no key, no batches there, a batch that failed as a whole or was cancelled.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from resources.errors import UserError
from resources.generation.batch_client import CHAT, Away, BatchClient, RemoteBatch
from resources.generation.batch_jobs import Job, Spool
from resources.generation.batch_ledger import Ledger
from resources.generation.batch_results import NotAsked, lines, meaning
from resources.generation.chat_body import chat_body
from resources.generation.engine import Feed, Outcome
from resources.generation.http_reply import Asked, TryAgain
from resources.generation.model import Model
from resources.generation.options import OpenAIOptions, read_options
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request

log = logging.getLogger(__name__)

_GROWTH = 1.5
_NAP = 0.2


@dataclass(slots=True)
class _Waiting:
    """Equal requests that a job will answer, and how often they were submitted in this run."""

    requests: list[Request]
    job: Job
    tries: int


class BatchEngine:
    """Batches of one model. State lies under `OT_HOME/work/batches/<model key>`."""

    endpoint = "openai-chat"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.options = read_options(model, OpenAIOptions)
        self.events: Callable[[str, int], None] | None = None
        self._client = BatchClient.of(model, self.options)
        self._asked = Asked(model, self._client.url, self._client.secret, answered=True)
        self._ledger = Ledger(model, self.options.batch, self._client)
        self._most_jobs = self.options.batch.jobs
        self._waiting: dict[str, _Waiting] = {}
        self._again: deque[tuple[Request, int]] = deque()
        self._spool: Spool | None = None
        self._due = self._pause = 0.0
        self._seen: dict[str, tuple[str, int, int]] = {}
        self._beside: dict[str, int] = {}
        self._away = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes as batches end; of what earlier runs have fetched or left running, at once or when it ends."""
        if not isinstance(requests, Feed):
            return (outcome for outcome in self._generate(requests) if outcome is not None)
        requests.pausing = True
        return self._generate(requests)  # type: ignore[return-value]  # a Feed's maker knows None

    def _generate(self, requests: Iterable[Request | None]) -> Iterator[Outcome | None]:
        self._ledger.load()
        self._waiting.clear()
        self._again.clear()
        self._soon()
        source, more = iter(requests), True
        try:
            while more or self._waiting or self._again:
                while more and self._has_room():
                    try:
                        request = next(source)
                    except StopIteration:
                        more = False
                        break
                    if request is None:
                        yield None
                    else:
                        yield from self._take(request)
                while self._again and self._has_room():
                    self._re_enter(*self._again.popleft())
                if self._has_room():
                    self._submit()
                yield None
                yield from self._look()
        finally:
            self._stop()

    def arrived(self) -> list[Outcome]:
        """Nothing: what came lies on disk, and the next run finds it there."""
        return []

    def close(self) -> None:
        """Closes the connections; batches run on."""
        self._drop_spool()
        self._client.close()

    def _has_room(self) -> bool:
        return len(self._jobs()) < self._most_jobs

    def _jobs(self) -> list[Job]:
        """The running jobs that somebody waits for."""
        jobs = {waiting.job.record.job: waiting.job for waiting in self._waiting.values()}
        return [job for job in jobs.values() if job.record.state == "running"]

    def _take(self, request: Request) -> Iterator[Outcome]:
        """Answers a request from disk, lets it wait for a job that holds it, or puts it into the next one."""
        self.model.check(request)
        key = request.key
        if key in self._waiting:
            self._waiting[key].requests.append(request)
        elif (line := self._ledger.fetched(key)) is not None:
            result = meaning(line, self._asked)
            if isinstance(result, Reply | Failure):
                yield Outcome(request, result)
            else:
                self._enter(request, 0)
            self._ledger.served(key)
        elif (job := self._ledger.running(key)) is not None:
            self._waiting[key] = _Waiting([request], job, 1)
        elif failure := self._enter(request, 0):
            yield Outcome(request, failure)

    def _enter(self, request: Request, tried: int) -> Failure | None:
        """Puts a request into the file that is gathered; a Failure when no file can hold it."""
        body = {"custom_id": request.key, "method": "POST", "url": CHAT}
        body["body"] = chat_body(request, self.model.model, self.options)  # type: ignore[assignment]
        line = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        most = int(self.options.batch.megabytes * 1e6)
        if len(line) > most:
            return Failure(f"{len(line)} bytes are more than a batch file may hold", "bad_request", retryable=False)
        if self._spool is not None and not self._spool.fits(line):
            self._submit()
        if self._spool is None:
            self._spool = Spool(self._ledger.new(), self.options.batch.requests, most)
        self._spool.add(request.key, line)
        self._waiting[request.key] = _Waiting([request], self._spool.job, tried + 1)
        return None

    def _re_enter(self, request: Request, tried: int) -> None:
        if request.key in self._waiting:
            self._waiting[request.key].requests.append(request)
        else:
            self._enter(request, tried)

    def _submit(self) -> None:
        """Makes a batch of what is gathered, if anything is."""
        spool, self._spool = self._spool, None
        if spool is None:
            return
        self._beside[spool.job.record.job] = len(self._jobs())
        try:
            self._ledger.submit(spool)
        except BaseException:
            spool.close()
            raise
        self._soon()
        self._tell()

    def _look(self) -> Iterator[Outcome]:
        """Sees how the running batches stand when that is due, else waits a little."""
        if not self._jobs():
            return
        if (wait := self._due - time.monotonic()) > 0:
            time.sleep(min(wait, _NAP))
            return
        self._due = time.monotonic() + self._pause
        self._pause = min(self._pause * _GROWTH, self.options.batch.max_poll_seconds)
        for job in self._jobs():
            remote = self._ask(job)
            if remote is not None and remote.ended:
                yield from self._end(job, remote)
                self._tell()

    def _ask(self, job: Job) -> RemoteBatch | None:
        """How a batch stands; None when the endpoint does not say."""
        try:
            remote = self._client.get(str(job.record.batch_id))
        except Away as error:
            self._away += 1
            if self._away >= self.options.give_up_after:
                raise
            log.info("%s", error.what)
            return None
        self._away = 0
        seen = (remote.status, remote.done, remote.failed)
        if self._seen.get(remote.id) != seen:
            self._seen[remote.id] = seen
            self._pause = self.options.batch.poll_seconds
            log.info("batch %s: %s, %d of %d done", remote.id, remote.status, remote.done, remote.total)
        return remote

    def _end(self, job: Job, remote: RemoteBatch) -> Iterator[Outcome]:
        """Fetches and hands out what a batch brought; queues what it did not answer."""
        if remote.status == "failed":
            self._failed(job, remote)
            return
        self._ledger.fetch(job, remote)
        for line in (line for path in (job.output, job.errors) for line in lines(path)):
            waiting = self._waiting.get(line.key)
            if waiting is None or waiting.job is not job:
                continue
            result = meaning(line, self._asked)
            if isinstance(result, NotAsked) and result.cancelled:
                continue
            del self._waiting[line.key]
            yield from self._outcomes(waiting, result)
            self._ledger.served(line.key)
        left = [key for key, waiting in self._waiting.items() if waiting.job is job]
        if left and remote.status == "cancelled":
            raise UserError(
                f"model {self.model.key}: somebody cancelled batch {remote.id}: {len(left)} of its requests have no answer",
                fix="run again: those are submitted in a new batch, what was answered is kept",
            )
        missing = TryAgain(f"batch {remote.id} ended ({remote.status}) without a line for it", "server")
        for key in left:
            yield from self._outcomes(self._waiting.pop(key), missing)

    def _outcomes(self, waiting: _Waiting, result: Reply | Failure | TryAgain | NotAsked) -> Iterator[Outcome]:
        """What the requests get; nothing yet when they are to be submitted again."""
        if isinstance(result, TryAgain | NotAsked):
            if waiting.tries < self.options.batch.attempts:
                first, *same = waiting.requests
                self._again.append((first, waiting.tries))
                self._again.extend((request, waiting.tries) for request in same)
                return
            kind = result.kind if isinstance(result, TryAgain) else "timeout"
            result = Failure(result.reason, kind, retryable=True, attempts=waiting.tries)
        for request in waiting.requests:
            yield Outcome(request, result)

    def _failed(self, job: Job, remote: RemoteBatch) -> None:
        """A batch that the endpoint refused as a whole: nothing of it was answered or paid for."""
        mine = [(key, waiting) for key, waiting in self._waiting.items() if waiting.job is job]
        others = len(self._jobs()) - 1
        self._ledger.forget(job)
        crowded = self._beside.get(job.record.job, 0) and any(
            code == "token_limit_exceeded" for code, _ in remote.faults
        )
        if crowded:
            # The endpoint holds only so many tokens in all batches: this one goes again, beside fewer.
            self._most_jobs = max(1, others)
            for key, waiting in mine:
                del self._waiting[key]
                self._again.extend((request, waiting.tries - 1) for request in waiting.requests)
            return
        said = "; ".join(f"{code}: {message}" for code, message in remote.faults[:3]) or "no reason given"
        raise UserError(
            f"model {self.model.key}: batch {remote.id} at {self._client.url} failed as a whole: {said}",
            fix="mend what it says (options.batch.requests and .jobs make batches smaller and fewer), then run again",
        )

    def _soon(self) -> None:
        """The next look is due now, and those after it come quickly again."""
        self._due, self._pause = 0.0, self.options.batch.poll_seconds

    def _tell(self) -> None:
        if self.events is not None:
            self.events("in_flight", len(self._waiting))

    def _drop_spool(self) -> None:
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.discard()

    def _stop(self) -> None:
        """Forgets what was gathered and not submitted; says what runs on."""
        self._drop_spool()
        running = self._jobs()
        if running:
            log.warning(
                "model %s: %d batches with %d requests run on at %s; run the same again to fetch what they bring",
                self.model.key,
                len(running),
                len(self._waiting),
                self._client.url,
            )
        self._waiting.clear()
