"""What a transaction of the event log does: appends rows, finds how far the log goes, deletes a person.

Belongs here: functions over an open connection; `EventLog` opens it and names the contract. All may run twice, which a lost
connection makes them do. Fails with `Behind`, and with ValueError for a line that lacks what every event has.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from resources.contributions.database import serialized
from resources.contributions.tables import EVENTS, INFO, TASKS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = 500
"""Ids in one question to the database."""
_DERIVED = "message_edited"
"""Events of others that hold the words of whoever wrote the message."""
_PURGE = "user_purged"
"""What a person sent that outlives them: it keeps others out who asked for that."""

# Asked several times a task: built once, for building costs more than the answer.
_LAST = (
    sa.select(EVENTS.c.seq, EVENTS.c.at)
    .where(EVENTS.c.family == sa.bindparam("of_family"))
    .order_by(EVENTS.c.seq.desc())
    .limit(1)
)
_NUMBER = sa.select(INFO.c.value).where(INFO.c.name == sa.bindparam("of_name"))

Row = Mapping[str, Any]


class Behind(Exception):
    """Someone else appended, or a person was purged, since the place that was named."""


class Place(NamedTuple):
    """How far a language's log goes: its last line and that one's time, and how often persons were purged from the log."""

    seq: int = 0
    at: int = 0
    purges: int = 0


class Appended(NamedTuple):
    """What became of one line: `added`; `there` before, the same; `another` of this id was there; `out_of_order`."""

    said: Literal["added", "there", "another", "out_of_order"]
    seq: int | None


def family(language: str) -> str:
    """The tag up to its first hyphen: languages whose events may be folded together."""
    return language.partition("-")[0]


def row_of(line: Mapping[str, Any]) -> Row:
    """A line as a row of the table. ValueError where it lacks an id, a kind, a language or a time with its zone."""
    for name in ("event_id", "kind", "language", "at"):
        if not isinstance(line.get(name), str) or not line[name]:
            raise ValueError(f"an event's {name} is {line.get(name)!r}; text is expected")
    at = datetime.fromisoformat(line["at"])
    if at.tzinfo is None:
        raise ValueError(f"an event's at is {line['at']!r}, without a zone")
    return {
        "event_id": line["event_id"],
        "family": family(line["language"]),
        "language": line["language"],
        "at": round(at.timestamp() * 1000),
        "kind": line["kind"],
        "user_id": line.get("user_id"),
        "message_id": line.get("message_id"),
        "line": _written(line),
    }


def place_of(connection: sa.Connection, of_family: str) -> Place:
    """How far the log of a language, with its sisters, goes."""
    found = connection.execute(_LAST, {"of_family": of_family}).one_or_none()
    seq, at = found if found is not None else (0, 0)
    return Place(seq, at, _number(connection, "purges"))


def append_rows(connection: sa.Connection, rows: Sequence[Row], after: Place | None) -> list[Appended]:
    """Appends what is new, in the order given."""
    serialized(connection)
    places = {name: place_of(connection, name) for name in {row["family"] for row in rows}}
    if after is not None and any(place != after for place in places.values()):
        raise Behind
    known = _known(connection, [row["event_id"] for row in rows])
    last = {name: place.at for name, place in places.items()}
    before = seq = _number(connection, "seq")
    done: list[Appended] = []
    new: list[Row] = []
    for row in rows:
        there = known.get(row["event_id"])
        if there is not None:
            done.append(Appended("there" if there[1] == row["line"] else "another", there[0]))
        elif row["at"] < last[row["family"]]:
            done.append(Appended("out_of_order", None))
        else:
            seq += 1
            new.append({**row, "seq": seq})
            known[row["event_id"]] = (seq, row["line"])
            last[row["family"]] = row["at"]
            done.append(Appended("added", seq))
    if new:
        connection.execute(sa.insert(EVENTS), new)
        _set(connection, "seq", before + len(new))
    return done


def delete_person(connection: sa.Connection, user_id: str, note: Sequence[Row], uncounted: Collection[str]) -> int:
    """Deletes what a person sent, edits of what they wrote, and their tasks; returns how many lines went.

    Their own notes of purges, but the `uncounted` ones, stay under their ids. They are said anew: by whoever signs the first
    line of `note` in their language (of all, where it has none there; by nobody where none is signed), and at its time. Raises
    `Behind` where `note` cannot be appended, because someone appended something later than it.
    """
    serialized(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    mine = EVENTS.c.user_id == user_id, EVENTS.c.kind.in_(("prompt_submitted", "reply_submitted"))
    written = connection.scalars(sa.select(EVENTS.c.message_id).where(*mine)).all()
    gone = 0
    for some in _some([name for name in written if name is not None]):
        edits = EVENTS.c.kind == _DERIVED, EVENTS.c.message_id.in_(some)
        gone += connection.execute(sa.delete(EVENTS).where(*edits)).rowcount
    kept = [row for row in _said_anew(connection, user_id, note) if row["event_id"] not in uncounted]
    gone += connection.execute(sa.delete(EVENTS).where(EVENTS.c.user_id == user_id)).rowcount - len(kept)
    connection.execute(sa.delete(TASKS).where(TASKS.c.user_id == user_id))
    _set(connection, "purges", _number(connection, "purges") + 1)
    if any(one.said != "added" for one in append_rows(connection, [*kept, *note], None)):
        raise Behind
    return gone


def _said_anew(connection: sa.Connection, user_id: str, note: Sequence[Row]) -> list[Row]:
    """A person's notes of purges as whoever purges them now says them.

    At the time of `note`, and not at their own: it counts only if its sender is a moderator at its moment, and whoever signs
    may have become one since.
    """
    noted = {row["family"] for row in note}
    anyone = next((row["user_id"] for row in note if row["user_id"] is not None), None)
    signers = {row["family"]: row["user_id"] for row in reversed(note) if row["user_id"] is not None}
    now = {row["family"]: json.loads(row["line"])["at"] for row in reversed(note)}
    query = sa.select(EVENTS.c.family, EVENTS.c.line).order_by(EVENTS.c.seq)
    found: list[Row] = []
    for of_family, line in connection.execute(query.where(EVENTS.c.user_id == user_id, EVENTS.c.kind == _PURGE)):
        if of_family not in now:
            last = timedelta(milliseconds=place_of(connection, of_family).at)
            now[of_family] = (_EPOCH + last).isoformat(timespec="milliseconds")
        said = {name: value for name, value in json.loads(line).items() if name != "user_id"}
        signer = signers.get(of_family) if of_family in noted else anyone
        found.append(row_of({**said, "at": now[of_family], **({"user_id": signer} if signer is not None else {})}))
    return found


def _known(connection: sa.Connection, names: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Those of the ids that are there: number and line."""
    found: dict[str, tuple[int, str]] = {}
    for some in _some(names):
        query = sa.select(EVENTS.c.event_id, EVENTS.c.seq, EVENTS.c.line).where(EVENTS.c.event_id.in_(some))
        found.update({name: (seq, line) for name, seq, line in connection.execute(query)})
    return found


def _number(connection: sa.Connection, name: str) -> int:
    return int(connection.scalar(_NUMBER, {"of_name": name}) or 0)


def _set(connection: sa.Connection, name: str, value: int) -> None:
    connection.execute(sa.update(INFO).where(INFO.c.name == name).values(value=str(value)))


def _some(names: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (names[start : start + _IDS] for start in range(0, len(names), _IDS))


def _written(line: Mapping[str, Any]) -> str:
    """The line as JSON that is the same for the same event; escapes where a text is none (half a surrogate pair)."""
    text = json.dumps(line, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(line, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text
