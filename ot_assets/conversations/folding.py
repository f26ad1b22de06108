"""From a language's contributions to its trees, going on where the last fold stopped.

Belongs here: `fold_all`: which saved state can be used, what is folded, and the refused events. The state is a file of the
house (`shelf.Shelf`), good for one beginning of the events, one set of settings and one version of the fold; anything else is
folded from the first event on, and so is a file whose damage shows only where a tree is read (`fold_and_read`). Contract: the
result is that of folding all events in order; a killed fold leaves the file as it was. Fails with UserError where the file's
folder cannot be written.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from ot_assets.conversations.collecting import events_of
from ot_assets.conversations.fold import Fold, uncollected
from ot_assets.conversations.shelf import Damaged, Shelf
from ot_assets.progress import report
from ot_assets.registry.specs.base import canonical_hash
from ot_assets.registry.specs.conversation import ConversationSpec
from resources.errors import UserError

_DAMAGE = (
    Damaged, OSError, sqlite3.Error, pickle.UnpicklingError, EOFError, AttributeError, LookupError, ImportError, TypeError,
    ValueError, OverflowError, MemoryError,
)  # fmt: skip
Read = TypeVar("Read")
VERSION = 2
"""Raised with every change of the fold that changes a tree."""


@dataclass
class Folded:
    """The trees (on the shelf) and what was done for them."""

    shelf: Shelf
    events: int
    again: int
    """Events that were folded now; the others were folded before."""


def fold_and_read(
    spec: ConversationSpec, batches: Callable[[], Iterable[pl.DataFrame]], folder: Path, read: Callable[[Shelf], Read]
) -> tuple[Folded, Read]:
    """`fold_all`, and what `read` makes of the shelf, which is closed then. Where the file turns out to be damaged when all of
    it is read, everything is folded and read again, once; so `read` is to publish nothing.
    """
    folded = fold_all(spec, batches(), folder)
    try:
        return folded, read(folded.shelf)
    except _DAMAGE:
        folded.shelf.close()
        _remove(_file(spec, folder))
    finally:
        folded.shelf.close()
    folded = fold_all(spec, batches(), folder)
    try:
        return folded, read(folded.shelf)
    finally:
        folded.shelf.close()


def fold_all(spec: ConversationSpec, batches: Iterable[pl.DataFrame], folder: Path) -> Folded:
    """Folds rows of `Contributions`, which come in their order."""
    frames, file = list(batches), _file(spec, folder)
    try:
        return _folded(spec, frames, file)
    except _DAMAGE:  # whatever is wrong with a cache, it can be made again
        _remove(file)
    try:
        return _folded(spec, frames, file)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{file} cannot be written: {error}", fix="free the folder, or move OT_HOME") from error


def _folded(spec: ConversationSpec, frames: list[pl.DataFrame], file: Path) -> Folded:
    identity = canonical_hash([VERSION, spec.language, spec.settings.to_dict()])
    file.parent.mkdir(parents=True, exist_ok=True)
    shelf = Shelf(spec.settings, file)
    if shelf.mark and shelf.mark != _mark(identity, frames, int(shelf.mark.get("events", 0))):
        shelf.close()
        _remove(file)
        shelf = Shelf(spec.settings, file)
    done, total = int(shelf.mark.get("events", 0)), sum(map(len, frames))
    fold, number = Fold(spec.language, shelf), 0
    with uncollected():
        for frame in frames:
            if number + len(frame) > done:
                _take(fold, shelf, frame.slice(max(0, done - number)))
            number += len(frame)
            report(f"{number:,} of {total:,} events folded")
    shelf.mark = _mark(identity, frames, total)
    shelf.save()
    return Folded(shelf, total, total - done)


def _take(fold: Fold, shelf: Shelf, rows: pl.DataFrame) -> None:
    places = rows.select("log", "log_row").iter_rows()
    for event, (log, row) in zip(events_of(rows), places, strict=True):
        if (refused := fold.apply(event)) is not None:
            shelf.refuse(event.event_id, refused.rule, refused.note, log, row)


def _file(spec: ConversationSpec, folder: Path) -> Path:
    return folder / f"{spec.key}.sqlite"


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _mark(identity: str, frames: list[pl.DataFrame], events: int) -> dict[str, object]:
    return {"identity": identity, "events": events, "digest": _digests(frames, events)}


def _digests(frames: Iterable[pl.DataFrame], events: int) -> str:
    """A hash of the first events."""
    found, left = blake2b(digest_size=16), events
    for frame in frames:
        some = frame.head(left)
        left -= len(some)
        found.update(some.hash_rows(seed=1).to_numpy().tobytes())
        if left <= 0:
            break
    return found.hexdigest()


def refused_rows(shelf: Shelf) -> list[dict[str, Any]]:
    """Events that did not count, as rows of the ledger."""
    names = ("row_id", "rule", "note", "source", "source_row")
    return [dict(zip(names, one, strict=True)) for one in shelf.refused()]
