"""Dialogues of two people as questions: what one opens with, and what the other replies.

Reads one JSON file, as chitchat-dataset has it: id -> `{prompt, messages: [[{text, sender}, ...], ...], ratings}`, where
each inner list is one turn. Columns: prompt, opening (the first turn), reply (the second, null where nobody answered),
turns (how many there are), id. What looks like an e-mail address is blanked. A dialogue without a turn, or of another
shape, is unreadable. The file is read whole, up to 256 MiB; UserError for a larger one and for what is no such file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any

from ot_assets.sourcing.rows import RawRow
from resources.errors import UserError

_LARGEST = 256 * 1024 * 1024
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+\w")


def read_dialogues(stream: IO[bytes], member: str, key: str) -> Iterator[RawRow]:
    """One raw row a dialogue, in the order of the file."""
    data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise UserError(f"{key}: {member} is larger than {_LARGEST:,} bytes", fix="choose other origin.members")
    try:
        there = json.loads(data)
    except ValueError as error:
        raise UserError(f"{key}: {member} is no JSON: {error}", fix="choose other origin.members") from error
    if not isinstance(there, dict):
        raise UserError(f"{key}: {member} holds no dialogues by id", fix="choose other origin.members")
    for index, (name, dialogue) in enumerate(there.items()):
        try:
            yield RawRow(member, index, _values(name, dialogue))
        except (KeyError, TypeError, IndexError, ValueError) as error:
            yield RawRow(member, index, None, f"{name}: no dialogue: {type(error).__name__}: {error}")


def _values(name: str, dialogue: dict[str, Any]) -> dict[str, Any]:
    turns = [_text(turn) for turn in dialogue["messages"]]
    if not turns:
        raise ValueError("nobody says anything")
    prompt = dialogue.get("prompt")
    return {
        "prompt": prompt if isinstance(prompt, str) else None,
        "opening": turns[0],
        "reply": turns[1] if len(turns) > 1 else None,
        "turns": len(turns),
        "id": name,
    }


def _text(turn: list[dict[str, Any]]) -> str:
    """What is said in one turn."""
    return _EMAIL.sub("[e-mail]", "\n".join(str(message["text"]) for message in turn))
