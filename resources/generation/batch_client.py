"""The acts of OpenAI's batch protocol over HTTP: files, batches, results.

What belongs here: one method an act, with its retries. Contract: acts that may be repeated without harm are, with growing
pauses and as Retry-After says; making a batch is not, because it costs: where it is not known whether one was made,
`create` raises `Uncertain`, and `find` and `fence` settle it. Ordinary code calls; an asyncio loop in a thread speaks.
UserError: a wrong key, no credit, an endpoint without batches, one that stays away. No message holds the API key.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.artifacts.disk import sync_folder
from resources.errors import UserError
from resources.generation.addresses import base_of, is_http_address
from resources.generation.http_reply import retry_after
from resources.generation.loop_thread import LoopThread
from resources.generation.model import Model
from resources.generation.options import OpenAIOptions

if TYPE_CHECKING:
    import aiohttp

ENDED = ("completed", "expired", "failed", "cancelled")
CHAT = "/v1/chat/completions"

_CHUNK = 1 << 20
_PAGES = 50
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Uncertain(Exception):
    """The endpoint was asked to make a batch, and it is not known whether it did."""


class Away(UserError):
    """The endpoint did not answer, or not sensibly; it may later."""


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the endpoint describes it. `faults` are (code, message) of a batch that failed as a whole."""

    id: str
    status: str
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: float = 0.0
    done: int = 0
    failed: int = 0
    total: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    faults: tuple[tuple[str, str], ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class BatchClient:
    """Speaks to `model.base_url`; `secret` is the API key, or None."""

    def __init__(self, model: Model, options: OpenAIOptions, url: str, secret: str | None) -> None:
        self.model, self.options, self.url, self.secret = model, options, url, secret
        self._thread = LoopThread(f"batch-{model.key}")
        self._session = self._thread.run(self._open())

    @classmethod
    def of(cls, model: Model, options: OpenAIOptions) -> BatchClient:
        """The client of a model's endpoint; UserError for an address that is none, or a key that is not set."""
        url = base_of(model.base_url or "")
        if not is_http_address(url):
            raise UserError(
                f"model {model.key}: base_url {model.base_url!r} is no http address",
                fix="for example https://api.openai.com/v1",
            )
        secret = None
        if model.api_key_env is not None:
            secret = os.environ.get(model.api_key_env, "").strip()
            if not secret:
                raise UserError(
                    f"model {model.key}: the environment variable {model.api_key_env} is not set",
                    fix=f"export {model.api_key_env}=… with the API key for {url}",
                )
        return cls(model, options, url, secret)

    def upload(self, path: Path, name: str) -> str:
        """The id of the uploaded file. A file uploaded twice costs nothing."""
        import aiohttp

        def form() -> Any:
            data = aiohttp.FormData()
            data.add_field("purpose", "batch")
            data.add_field("file", path.open("rb"), filename=name, content_type="application/jsonl")
            return data

        answer = self._do("POST", "/files", form=form)
        return str(answer["id"])

    def create(self, file_id: str, metadata: dict[str, str]) -> RemoteBatch:
        """Makes the batch: from here on it costs. `Uncertain` when it may or may not have been made."""
        body = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h", "metadata": metadata}
        return _batch(self._do("POST", "/batches", body=body, once=True))

    def get(self, batch_id: str) -> RemoteBatch:
        """How the batch stands. One try: whoever polls tries again."""
        return _batch(self._do("GET", f"/batches/{batch_id}", tries=1))

    def find(self, job: str, file_id: str, since: float) -> RemoteBatch | None:
        """The batch made for a job, looked for among those made after `since` (seconds since 1970)."""
        after = ""
        for _ in range(_PAGES):
            page = self._do("GET", f"/batches?limit=100{after}")
            batches = [_batch(found) for found in page.get("data") or []]
            for batch in batches:
                if batch.metadata.get("ot_job") == job or batch.input_file_id == file_id:
                    return batch
            if not page.get("has_more") or not batches or batches[-1].created_at < since:
                return None
            after = f"&after={batches[-1].id}"
        return None

    def delete_file(self, file_id: str) -> bool:
        """Whether the file is gone: no batch can be made of it any more."""
        answer = self._thread.run(self._patiently("DELETE", f"/files/{file_id}", None, None, self.options.attempts))
        return answer.status in (200, 204, 404)

    def cancel(self, batch_id: str) -> RemoteBatch:
        """Asks the endpoint to stop a batch; what it has answered by then is paid for and can be fetched."""
        return _batch(self._do("POST", f"/batches/{batch_id}/cancel", body={}))

    def download(self, file_id: str, to: Path) -> None:
        """The content of a file, durably under `to`, whole or not at all."""
        beside = to.with_name(f"{to.name}.{uuid.uuid4().hex[:8]}")
        try:
            self._thread.run(self._fetch(f"/files/{file_id}/content", beside))
            beside.replace(to)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(to.parent)

    def close(self) -> None:
        """Closes the connections; may be called twice."""
        if not self._session.closed:
            self._thread.run(self._session.close())
        self._thread.close()

    def _do(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        form: Any = None,
        once: bool = False,
        tries: int | None = None,
    ) -> dict[str, Any]:
        """The JSON of a successful answer. `once`: never sent again when it may have had an effect."""
        tries = tries or self.options.attempts
        answer = self._thread.run(self._patiently(method, path, body, form, tries, once=once))
        if answer.status >= 300:
            raise self._refusal(answer, method, path)
        try:
            value = json.loads(answer.body)
            if isinstance(value, dict) and ("id" in value or "data" in value):
                return value
        except ValueError:
            pass
        said = f"{method} {path}: the answer is no object of this protocol: {self._said(answer.body)}"
        raise Uncertain(said) if once else self._away(said)

    # From here on: inside the loop's thread.

    async def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        options = self.options
        headers = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        timeout = aiohttp.ClientTimeout(total=options.timeout, connect=options.connect_timeout)
        local = any(f"//{host}" in self.url for host in _LOCAL)
        # A proxy from the environment is for the world outside, not for a server on this machine.
        return aiohttp.ClientSession(headers=options.headers | headers, timeout=timeout, trust_env=not local)

    async def _patiently(
        self, method: str, path: str, body: dict[str, Any] | None, form: Any, tries: int, *, once: bool = False
    ) -> _Answer:
        """The answer of the first try that is no passing failure; the last one's otherwise. Away without an answer."""
        import aiohttp

        for tried in range(1, tries + 1):
            try:
                data = form() if form else None
                async with self._session.request(method, f"{self.url}{path}", json=body, data=data) as response:
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    answer = _Answer(response.status, headers, await response.read())
            except (aiohttp.ClientError, TimeoutError) as error:
                said = f"{type(error).__name__}: {error}"
                if once and not isinstance(error, aiohttp.ClientConnectorError):
                    raise Uncertain(f"{method} {path}: {said}") from None
                if tried == tries:
                    raise self._away(f"{method} {path}: {said}") from None
                await asyncio.sleep(self._pause(tried, None))
                continue
            if once and (answer.status >= 500 or answer.status in (408, 409)):
                raise Uncertain(f"{method} {path}: HTTP {answer.status}: {self._said(answer.body)}")
            if not _passes(answer) or tried == tries:
                return answer
            await asyncio.sleep(self._pause(tried, retry_after(answer.headers)))
        raise AssertionError("unreachable")

    async def _fetch(self, path: str, to: Path) -> None:
        import aiohttp

        tries = self.options.attempts
        for tried in range(1, tries + 1):
            try:
                async with self._session.get(f"{self.url}{path}") as response:
                    if response.status < 300:
                        with to.open("wb") as file:
                            async for chunk in response.content.iter_chunked(_CHUNK):
                                file.write(chunk)
                            file.flush()
                            os.fsync(file.fileno())
                        return
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    answer = _Answer(response.status, headers, await response.read())
                if not _passes(answer) or tried == tries:
                    raise self._refusal(answer, "GET", path)
                wait = retry_after(answer.headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                if tried == tries:
                    raise self._away(f"GET {path}: {type(error).__name__}: {error}") from None
                wait = None
            await asyncio.sleep(self._pause(tried, wait))

    def _pause(self, tried: int, asked: float | None) -> float:
        if asked is not None:
            return min(asked, self.options.max_retry_after) * random.uniform(1.0, 1.25)
        return min(self.options.max_backoff, self.options.backoff * 2.0 ** (tried - 1)) * random.uniform(0.5, 1.0)

    def _who(self) -> str:
        return f"model {self.model.key}: {self.url}"

    def _said(self, body: bytes) -> str:
        text = body[:400].decode("utf-8", "replace").strip()
        return text.replace(self.secret, "***") if self.secret else text

    def _away(self, what: str) -> Away:
        return Away(f"{self._who()} does not answer: {what}", fix="run again later: batches run on and nothing is lost")

    def _refusal(self, answer: _Answer, method: str, path: str) -> UserError:
        said = f"{method} {path} is refused: HTTP {answer.status}: {self._said(answer.body)}"
        if _passes(answer):
            return self._away(said)
        if answer.status == 401:
            return UserError(f"{self._who()}: {said}", fix=f"set the right key in ${self.model.api_key_env}, run again")
        if answer.status in (404, 405):
            return UserError(
                f"{self._who()}: {said}",
                fix="see that base_url is right (it usually ends in /v1) and the endpoint has /files and /batches; "
                "without them take mode: online",
            )
        return UserError(f"{self._who()}: {said}", fix="mend what it says, then run again: what was answered is kept")


def _passes(answer: _Answer) -> bool:
    """Whether a refusal may be gone next time."""
    if answer.status == 429:
        return b"insufficient_quota" not in answer.body
    return answer.status in (408, 409, 425) or answer.status >= 500


def _batch(said: dict[str, Any]) -> RemoteBatch:
    counts = said.get("request_counts") or {}
    faults = (said.get("errors") or {}).get("data") or []
    return RemoteBatch(
        id=str(said.get("id")),
        status=str(said.get("status")),
        input_file_id=said.get("input_file_id"),
        output_file_id=said.get("output_file_id"),
        error_file_id=said.get("error_file_id"),
        created_at=float(said.get("created_at") or 0),
        done=int(counts.get("completed") or 0),
        failed=int(counts.get("failed") or 0),
        total=int(counts.get("total") or 0),
        metadata=said.get("metadata") or {},
        faults=tuple((str(fault.get("code")), str(fault.get("message"))) for fault in faults),
    )
