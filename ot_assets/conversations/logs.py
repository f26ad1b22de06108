"""Where a language's events stand: the files that its spec names, published trees, and this house's own log.

Belongs here: `Logs`, which finds them, says what is in them now (`found`: a log grows without its spec being edited, so this
is part of what `contributions` is made from) and reads them line by line. Contract: a log is read in its order; what cannot
be read as an event is handed on as the reason. Fails with UserError: no such file, a published file whose hash is not the
stated one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ot_assets.conversations.events import LONGEST_ID, Event, Refused, parse
from ot_assets.distillation.sample_files import digest
from ot_assets.registry import Registry
from ot_assets.registry.specs.conversation import ConversationSpec
from ot_assets.sourcing.places import Place, find_places
from resources.errors import UserError
from resources.home import Home

HOUSE = "house"
"""What rows call this house's own log."""
BATCH = 5_000


@dataclass(frozen=True)
class Line:
    """One line of a log: an event, or why it is none."""

    log: str
    row: str
    event: Event | None
    refused: Refused | None = None
    event_id: str | None = None
    """What the line calls itself, where it can be read at all."""


@dataclass(frozen=True)
class Logs:
    """All logs of one language."""

    spec: ConversationSpec
    folder: Path | None
    """Where relative paths start."""
    home: Home

    @classmethod
    def of(cls, registry: Registry, key: str) -> Logs:
        """Those that the registry names."""
        file = registry.files.get(("conversations", key))
        return cls(registry.conversations[key], file.parent if file else None, Home.from_env())

    def found(self) -> dict[str, Any]:
        """What there is now: the hash of every file, and how far the house's log goes."""
        said: dict[str, Any] = {}
        for place in self._places(missing_is_empty=True):
            said[place.name] = digest(place.local) if place.local else place.system.ukey(place.path)
        if self.spec.house_log and (last := _house(self.home, self.spec.language)):
            said[HOUSE] = last
        return said

    def lines(self) -> Iterator[Line]:
        """Every line of the files and of the house's log; published trees come through `oasst`."""
        for place in find_places(self.spec.key, self.spec.logs, self._start, field="logs") if self.spec.logs else ():
            read = _parquet if place.suffixes[-1:] == [".parquet"] else _jsonl
            yield from read(self.spec.key, place)
        if self.spec.house_log:
            yield from _house_lines(self.home, self.spec.language)

    @property
    def _start(self) -> Path:
        return self.folder or Path.cwd()

    def _places(self, *, missing_is_empty: bool) -> Iterator[Place]:
        for patterns in (self.spec.logs, *(one.files for one in self.spec.imports)):
            try:
                yield from find_places(self.spec.key, patterns, self._start) if patterns else ()
            except UserError:
                if not missing_is_empty:
                    raise


def logs_found(registry: Registry, key: str) -> dict[str, Any]:
    """`Logs.found` of a key."""
    return Logs.of(registry, key).found()


def line_of(log: str, row: str, said: Any) -> Line:
    """A decoded line."""
    name = said.get("event_id") if isinstance(said, Mapping) else None
    name = name if isinstance(name, str) and name.strip() and name.isprintable() and len(name) <= LONGEST_ID else None
    try:
        return Line(log, row, parse(said), None, name)
    except Refused as refused:
        return Line(log, row, None, refused, name)


def _jsonl(key: str, place: Place) -> Iterator[Line]:
    """Lines up to where the file can be read; a torn end is refused, after all that came before it."""
    number = 0
    try:
        with place.open(key) as stream:
            for number, raw in enumerate(stream, 1):
                if raw.strip():
                    yield _decoded(place.name, str(number), raw)
    except UserError as error:
        yield Line(place.name, str(number + 1), None, Refused("torn_file", error.what))


def _decoded(log: str, row: str, raw: bytes) -> Line:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return Line(log, row, None, Refused("not_an_event", f"the line is no JSON: {error}"))
    return line_of(log, row, said)


def _parquet(key: str, place: Place) -> Iterator[Line]:
    number = 0
    try:
        with place.system.open(place.path, "rb") as stream, pq.ParquetFile(stream) as parquet:
            for batch in parquet.iter_batches(BATCH):
                for said in _rows(batch):
                    number += 1
                    if isinstance(said, Refused):
                        yield Line(place.name, str(number), None, said)
                    else:
                        yield line_of(place.name, str(number), _as_written(said))
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{key}: {place.name} cannot be read: {error}", fix="mend or remove the file") from error


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | Refused]:
    """The rows; a row with a cell that Python cannot hold (a time after the year 9999, no UTF-8) is refused, not its file."""
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):
        rows = None
    if rows is not None:
        yield from rows
        return
    for number in range(batch.num_rows):
        try:
            (said,) = batch.slice(number, 1).to_pylist()
        except (ValueError, OverflowError) as error:
            yield Refused("not_an_event", f"the row cannot be read: {error}")
        else:
            yield said


def _as_written(said: dict[str, Any]) -> dict[str, Any]:
    """A row of a parquet log as a line: labels as an object, JSON columns decoded, and our own columns beside it gone."""
    labels = said.get("labels")
    if isinstance(labels, list):
        said["labels"] = {one.get("name"): one.get("value") for one in labels if isinstance(one, dict)}
    for name in ("settings", "tree"):
        if isinstance(said.get(name), str):
            try:
                said[name] = json.loads(said[name])
            except ValueError:
                continue
    said.pop("log", None)
    said.pop("log_row", None)
    return said


def _house(home: Home, language: str) -> Any:
    from resources.contributions.log import EventLog

    with EventLog.of(home) as log:
        return log.last(language)


def _house_lines(home: Home, language: str) -> Iterator[Line]:
    from resources.contributions.log import EventLog

    with EventLog.of(home) as log:
        for number, said in log.read(language):
            yield line_of(HOUSE, str(number), said)
