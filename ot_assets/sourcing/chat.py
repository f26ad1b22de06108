"""Chat-shaped values: a list of `{from, value}` or `{role, content}`, as ShareGPT-like and OpenAI-like data sets hold
them.

A question is the first user turn, a solution the first turn of the assistant. Content in parts (`[{type: text, text:
...}]`) is joined.
"""

from __future__ import annotations

from typing import Any, TypeGuard

_USER = frozenset({"user", "human", "prompter"})
_ASSISTANT = frozenset({"assistant", "gpt", "model", "chatgpt", "bot"})


def is_chat(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    """Whether a value is a non-empty list of turns."""
    return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) and _speaker(turn) for turn in value)


def first_user_turn(turns: list[dict[str, Any]]) -> str | None:
    """Text of the first turn that a user speaks; None where there is none."""
    return _first(turns, _USER)


def first_assistant_turn(turns: list[dict[str, Any]]) -> str | None:
    """Text of the first turn that the assistant speaks; None where there is none."""
    return _first(turns, _ASSISTANT)


def _first(turns: list[dict[str, Any]], speakers: frozenset[str]) -> str | None:
    return next((_content(turn) for turn in turns if _speaker(turn) in speakers), None)


def _speaker(turn: dict[str, Any]) -> str:
    speaker = turn.get("role") or turn.get("from")
    return speaker.strip().lower() if isinstance(speaker, str) else ""


def _content(turn: dict[str, Any]) -> str | None:
    content = turn.get("content") if turn.get("content") is not None else turn.get("value")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "\n".join(text for text in parts if isinstance(text, str))
    return content if isinstance(content, str) else None
