"""Artifacts on a local disk (or one that is mounted like it).

What belongs here: the order of writes that makes an artifact appear whole: files and folders are synced, the staging folder is
renamed, then the pointer is replaced. Every step before the last leaves the version before as it was.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from resources.artifacts.hashing import file_problem
from resources.artifacts.manifest import MANIFEST, FileInfo, Manifest
from resources.artifacts.partition import Partition
from resources.artifacts.places import ARTIFACT_ID, ASSET, CURRENT, LOCKS, STAGING, Shelf, shelf_path


class LocalPlace:
    """A folder on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.locks = self.root / LOCKS

    def show(self, path: str) -> str:
        """The absolute path."""
        return str(self.root / path)

    def read(self, path: str) -> bytes:
        """A small file's bytes."""
        return (self.root / path).read_bytes()

    def stamp(self, path: str) -> object:
        """Size and times of the file."""
        found = (self.root / path).stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def fetch(self, folder: str, file: FileInfo) -> Path:
        """The file where it lies."""
        path = self.root / folder / file.path
        if not path.is_file():
            raise FileNotFoundError(str(path))
        return path

    def folder(self, folder: str, files: list[FileInfo]) -> Path:
        """The artifact's own folder."""
        return self.root / folder

    def shelves(self, asset: str | None = None) -> Iterator[Shelf]:
        """Walks asset and dimension folders; never looks into an artifact."""
        assets = [asset] if asset else sorted(e.name for e in _entries(self.root) if e.is_dir() and ASSET.match(e.name))
        for name in assets:
            yield from self._walk(name, "")

    def shelf(self, asset: str, partition: Partition) -> Shelf:
        """One partition's folder."""
        return self._look(asset, partition.path())[0]

    def stage(self, shelf: str) -> Path:
        """A hidden folder beside the artifacts, so that the rename stays on one disk."""
        staging = self.root / shelf / f"{STAGING}{uuid.uuid4().hex}"
        staging.mkdir(parents=True)
        return staging

    def commit(self, staging: Path, target: str, manifest: Manifest) -> None:
        """Renames the staging folder; an artifact that is there already is kept, and mended where a file differs."""
        end = self.root / target
        sync_tree(staging)
        try:
            staging.rename(end)
        except OSError:
            if not end.is_dir():
                raise
            self._mend(staging, end, manifest)
        sync_folder(end.parent)

    def point(self, shelf: str, artifact_id: str) -> None:
        """Replaces CURRENT."""
        folder = self.root / shelf
        fresh = folder / f"{STAGING}{uuid.uuid4().hex}"
        with fresh.open("wb") as file:
            file.write(artifact_id.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / CURRENT)
        sync_folder(folder)

    def usage(self, path: str) -> tuple[int, float]:
        """Bytes under a folder (or of a file), and its newest change."""
        top = self.root / path
        size, newest = 0, top.lstat().st_mtime
        for entry in [top, *top.rglob("*")]:
            with contextlib.suppress(FileNotFoundError):
                found = entry.lstat()
                size += found.st_size if not entry.is_dir() else 0
                newest = max(newest, found.st_mtime)
        return size, newest

    def remove(self, path: str) -> None:
        """Removes a folder or a stray file."""
        top = self.root / path
        (top / MANIFEST).unlink(missing_ok=True) if top.is_dir() else top.unlink(missing_ok=True)
        shutil.rmtree(top, ignore_errors=True)

    def _mend(self, staging: Path, end: Path, manifest: Manifest) -> None:
        """Same id, so the same content: only what is missing or damaged is put in place, and the manifest last."""
        broken = [file for file in manifest.all_files() if not file.annotation and file_problem(end / file.path, file)]
        if broken or not (end / MANIFEST).is_file():
            for file in manifest.all_files():
                (end / file.path).parent.mkdir(parents=True, exist_ok=True)
                (staging / file.path).replace(end / file.path)
            (staging / MANIFEST).replace(end / MANIFEST)
            sync_tree(end)
        shutil.rmtree(staging)

    def _walk(self, asset: str, below: str) -> Iterator[Shelf]:
        shelf, deeper = self._look(asset, below)
        if shelf.has_current or shelf.whole or shelf.halves or shelf.stagings:
            yield shelf
        for step in deeper:
            yield from self._walk(asset, f"{below}/{step}".lstrip("/"))

    def _look(self, asset: str, below: str) -> tuple[Shelf, list[str]]:
        folder = self.root / asset / below
        current, whole, halves, stagings, deeper = False, [], [], [], []
        for entry in sorted(_entries(folder), key=lambda e: e.name):
            if entry.name == CURRENT:
                current = True
            elif entry.name.startswith(STAGING):
                stagings.append(entry.name)
            elif ARTIFACT_ID.match(entry.name):
                (whole if (folder / entry.name / MANIFEST).is_file() else halves).append(entry.name)
            elif "=" in entry.name and entry.is_dir():
                deeper.append(entry.name)
        return Shelf(asset, Partition.from_path(below), current, tuple(whole), tuple(halves), tuple(stagings)), deeper


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def sync_folder(folder: Path) -> None:
    """Makes a folder's own entries last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Syncs every folder under this one; files are synced as they are written."""
    for where, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(where))


__all__ = ["LocalPlace", "shelf_path", "sync_folder", "sync_tree"]
