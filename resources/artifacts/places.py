"""Where artifacts lie: what the store asks of a local disk or of an object store.

What belongs here: the interface, and the names of files and folders. Paths are relative to the store's root, with forward slashes.
A place knows nothing of schemas or Dagster. Missing files raise FileNotFoundError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resources.artifacts.manifest import FileInfo, Manifest
from resources.artifacts.partition import Partition

CURRENT = "CURRENT"
STAGING = ".tmp-"
LOCKS = ".locks"
PINS = ".pins.jsonl"
ARTIFACT_ID = re.compile(r"^[0-9a-f]{20}$")
ASSET = re.compile(r"^[a-z][a-z0-9_]*$")


@dataclass(frozen=True)
class Shelf:
    """What lies in one partition's folder."""

    asset: str
    partition: Partition
    has_current: bool
    whole: tuple[str, ...]
    """Ids of the artifacts that have a manifest."""
    halves: tuple[str, ...]
    """Folders named like an artifact that have none."""
    stagings: tuple[str, ...]

    @property
    def path(self) -> str:
        """The folder, below the root."""
        return shelf_path(self.asset, self.partition)


def shelf_path(asset: str, partition: Partition) -> str:
    """Folder of one partition of an asset, below the root."""
    return f"{asset}/{partition.path()}".rstrip("/")


class Place(Protocol):
    """A disk or an object store."""

    locks: Path
    """Folder on this machine for lock files."""

    def show(self, path: str) -> str:
        """The path as a person writes it."""

    def read(self, path: str) -> bytes:
        """A small file's bytes."""

    def stamp(self, path: str) -> object:
        """Something that changes when the file does, None where files never do; FileNotFoundError when it is not there."""

    def fetch(self, folder: str, file: FileInfo) -> Path:
        """A local path of one of an artifact's files."""

    def folder(self, folder: str, files: list[FileInfo]) -> Path:
        """A local folder that holds these files of an artifact."""

    def shelves(self, asset: str | None = None) -> Iterator[Shelf]:
        """Every partition folder, of one asset or of all."""

    def shelf(self, asset: str, partition: Partition) -> Shelf:
        """One partition's folder; an empty one when there is none."""

    def stage(self, shelf: str) -> Path:
        """A new, empty local folder to write an artifact in."""

    def commit(self, staging: Path, target: str, manifest: Manifest) -> None:
        """Makes the staged files an artifact: whole at `target`, or not there. The staging is gone afterwards."""

    def point(self, shelf: str, artifact_id: str) -> None:
        """Moves the pointer, in one step."""

    def usage(self, path: str) -> tuple[int, float]:
        """Bytes under a folder, and when (seconds since 1970) anything in it last changed."""

    def remove(self, path: str) -> None:
        """Removes an artifact's or staging's folder, manifest first, so that it is invisible before it is incomplete."""
