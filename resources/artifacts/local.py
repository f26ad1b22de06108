"""Artifacts on a local disk (or one that is mounted like it).

What belongs here: the order of writes that makes an artifact appear whole: files and folders are synced, the staging
folder is renamed, then the pointer is replaced. Every step before the last leaves the version before as it was.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from resources.artifacts.disk import entries, sync_folder, sync_tree, tree_usage, write_file
from resources.artifacts.errors import DamagedArtifact
from resources.artifacts.hashing import file_problem
from resources.artifacts.manifest import MANIFEST, FileInfo, Manifest, read_manifest
from resources.artifacts.partition import Partition
from resources.artifacts.places import ARTIFACT_ID, ASSET, CURRENT, STAGING, Shelf, Usage


class LocalPlace:
    """A folder on disk."""

    remote = False

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.locks = self.root / ".locks"

    def show(self, path: str) -> str:
        """The absolute path."""
        return str(self.root / path)

    def read(self, path: str) -> bytes:
        """A small file's bytes."""
        return (self.root / path).read_bytes()

    def stamp(self, path: str) -> object:
        """Size, time and inode of the file."""
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
        for file in files:
            self.fetch(folder, file)
        return self.root / folder

    def problem(self, folder: str, file: FileInfo) -> str:
        """Hashes the file again."""
        return file_problem(self.root / folder / file.path, file)

    def shelves(self, asset: str | None = None) -> Iterator[Shelf]:
        """Walks asset and dimension folders; never looks into an artifact."""
        found = [asset] if asset else [e.name for e in entries(self.root) if e.is_dir() and ASSET.fullmatch(e.name)]
        for name in sorted(found):
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
        """Renames the staging folder."""
        end = self.root / target
        sync_tree(staging)
        try:
            staging.rename(end)
        except OSError:
            if not end.is_dir():
                raise
            self._mend(staging, end, manifest)
        # The folders above may be as new as the artifact: a power cut must not lose the way to it.
        for above in [end.parent, *end.parent.parents]:
            sync_folder(above)
            if above == self.root:
                break

    def point(self, shelf: str, artifact_id: str) -> None:
        """Replaces CURRENT, unless it says so already."""
        folder, text = self.root / shelf, artifact_id.encode() + b"\n"
        with contextlib.suppress(FileNotFoundError):
            if (folder / CURRENT).read_bytes() == text:
                return
        fresh = folder / f"{STAGING}{uuid.uuid4().hex}"
        try:
            write_file(fresh, text)
            fresh.replace(folder / CURRENT)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        sync_folder(folder)

    def usage(self, path: str) -> Usage:
        """What a folder or file takes."""
        return tree_usage(self.root / path)

    def remove(self, path: str) -> None:
        """Removes an artifact's folder; raises OSError when it cannot."""
        top = self.root / path
        (top / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(top)

    def leftovers(self) -> list[Path]:
        """None: nothing is copied."""
        return []

    def _mend(self, staging: Path, end: Path, manifest: Manifest) -> None:
        """The same id means the same content: a whole artifact is kept as it is, a damaged one gets its files again."""
        if _damaged(end, manifest):
            for file in manifest.all_files():
                (end / file.path).parent.mkdir(parents=True, exist_ok=True)
                (staging / file.path).replace(end / file.path)
            (staging / MANIFEST).replace(end / MANIFEST)
            sync_tree(end)
        shutil.rmtree(staging)

    def _walk(self, asset: str, below: str) -> Iterator[Shelf]:
        shelf, deeper = self._look(asset, below)
        if not shelf.empty:
            yield shelf
        for step in deeper:
            yield from self._walk(asset, f"{below}/{step}".lstrip("/"))

    def _look(self, asset: str, below: str) -> tuple[Shelf, list[str]]:
        folder = self.root / asset / below
        names = {entry.name: entry for entry in sorted(entries(folder), key=lambda e: e.name)}
        ids = [name for name in names if ARTIFACT_ID.fullmatch(name)]
        whole = tuple(name for name in ids if (folder / name / MANIFEST).is_file())
        shelf = Shelf(
            asset,
            Partition.from_path(below),
            has_current=CURRENT in names,
            whole=whole,
            halves=tuple(name for name in ids if name not in set(whole)),
            stagings=tuple(folder / name for name in names if name.startswith(STAGING)),
        )
        return shelf, [name for name, entry in names.items() if Partition.is_step(name) and entry.is_dir()]


def _damaged(end: Path, fresh: Manifest) -> bool:
    """Whether an artifact that lies there already is not what it should be."""
    path = end / MANIFEST
    try:
        there = read_manifest(path.read_bytes(), str(path))
    except (OSError, DamagedArtifact):
        return True
    same = there.content_hash == fresh.content_hash
    return not same or any(file_problem(end / file.path, file) for file in there.all_files())
