"""From logs to one log of a language: the rows of `contributions`.

Belongs here: `collect`. Every line is an event of this language, or goes to the ledger with the reason (rules of
`events.parse`, and `other_language`, `out_of_order`: earlier than the line before it in the same log, `repeated`: an id that
stood before, `from_the_future`, `purged`). Contract: lines in = rows + ledger rows; rows are ordered by time, and where times
are equal as the logs are named and their lines stand. A person who was purged is in no row and no ledger row: their events
are dropped by `purged`, with neither text nor name, and `user_purged` itself holds a hash of the id. A `user_purged` purges
where no moderators are named at its moment, or where one of them sent it; as in the fold, the settings given and those of
`config_changed` before it say who they are. Any other stays a row, and does nothing. Memory: the rows of one language. Fails
with UserError where a log cannot be found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ot_assets.conversations.authority import HEARD, Authority
from ot_assets.conversations.events import Event, Refused, moment, written
from ot_assets.conversations.languages import matches
from ot_assets.conversations.logs import Line
from ot_assets.conversations.purging import Purge
from ot_assets.registry.specs.crowd import CrowdSettings
from schemas.conversations import Contributions
from schemas.ledger import Ledger

_BATCH = 20_000


@dataclass
class Collected:
    """All events of a language, ordered, and the lines that are none."""

    events: pl.DataFrame
    ledger: pl.DataFrame
    lines: int
    rules: dict[str, int] = field(default_factory=dict)


def collect(
    lines: Iterable[Line], language: str, *, now: int | None = None, moderators: CrowdSettings | None = None
) -> Collected:
    """One ordered log.

    `now` in milliseconds: events later than that are from the future; None: none is. `moderators`: the settings that name
    them before any event does; None: the defaults, which name none.
    """
    gathered = _Gathered(language, now, moderators or CrowdSettings())
    for line in lines:
        gathered.take(line)
    return gathered.done()


class _Gathered:
    def __init__(self, language: str, now: int | None, settings: CrowdSettings) -> None:
        self.language, self.now, self.settings = language, now, settings
        self.lines = 0
        self.frames: list[pl.DataFrame] = []
        self.rows: list[dict[str, Any]] = []
        self.dropped: list[dict[str, Any]] = []
        self.seen: set[str] = set()
        self.last: dict[str, int] = {}

    def take(self, line: Line) -> None:
        """One line, into the rows or the ledger."""
        self.lines += 1
        try:
            if line.refused is not None or line.event is None:
                raise line.refused or Refused("not_an_event", "")
            self._check(line.event, line.log)
        except Refused as refused:
            self.dropped.append(_lost(line, refused))
            return
        self.seen.add(line.event.event_id)
        self.last[line.log] = line.event.at
        self.rows.append(row(line.event, line.log, line.row))
        if len(self.rows) >= _BATCH:
            self._frame()

    def done(self) -> Collected:
        """The rows in order, without those who were purged."""
        self._frame()
        events = pl.concat(self.frames).sort("at", maintain_order=True)
        if purged := _purged(events, self.settings):
            events = self._without(events, Purge(purged))
        ledger = Ledger.frame(self.dropped)
        rules = dict(ledger.group_by("rule").len().sort("rule").iter_rows())
        return Collected(events, ledger, self.lines, rules)

    def _check(self, event: Event, log: str) -> None:
        if not matches(event.language, self.language):
            raise Refused("other_language", f"it is {event.language}, these are the contributions in {self.language}")
        if event.event_id in self.seen:
            raise Refused("repeated", f"an event {event.event_id} stood before")
        if (last := self.last.get(log)) is not None and event.at < last:
            raise Refused("out_of_order", f"it is of {written(event.at)}, the line before it of {written(last)}")
        if self.now is not None and event.at > self.now:
            raise Refused("from_the_future", f"it is of {written(event.at)}, now is {written(self.now)}")

    def _frame(self) -> None:
        self.frames.append(Contributions.frame(self.rows))
        self.rows = []

    def _without(self, events: pl.DataFrame, purge: Purge) -> pl.DataFrame:
        """Drops what purged persons did and what was said of them."""
        kept, gone = purge.rows(events)
        for name, log, place in gone.select("event_id", "log", "log_row").iter_rows():
            said = {"row_id": name, "rule": "purged", "note": "its person was purged"}
            self.dropped.append({**said, "source": log, "source_row": place})
        for drop in self.dropped:  # notes name persons: "u1 has labelled m7 before"
            if drop["note"] and any(purge.meant(word) for word in drop["note"].split()):
                drop["note"] = None
        return kept


def _purged(events: pl.DataFrame, settings: CrowdSettings) -> frozenset[str]:
    """The hashes of those whom someone purged who may; asked of all events in their order, before any of them goes."""
    authority = Authority(settings)
    columns = ("kind", "user_id", "about_user", "settings")
    for kind, user, about, said in events.filter(pl.col("kind").is_in(HEARD)).select(columns).iter_rows():
        authority.hear(kind, user, about, None if said is None else json.loads(said))
    return frozenset(authority.purged)


def row(event: Event, log: str, place: str) -> dict[str, Any]:
    """An event as a row of `Contributions`."""
    said: dict[str, Any] = event._asdict()
    said["at"] = moment(event.at)
    if event.labels is not None:
        said["labels"] = [{"name": name, "value": value} for name, value in event.labels.items()]
    for name in ("settings", "tree"):
        if said[name] is not None:
            said[name] = json.dumps(said[name], ensure_ascii=False)
    return {**said, "log": log, "log_row": place}


def events_of(rows: pl.DataFrame) -> Iterator[Event]:
    """Rows of `Contributions` as events; they were checked when they were collected."""
    columns = [name for name in Event._fields if name != "at"]
    times = rows.get_column("at").dt.epoch("ms").to_list()
    parts = {name: rows.get_column(name).to_list() for name in columns}
    for name in ("settings", "tree"):
        parts[name] = [None if one is None else json.loads(one) for one in parts[name]]
    parts["labels"] = [
        None if one is None else {label["name"]: label["value"] for label in one} for one in parts["labels"]
    ]
    for name in ("ranking", "shown"):
        parts[name] = [None if one is None else tuple(one) for one in parts[name]]
    parts["at"] = times
    yield from map(Event._make, zip(*(parts[name] for name in Event._fields), strict=True))


def _lost(line: Line, refused: Refused) -> dict[str, Any]:
    return {
        "row_id": line.event_id or f"{line.log}:{line.row}",
        "rule": refused.rule,
        "note": refused.note,
        "source": line.log,
        "source_row": line.row,
    }
