"""Events: what people did, one line each, as they come from a log and as the fold reads them.

Belongs here: `Event`, and `parse`, which turns one line of a log (a JSON object) into an event or says what is wrong with it.
Contract: `parse` checks shape and values alone (kinds, fields, types, ranges, times); what an event means beside the others is
the fold's to judge. A field that is null counts as absent. Fails with `Refused`, never with another error, for anything that
JSON can hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ot_assets.conversations.kinds import KINDS, TASKS
from ot_assets.conversations.labels import EMOJIS, LABELS
from ot_assets.conversations.languages import normalised

LONGEST_ID = 200
LONGEST_TEXT = 100_000
"""Characters that a log's line may hold in one text; how long a message may be is a setting."""
LONGEST_LIST = 1_000
ROLES = ("prompter", "assistant")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class Refused(Exception):
    """An event that does not count. `rule` is a short name, the message says what was found and expected."""

    def __init__(self, rule: str, note: str) -> None:
        super().__init__(note)
        self.rule = rule
        self.note = note


class Event(NamedTuple):
    """One event. Which fields a kind has is in `kinds.KINDS`; the others are None."""

    event_id: str
    kind: str
    at: int
    """Milliseconds since 1970, UTC."""
    language: str
    user_id: str | None = None
    tree_id: str | None = None
    message_id: str | None = None
    parent_id: str | None = None
    role: str | None = None
    text: str | None = None
    labels: Mapping[str, float] | None = None
    ranking: tuple[str, ...] | None = None
    """Message ids, the best first."""
    shown: tuple[str, ...] | None = None
    """Message ids in the order in which they were shown."""
    not_rankable: bool | None = None
    emoji: str | None = None
    task: str | None = None
    task_id: str | None = None
    synthetic: bool | None = None
    model_name: str | None = None
    about_user: str | None = None
    settings: Mapping[str, Any] | None = None
    tree: Mapping[str, Any] | None = None
    """An imported tree: `messages` (rows of `schemas.Messages`' published columns) and its `tree_state`."""


_IDS = ("event_id", "user_id", "tree_id", "message_id", "parent_id", "task_id", "about_user", "model_name")


def parse(line: Mapping[str, Any] | Any) -> Event:
    """The event of one decoded line. Raises `Refused` with rule `not_an_event` or `bad_field`."""
    if not isinstance(line, Mapping):
        raise Refused("not_an_event", f"a {type(line).__name__} instead of an object")
    given = {name: value for name, value in line.items() if value is not None}
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refused("not_an_event", f"kind is {_shown(kind)}; known are {', '.join(KINDS)}")
    shape = KINDS[kind]
    for name in shape.needed:
        if name not in given:
            raise Refused("bad_field", f"{kind} needs {name}")
    if not given.keys() <= shape.fields:
        unknown = min(map(str, given.keys() - shape.fields))
        raise Refused("bad_field", f"{kind} has no field {_shown(unknown)}")
    checked = {name: _CHECKS[name](name, value) for name, value in given.items()}
    if kind == "prompt_submitted" and checked["tree_id"] != checked["message_id"]:
        raise Refused("bad_field", "a prompt's message_id is its tree_id")
    if kind == "ranking_submitted" and not _permutes(checked["ranking"], checked["shown"]):
        raise Refused("not_a_permutation", "ranking must hold every message of shown, each once")
    return Event(**checked)


def milliseconds(value: str | datetime) -> int:
    """A time with its zone as milliseconds since 1970. Raises ValueError where it has no zone, or is in no year from 1
    to 9999.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    at = round(moment.timestamp() * 1000)
    if not _FIRST <= at <= _LAST:  # its zone carries it over the calendar's end, where it could not be written
        raise ValueError("a time outside the years 1 to 9999")
    return at


def moment(at: int) -> datetime:
    """The time of an event."""
    return _EPOCH + timedelta(milliseconds=at)


def written(at: int) -> str:
    """The time of an event as logs write it."""
    return moment(at).isoformat(timespec="milliseconds")


def to_line(event: Event) -> dict[str, Any]:
    """The event as a line of a log: what `parse` reads, without the fields that it does not have."""
    line = {name: value for name, value in event._asdict().items() if value is not None}
    line["at"] = written(event.at)
    for name in ("ranking", "shown"):
        if name in line:
            line[name] = list(line[name])
    return line


def _permutes(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(set(other)) == len(other) and sorted(one) == sorted(other)


def _shown(value: object) -> str:
    try:
        text = repr(value[:61] if isinstance(value, str) else value)
    except (RecursionError, ValueError):  # lists in lists without end, numbers of thousands of digits
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= 60 else text[:59] + "…"


def _id(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ID or not value.isprintable():
        raise Refused(
            "bad_field", f"{name} is {_shown(value)}; a printable text of 1 to {LONGEST_ID} characters is expected"
        )
    return value


def _time(name: str, value: Any) -> int:
    try:
        if isinstance(value, str | datetime):
            return milliseconds(value)
    except (ValueError, OverflowError):
        pass
    raise Refused(
        "bad_field", f"{name} is {_shown(value)}; ISO 8601 with a zone is expected: 2023-04-01T12:00:00+00:00"
    )


def _language(name: str, value: Any) -> str:
    found = normalised(value) if isinstance(value, str) and len(value) <= LONGEST_ID else None
    if found is None:
        raise Refused("bad_field", f"{name} is {_shown(value)}; a language tag such as en or pt-BR is expected")
    return found


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("bad_field", f"{name} is {_shown(value)}; text is expected")
    if len(value) > LONGEST_TEXT:
        raise Refused("text_too_long", f"{name} has {len(value):,} characters, at most {LONGEST_TEXT:,} are read")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused("bad_field", f"{name} holds half of a surrogate pair, which is no text") from None
    if "\0" in value:
        raise Refused("bad_field", f"{name} holds a NUL character")
    return value


def _one_of(known: tuple[str, ...]) -> Any:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise Refused("bad_field", f"{name} is {_shown(value)}; known are {', '.join(known)}")
        return value

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("bad_field", f"{name} is {_shown(value)}; true or false is expected")
    return value


def _labels(name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise Refused("bad_field", f"{name} is {_shown(value)}; an object of label: value is expected")
    for label, number in value.items():
        if label not in LABELS:
            raise Refused("unknown_label", f"no label is called {_shown(label)}; known are {', '.join(LABELS)}")
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
            raise Refused("label_out_of_range", f"{label} is {_shown(number)}; a number from 0 to 1 is expected")
    return {label: float(number) for label, number in value.items()}


def _ids(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= LONGEST_LIST:
        raise Refused("bad_field", f"{name} is {_shown(value)}; a list of 1 to {LONGEST_LIST} message ids is expected")
    return tuple(_id(name, one) for one in value)


def _object(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Refused("bad_field", f"{name} is {_shown(value)}; an object is expected")
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # half a surrogate pair is a ValueError too
    except (TypeError, ValueError, RecursionError):
        raise Refused("bad_field", f"{name} holds what JSON cannot say") from None
    return value


_CHECKS = {
    **dict.fromkeys(_IDS, _id),
    "kind": _one_of(tuple(KINDS)),
    "at": _time,
    "language": _language,
    "role": _one_of(ROLES),
    "text": _text,
    "labels": _labels,
    "ranking": _ids,
    "shown": _ids,
    "not_rankable": _flag,
    "emoji": _one_of(EMOJIS),
    "task": _one_of(TASKS),
    "synthetic": _flag,
    "settings": _object,
    "tree": _object,
}
