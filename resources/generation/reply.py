"""What came back: a reply, raw first, or a failure with its reason.

What belongs here: the value types of an outcome and the one parser from the raw bytes of a chat completion to text,
reasoning, finish reason and token counts. Contract: `parse_reply` is pure and total over what engines accept, so a
stored raw reply can be read again at no cost, by better code too. It raises `MalformedReply` for bytes that are no chat
completion; engines treat that as a failed call and the store as a damaged row. A reply cut at max_tokens is a reply
(`finish_reason="length"`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

FinishReason = Literal["stop", "length", "content_filter"]
FailureKind = Literal["rate_limited", "timeout", "refused", "server", "bad_request", "connection", "malformed"]

_FINISH: dict[str | None, FinishReason] = {
    None: "stop",
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
}


class MalformedReply(ValueError):
    """The bytes are not a chat completion; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a model. `payload` is the body exactly as it came; the other fields are read from it.

    `cost` is in USD and None when no price is known; `seconds` is the time of the call as its caller saw it.
    """

    text: str
    reasoning: str | None
    finish_reason: FinishReason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    payload: bytes = field(default=b"", repr=False)

    @property
    def raw(self) -> dict[str, Any]:
        """The payload as JSON."""
        value: dict[str, Any] = json.loads(self.payload)
        return value

    @classmethod
    def make(
        cls,
        text: str,
        *,
        reasoning: str | None = None,
        finish_reason: FinishReason = "stop",
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        seconds: float | None = None,
        cost: float | None = None,
        model: str = "",
    ) -> Reply:
        """A reply of an engine in this process: the payload is written in the shape that endpoints use."""
        payload = completion_payload(
            text,
            reasoning=reasoning,
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            model=model,
        )
        return parse_reply(payload, seconds=seconds, cost=cost)


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no answer. It is never stored as one and never scored as wrong (DESIGN contract 7)."""

    reason: str
    kind: FailureKind
    retryable: bool
    attempts: int = 1


def completion_payload(
    text: str,
    *,
    reasoning: str | None,
    finish_reason: FinishReason,
    prompt_tokens: int | None,
    completion_tokens: int | None,
    model: str = "",
) -> bytes:
    """The bytes of a chat completion as an OpenAI-compatible endpoint would send it."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    body: dict[str, Any] = {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
    }
    if prompt_tokens is not None or completion_tokens is not None:
        body["usage"] = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def parse_reply(payload: bytes, *, seconds: float | None = None, cost: float | None = None) -> Reply:
    """The reply in the bytes of a chat completion; MalformedReply when there is none."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MalformedReply(f"not JSON ({error}): {_start(payload)}") from None
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise MalformedReply(f"no choices: {_start(payload)}")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise MalformedReply(f"no message in the choice: {_start(payload)}")
    finish = choice.get("finish_reason")
    if finish not in _FINISH:
        raise MalformedReply(f"finish_reason {finish!r}: {_start(payload)}")
    text, thoughts = _content(message.get("content"))
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Reply(
        text=text,
        reasoning=_reasoning(message) or thoughts,
        finish_reason=_FINISH[finish],
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        seconds=seconds,
        cost=cost,
        payload=payload,
    )


def _reasoning(message: dict[str, Any]) -> str | None:
    """The endpoint's own reasoning field: `reasoning_content` (DeepSeek, older vLLM) or `reasoning` (OpenRouter,
    vLLM).
    """
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def _content(content: Any) -> tuple[str, str | None]:
    """Text and thoughts of a message's content, which is a string, null, or a list of typed parts."""
    if content is None:
        return "", None
    if isinstance(content, str):
        return content, None
    if not isinstance(content, list):
        raise MalformedReply(f"content of type {type(content).__name__}")
    text: list[str] = []
    thoughts: list[str] = []
    for part in content:
        if not isinstance(part, dict):
            raise MalformedReply("a content part that is no object")
        if isinstance(part.get("text"), str):
            text.append(part["text"])
        elif part.get("type") == "thinking":
            inner, _ = _content(part.get("thinking"))
            thoughts.append(inner)
    return "".join(text), "".join(thoughts) or None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _start(payload: bytes) -> str:
    """The first characters of a body, for a message."""
    return repr(payload[:120].decode("utf-8", "replace"))
