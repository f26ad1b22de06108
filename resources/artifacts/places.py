"""Where artifacts lie: what the store asks of a local disk or of an object store.

What belongs here: the interface, and the names of files and folders. Paths are relative to the store's root, with
forward slashes. A place knows nothing of schemas or Dagster. Files that are not there raise FileNotFoundError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from resources.artifacts.manifest import FileInfo, Manifest
from resources.artifacts.partition import Partition

CURRENT = "CURRENT"
STAGING = ".tmp-"
PINS = ".pins.jsonl"
ARTIFACT_ID = re.compile(r"[0-9a-f]{20}")
ASSET = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Shelf:
    """What lies in one partition's folder."""

    asset: str
    partition: Partition
    has_current: bool = False
    whole: tuple[str, ...] = ()
    """Ids of the artifacts that have a manifest."""
    halves: tuple[str, ...] = ()
    """Folders named like an artifact that have none, and other pieces of an upload that never ended."""
    stagings: tuple[Path, ...] = ()
    """Local folders in which a version is being written, or was when its writer died."""

    @property
    def path(self) -> str:
        """The folder, below the root."""
        return shelf_path(self.asset, self.partition)

    @property
    def empty(self) -> bool:
        """Whether nothing of the store's lies here."""
        return not (self.has_current or self.whole or self.halves or self.stagings)


class Usage(NamedTuple):
    """Bytes under a folder, and when anything in it last changed, in seconds since 1970."""

    bytes: int
    newest: float


def shelf_path(asset: str, partition: Partition) -> str:
    """Folder of one partition of an asset, below the root."""
    return f"{asset}/{partition.path()}".rstrip("/")


class Place(Protocol):
    """A disk or an object store."""

    locks: Path
    """Folder on this machine for lock files."""
    remote: bool
    """Whether other machines may use the place without sharing the locks of this one."""

    def show(self, path: str) -> str:
        """The path as a person writes it."""

    def read(self, path: str) -> bytes:
        """A small file's bytes."""

    def stamp(self, path: str) -> object:
        """Changes when the file does; FileNotFoundError when it is not there. Constant where looking is dear."""

    def fetch(self, folder: str, file: FileInfo) -> Path:
        """A local path of one of an artifact's files."""

    def folder(self, folder: str, files: list[FileInfo]) -> Path:
        """A local folder that holds these files of an artifact."""

    def problem(self, folder: str, file: FileInfo) -> str:
        """Reads a file again where it lies; in words how it differs from what was published, empty when it does not."""

    def shelves(self, asset: str | None = None) -> Iterator[Shelf]:
        """Every partition folder that holds something, of one asset or of all."""

    def shelf(self, asset: str, partition: Partition) -> Shelf:
        """One partition's folder; an empty one when there is none."""

    def stage(self, shelf: str) -> Path:
        """A new, empty local folder to write an artifact in."""

    def commit(self, staging: Path, target: str, manifest: Manifest) -> None:
        """Makes the staged files an artifact, whole at `target`; one that is there already is kept, and mended."""

    def point(self, shelf: str, artifact_id: str) -> None:
        """Moves the pointer, in one step."""

    def usage(self, path: str) -> Usage:
        """What a folder or file takes."""

    def remove(self, path: str) -> None:
        """Removes an artifact's folder, manifest first, so that it is invisible before it is incomplete."""

    def leftovers(self) -> list[Path]:
        """Local copies of remote files that may go when they were not used for long."""
