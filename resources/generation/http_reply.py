"""What an HTTP answer of a chat endpoint means: a reply, a failure of this request, or the end of the whole run.

Contract: pure. A call that may go better next time is `TryAgain` (408, 409, 425, 429, 5xx, a body that is no chat
completion); a request that the endpoint will never answer is a `Failure` (400, 403, 413, 422, ...). What every request
would meet (no right, no credit, no such model, a template without system prompts) is a UserError. No message holds the
API key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from resources.errors import UserError
from resources.generation.gate import Announced
from resources.generation.model import Model
from resources.generation.reply import Failure, FailureKind, MalformedReply, Reply, parse_reply

_RETRY = {408, 409, 425, 429}
_AWAY = {429, 502, 503, 504, 529}
_TOO_LONG = re.compile(
    r"context[ _]length|context[ _]window|maximum context|max_model_len|maximum model length|prompt is too long|"
    r"too many (input )?tokens|exceeds? the (model|maximum|available context)",
    re.I,
)
_NO_SYSTEM = re.compile(
    r"system (role|prompt|messages?)\W+(is |are )?not (supported|allowed)|no system (role|prompt)", re.I
)
_NO_MODEL = re.compile(
    r"model_not_found|model\b.{0,120}?\b(does not exist|not found|is not (available|supported))", re.I | re.S
)
_NO_KEY = re.compile(
    r"invalid_api_key|(invalid|incorrect|missing|no) api[ _-]?key|api[ _-]?key (is |was )?(not valid|invalid)", re.I
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|h|m|s)")
_UNIT = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_EPOCH = 1e9


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (looked up without regard to case, or lower case) and body of one HTTP answer, and how long it took
    in seconds.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A try that failed; another may not. `after` is what the endpoint asked for, in seconds, if it did. `away` says that
    the endpoint itself was the cause (not there, or closed to us), so that other requests fare the same. `silent` says
    that it gave no sign of life.
    """

    reason: str
    kind: FailureKind
    after: float | None = None
    away: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked where: for messages. `answered` says whether this endpoint has given a reply before."""

    model: Model
    url: str
    secret: str | None
    answered: bool = False


def judge(answer: Answer, asked: Asked) -> Reply | Failure | TryAgain:
    """What the answer means."""
    if answer.status == 200:
        try:
            return parse_reply(answer.body, seconds=answer.seconds)
        except (MalformedReply, RecursionError) as error:
            code, said = _error_in(answer.body)
            if code is None:
                return TryAgain(f"malformed reply: {_without(str(error), asked.secret)}", "malformed")
        # Some routers send the error of the model behind them with status 200.
        return _refusal(code, said, answer, asked)
    return _refusal(answer.status, _error_in(answer.body)[1], answer, asked)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds asked for by `retry-after-ms` or `retry-after` (seconds or an HTTP date); None when absent or unreadable.
    A date is compared with the answer's own `date`, so that this machine's clock does not matter.
    """
    try:
        if "retry-after-ms" in headers:
            return _sane(float(headers["retry-after-ms"]) / 1000)
        if "retry-after" not in headers:
            return None
        value = headers["retry-after"].strip()
        if value.replace(".", "", 1).isdigit():
            return _sane(float(value))
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return _sane((parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def announced(headers: Mapping[str, str]) -> Announced | None:
    """What the `x-ratelimit-remaining-*` and `-reset-*` headers say; None without them."""
    said: dict[str, float] = {}
    for name in ("requests", "tokens"):
        left, reset = headers.get(f"x-ratelimit-remaining-{name}"), headers.get(f"x-ratelimit-reset-{name}")
        if left is None or reset is None:
            continue
        try:
            count = float(left)
        except ValueError:
            continue
        seconds = _span(reset)
        if count >= 0 and seconds is not None:
            said |= {name: count, f"{name}_reset": seconds}
    return Announced(**said) if said else None


def _span(text: str) -> float | None:
    """Seconds in `1s`, `6m0s`, `20ms`, a bare number of seconds, or seconds since 1970; None for anything else."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        parts = _SPAN.findall(text)
        if not parts or "".join(f"{count}{unit}" for count, unit in parts) != text:
            return None
        number = sum(float(count) * _UNIT[unit] for count, unit in parts)
    if number >= _EPOCH:
        number -= datetime.now(UTC).timestamp() * (1000 if number >= 1000 * _EPOCH else 1)
    return _sane(number)


def _sane(seconds: float) -> float | None:
    """Seconds that can be waited for; None for NaN and infinity."""
    return max(0.0, seconds) if seconds == seconds and abs(seconds) != float("inf") else None


def _refusal(status: int, said: str, answer: Answer, asked: Asked) -> Failure | TryAgain:
    reason = f"HTTP {status}: {_without(said, asked.secret)}"
    _raise_what_ends_all(status, said, reason, answer, asked)
    if status in _RETRY or status >= 500:
        kind: FailureKind = "rate_limited" if status == 429 else "timeout" if status == 408 else "server"
        return TryAgain(reason, kind, retry_after(answer.headers), away=status in _AWAY)
    if _TOO_LONG.search(said):
        reason = f"prompt and max_tokens do not fit into the model's context: {reason}"
    return Failure(reason, "refused" if status == 403 else "bad_request", retryable=False)


def _raise_what_ends_all(status: int, said: str, reason: str, answer: Answer, asked: Asked) -> None:
    model, url = asked.model, asked.url
    if status == 401 or (status in (400, 403) and _NO_KEY.search(said)):
        named = f"${model.api_key_env}" if model.api_key_env else "no API key (api_key_env is not set)"
        raise UserError(f"model {model.key}: {url} refuses {named}: {reason}", fix="set the right key, run again")
    if status == 402 or (status == 429 and "insufficient_quota" in said):
        raise UserError(f"model {model.key}: {url} wants payment: {reason}", fix="add credit, run again")
    if asked.answered:
        return
    if 300 <= status < 400:
        to = answer.headers.get("location", "another address")
        raise UserError(f"model {model.key}: {url} sends on to {to}", fix="set base_url to where it really is")
    if status in (404, 405) or (status == 400 and _NO_MODEL.search(said)):
        raise UserError(
            f"model {model.key}: {url} knows no model {model.model!r} or no chat completions: {reason}",
            fix="check model and base_url (it usually ends in /v1)",
        )
    if status in (400, 422, 500) and _NO_SYSTEM.search(said):
        raise UserError(
            f"model {model.key}: its chat template refuses a system prompt: {reason}",
            fix="take system_prompt out of the teacher and write it into its prompt",
        )


def _error_in(body: bytes) -> tuple[int | None, str]:
    """Code and text of the error in a body; code None when the body holds no error object."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
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
