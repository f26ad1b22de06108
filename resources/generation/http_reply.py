"""What an HTTP answer of a chat endpoint means: a reply, a failure of this request, or the end of the whole run.

Contract: pure. A call that may go better next time is `retryable` (408, 409, 425, 429, 5xx, a body that is no chat
completion); a request that the endpoint will never answer is not (400, 403, 413, 422, ...). What every request would
meet (no right, no credit, no such model) is a UserError. No message holds the API key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from resources.errors import UserError
from resources.generation.model import Model
from resources.generation.reply import Failure, FailureKind, MalformedReply, Reply, parse_reply

_RETRY = {408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower case) and body of one HTTP answer, and how long it took in seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A try that failed; another may not. `after` is what the endpoint asked for, in seconds, if it did. `away` says that
    the endpoint itself was the cause (not there, or closed to us), so that other requests fare the same.
    """

    reason: str
    kind: FailureKind
    after: float | None = None
    away: bool = False


def judge(answer: Answer, model: Model, secret: str | None, *, answered_before: bool) -> Reply | Failure | TryAgain:
    """What the answer means. `answered_before` says whether this endpoint has given a reply to this engine already."""
    if answer.status == 200:
        code, said = _error_in(answer.body)
        if code is None:
            try:
                return parse_reply(answer.body, seconds=answer.seconds)
            except MalformedReply as error:
                return TryAgain(f"malformed reply: {error}", "server")
        # Some routers send the error of the model behind them with status 200.
        return _refusal(code, said, answer, model, secret, answered_before)
    return _refusal(answer.status, _error_in(answer.body)[1], answer, model, secret, answered_before)


def retry_after(headers: dict[str, str]) -> float | None:
    """Seconds asked for by `retry-after-ms` or `retry-after` (seconds or an HTTP date); None when absent or
    unreadable.
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" not in headers:
            return None
        value = headers["retry-after"].strip()
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _refusal(
    status: int, said: str, answer: Answer, model: Model, secret: str | None, answered_before: bool
) -> Failure | TryAgain:
    reason = f"HTTP {status}: {_without(said, secret)}"
    if status == 401:
        named = f"${model.api_key_env}" if model.api_key_env else "no API key (api_key_env is not set)"
        raise UserError(
            f"model {model.key}: {model.base_url} refuses {named}: {reason}", fix="set the right key, run again"
        )
    if status == 402 or (status == 429 and "insufficient_quota" in said):
        raise UserError(f"model {model.key}: {model.base_url} wants payment: {reason}", fix="add credit, run again")
    if status == 404 and not answered_before:
        raise UserError(
            f"model {model.key}: {model.base_url} knows no model {model.model!r} or no chat completions: {reason}",
            fix="check model and base_url (it usually ends in /v1)",
        )
    if status in _RETRY or status >= 500:
        kind: FailureKind = "rate_limited" if status == 429 else "timeout" if status == 408 else "server"
        return TryAgain(reason, kind, retry_after(answer.headers), away=status in (429, 502, 503, 504))
    return Failure(reason, "refused" if status == 403 else "bad_request", retryable=False)


def _error_in(body: bytes) -> tuple[int | None, str]:
    """Code and text of the error in a body; code None when the body holds no error object."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return None, body[:300].decode("utf-8", "replace").strip()
    error = value.get("error") if isinstance(value, dict) and not value.get("choices") else None
    if not error:
        return None, body[:300].decode("utf-8", "replace").strip()
    if not isinstance(error, dict):
        return 500, str(error)[:300]
    code = error.get("code")
    parts = [str(error[name]) for name in ("message", "type", "code") if error.get(name)]
    return (code if isinstance(code, int) and code >= 400 else 500), " · ".join(parts)[:400]


def _without(text: str, secret: str | None) -> str:
    return text.replace(secret, "***") if secret else text
