"""Finds and removes what nothing points to.

What belongs here: the marking (every pointer, every input of what is marked, every input that is being read now) and
the sweep. Whole artifacts go only when no current artifact was made from them, however far back, so the lineage of what
is current stays readable to its sources. Fails with DamagedArtifact when a marked manifest cannot be read: what it was
made from is unknown then, so nothing is removed.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resources.artifacts.disk import freed_bytes, tree_usage
from resources.artifacts.locks import hold, try_hold
from resources.artifacts.pins import Version, pinned
from resources.artifacts.places import CURRENT, Shelf, Usage
from resources.errors import UserError

if TYPE_CHECKING:
    from resources.artifacts.store import ArtifactStore

Kind = Literal["superseded", "half", "staging", "copy"]


@dataclass(frozen=True)
class GcItem:
    """One thing that nothing points to.

    `superseded`: a whole artifact that is not current and that no current one was made from. `half`: a folder without a
    manifest. `staging`: what a dead writer left. `copy`: a local copy of a remote file.
    """

    path: str
    kind: Kind
    bytes: int
    reason: str
    asset: str = ""
    partition: str = ""
    artifact_id: str = ""


@dataclass(frozen=True)
class GcReport:
    """What may go and what was kept.

    `deleted` tells whether `items` were removed or only looked at; `spared` are leftovers that may not go yet, each with
    the reason; `failed` are items that could not be removed; `kept` counts the artifacts that something points to.
    """

    deleted: bool
    items: tuple[GcItem, ...] = ()
    spared: tuple[GcItem, ...] = ()
    failed: tuple[GcItem, ...] = ()
    kept: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of all items."""
        return sum(item.bytes for item in self.items)


def collect(store: ArtifactStore, *, delete: bool, grace_hours: float) -> GcReport:
    """Looks through the whole store. While it removes, nothing is published; readers and writers go on."""
    sweep = _Sweep(store, delete, time.time() - grace_hours * 3600)
    alone = hold(store.place.locks / "gc.lock", "the clean-up of artifacts") if delete else contextlib.nullcontext()
    with alone:
        return sweep.run()


class _Sweep:
    """One pass."""

    def __init__(self, store: ArtifactStore, delete: bool, young: float) -> None:
        self._store = store
        self._place = store.place
        self._delete = delete
        self._young = young
        self._found: dict[str, list[GcItem]] = {"items": [], "spared": [], "failed": []}

    def run(self) -> GcReport:
        shelves = list(self._place.shelves())
        marked = self._mark(shelves)
        whole = [(shelf, name) for shelf in shelves for name in shelf.whole]
        gone = [(s, name) for s, name in whole if Version(s.asset, s.partition, name) not in marked]
        # Measured before the first of them goes: versions share files.
        for (shelf, name), usage in zip(gone, self._usages(gone), strict=True):
            self._superseded(shelf, name, usage)
        for shelf in shelves:
            for name in shelf.halves:
                self._half(shelf, name)
            if shelf.stagings:
                self._stagings(shelf)
        for path in self._place.leftovers():
            item = GcItem(str(path), "copy", 0, "a local copy of a remote file that can be fetched again")
            self._file(item, tree_usage(path), partial(_remove_local, path))
        found = {name: tuple(items) for name, items in self._found.items()}
        return GcReport(deleted=self._delete, kept=len(whole) - len(gone), **found)

    def _mark(self, shelves: list[Shelf]) -> set[Version]:
        """Everything that is current or being read now, and all that it was made from."""
        todo = list(self._roots(shelves))
        marked: set[Version] = set()
        while todo:
            version = todo.pop()
            if version in marked:
                continue
            marked.add(version)
            todo += self._made_from(version)
        return marked

    def _roots(self, shelves: list[Shelf]) -> Iterator[Version]:
        for shelf in shelves:
            current = self._store.current_id(shelf.asset, shelf.partition) if shelf.has_current else None
            if current:
                yield Version(shelf.asset, shelf.partition, current)
            for staging in shelf.stagings:
                yield from pinned(staging)

    def _made_from(self, version: Version) -> list[Version]:
        manifest = self._store.manifest(*version)
        return [Version(i.asset, i.key, i.artifact_id) for i in manifest.inputs] if manifest else []

    def _usages(self, versions: list[tuple[Shelf, str]]) -> list[Usage]:
        """What each takes; on a disk, what removing all of them gives back, whenever they changed."""
        paths = [f"{shelf.path}/{name}" for shelf, name in versions]
        if self._place.remote:
            return [self._place.usage(path) for path in paths]
        return [Usage(size, 0.0) for size in freed_bytes([Path(self._place.show(path)) for path in paths])]

    def _superseded(self, shelf: Shelf, name: str, usage: Usage) -> None:
        path = f"{shelf.path}/{name}"
        reason = "another version is current, and no current artifact was made from this one"
        if not shelf.has_current:
            reason = "its publication ended before the pointer was moved to it"
        if self._place.remote and shelf.has_current:
            # A reader on another machine holds none of our locks: it may have opened this one before the pointer moved.
            usage = usage._replace(newest=self._place.usage(f"{shelf.path}/{CURRENT}").newest)
        self._file(self._item(shelf, name, "superseded", reason), usage, partial(self._place.remove, path))

    def _half(self, shelf: Shelf, name: str) -> None:
        path = f"{shelf.path}/{name}"
        item = self._item(shelf, name, "half", "it has no manifest: an interrupted upload or removal")
        self._file(item, self._place.usage(path), partial(self._place.remove, path))

    def _stagings(self, shelf: Shelf) -> None:
        """A writer holds its partition's lock for as long as it lives: whoever gets the lock knows that it does not."""
        with try_hold(self._place.locks / shelf.path / "lock", "the clean-up of artifacts") as dead:
            for path in shelf.stagings:
                item = self._item(shelf, "", "staging", "its writer ended before it was published")
                item = replace(item, path=str(path))
                if not dead:
                    self._found["spared"].append(replace(item, reason="it is being written now"))
                elif path.exists():
                    self._file(item, tree_usage(path), partial(_remove_local, path))

    def _item(self, shelf: Shelf, name: str, kind: Kind, reason: str) -> GcItem:
        path = self._place.show(f"{shelf.path}/{name}".rstrip("/"))
        return GcItem(path, kind, 0, reason, shelf.asset, str(shelf.partition), name)

    def _file(self, item: GcItem, usage: Usage, remove: Callable[[], None]) -> None:
        """Puts an item where it belongs in the report, and removes it when told to."""
        item = replace(item, bytes=usage.bytes)
        if usage.newest > self._young:
            self._found["spared"].append(replace(item, reason=f"{item.reason}; it changed within the grace time"))
            return
        try:
            if self._delete:
                remove()
        except (OSError, UserError) as error:
            self._found["failed"].append(
                replace(item, reason=f"it could not be removed: {getattr(error, 'what', error)}")
            )
            return
        self._found["items"].append(item)


def _remove_local(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
