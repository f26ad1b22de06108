"""Artifacts on an object store or any other fsspec file system.

What belongs here: the order of uploads that makes an artifact appear whole: data, then the manifest, then the pointer,
each object put in one step. Staging and locks are on this machine, and files are read through a local copy that is
checked against its sha256. Locks hold back this machine's processes only; two machines that make one partition at once
each upload a whole artifact, and the later pointer wins. Fails with TransferFailed, naming the file and the URL.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from resources.artifacts.disk import clear_disk_errors, is_full
from resources.artifacts.errors import DamagedArtifact, DiskFull, TransferFailed
from resources.artifacts.hashing import file_problem
from resources.artifacts.local import LocalPlace
from resources.artifacts.manifest import MANIFEST, FileInfo, Manifest, read_manifest
from resources.artifacts.partition import Partition
from resources.artifacts.places import ARTIFACT_ID, ASSET, CURRENT, STAGING, Shelf, Usage

_BLOCK = 2**20
_UNREAD = "cannot be read"
_UNTAKEN = "was not taken, and nothing was published"
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "ossfs", "oci", "ocilake", "tos", "memory"}
"""Stores where a put is one step and folders are only names. Any other file system may show a file while it is written,
and needs its folders made."""


class RemotePlace:
    """A folder of an fsspec file system."""

    remote = True

    def __init__(self, system: Any, root: str, url: str, work: Path) -> None:
        self._system = system
        self._root = root.rstrip("/")
        self._url = without_password(url).rstrip("/") + "/" * url.endswith("://") * 2
        home = work / hashlib.sha256(self._url.encode()).hexdigest()[:16]
        self.locks = home / "locks"
        self._copies = home / "copies"
        self._stagings = LocalPlace(home / "staging")

    def show(self, path: str) -> str:
        """The URL."""
        return self._url + path if self._url.endswith("/") else f"{self._url}/{path}".removesuffix("/")

    def read(self, path: str) -> bytes:
        """A small object's bytes."""
        with self._telling(path):
            return bytes(self._system.cat_file(self._at(path)))

    def stamp(self, path: str) -> object:
        """Constant: an object that was published does not change, and looking costs a request."""
        return None

    def fetch(self, folder: str, file: FileInfo) -> Path:
        """A copy of the object on this machine, checked when it is made."""
        copy = self._copies / folder / file.path
        if copy.is_file() and copy.stat().st_size == file.bytes:
            os.utime(copy)  # tells the clean-up that it is in use
            return copy
        path = f"{folder}/{file.path}"
        fresh = copy.with_name(f"{STAGING}{uuid.uuid4().hex}")
        with clear_disk_errors(copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self._telling(path):
                    self._system.get_file(self._at(path), str(fresh))
                if found := file_problem(fresh, file):
                    raise DamagedArtifact(self.show(path), f"it {found}")
                fresh.replace(copy)
            finally:
                fresh.unlink(missing_ok=True)
        return copy

    def folder(self, folder: str, files: list[FileInfo]) -> Path:
        """A local folder with copies of these objects."""
        for file in files:
            self.fetch(folder, file)
        return self._copies / folder

    def problem(self, folder: str, file: FileInfo) -> str:
        """Reads the object again, in blocks, not the copy."""
        digest, size = hashlib.sha256(), 0
        path = f"{folder}/{file.path}"
        try:
            with self._telling(path), self._system.open(self._at(path), "rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
        except FileNotFoundError:
            return "is missing"
        if size != file.bytes:
            return f"has {size} bytes, was published with {file.bytes}"
        same = digest.hexdigest() == file.sha256
        return "" if same else "has other content than was published (its sha256 differs)"

    def shelves(self, asset: str | None = None) -> Iterator[Shelf]:
        """Reads the names of all objects, and of the staging on this machine."""
        found = _sort_names(self._names(asset or ""))
        staged = {shelf.path: shelf for shelf in self._stagings.shelves(asset)}
        for path in sorted(found.keys() | staged.keys()):
            shelf = found.get(path)
            stagings = staged[path].stagings if path in staged else ()
            base = shelf or staged[path]
            yield Shelf(base.asset, base.partition, base.has_current, base.whole, base.halves, stagings)

    def shelf(self, asset: str, partition: Partition) -> Shelf:
        """One partition's folder."""
        empty = Shelf(asset, partition)
        found = _sort_names(self._names(empty.path)).get(empty.path, empty)
        stagings = self._stagings.shelf(asset, partition).stagings
        return Shelf(asset, partition, found.has_current, found.whole, found.halves, stagings)

    def stage(self, shelf: str) -> Path:
        """A folder on this machine."""
        return self._stagings.stage(shelf)

    def commit(self, staging: Path, target: str, manifest: Manifest) -> None:
        """Uploads what is not there yet, the manifest last."""
        files = manifest.all_files()
        if not self._is_there(target, files):
            for file in files:
                self._upload(staging / file.path, f"{target}/{file.path}", file.bytes)
            self._put(f"{target}/{MANIFEST}", (staging / MANIFEST).read_bytes())
        shutil.rmtree(staging)

    def point(self, shelf: str, artifact_id: str) -> None:
        """Puts CURRENT, unless it says so already."""
        path, text = f"{shelf}/{CURRENT}", artifact_id.encode() + b"\n"
        with contextlib.suppress(FileNotFoundError):
            if self.read(path) == text:
                return
        self._put(path, text)

    def usage(self, path: str) -> Usage:
        """Sizes and times as the listing gives them; an object without a time counts as new, so it is spared."""
        with self._telling(path):
            self._system.invalidate_cache()
            top = self._system.info(self._at(path))
            alone = top.get("type") == "file"
            infos = [top] if alone else list(self._system.find(self._at(path), detail=True).values())
        times = [self._changed(info) for info in infos]
        return Usage(sum(int(info.get("size") or 0) for info in infos), max(times, default=0.0))

    def remove(self, path: str) -> None:
        """Removes an artifact's objects, the manifest first, and their copies here."""
        with self._telling(path):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self._system.rm_file(self._at(f"{path}/{MANIFEST}"))
            self._system.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                self._system.rm(self._at(path), recursive=True)
        shutil.rmtree(self._copies / path, ignore_errors=True)

    def leftovers(self) -> list[Path]:
        """Folders of copies, one an artifact."""
        return sorted(path for path in self._copies.rglob("*") if path.is_dir() and ARTIFACT_ID.fullmatch(path.name))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/") if self._root else path

    def _names(self, below: str) -> list[str]:
        """Names of all objects under a folder, relative to the root."""
        with self._telling(below):
            self._system.invalidate_cache()
            found = self._system.find(self._at(below))
        prefix = f"{self._root.strip('/')}/".lstrip("/")
        names = (name.lstrip("/") for name in found)
        return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]

    def _is_there(self, target: str, files: list[FileInfo]) -> bool:
        """Whether a whole artifact lies there: its manifest, and every content file with its size."""
        try:
            read_manifest(self.read(f"{target}/{MANIFEST}"), target)
            sizes = [self._system.size(self._at(f"{target}/{f.path}")) == f.bytes for f in files if not f.annotation]
        except (FileNotFoundError, DamagedArtifact):
            return False
        return all(sizes)

    def _upload(self, source: Path, path: str, size: int) -> None:
        with self._telling(path, _UNTAKEN):
            self._make_folder_of(self._at(path))
            self._system.put_file(str(source), self._at(path))
            self._system.invalidate_cache()
            there = self._system.size(self._at(path))
        if there != size:
            raise TransferFailed(f"{self.show(path)} has {there} bytes after the upload of {size}", fix="run again")

    def _put(self, path: str, data: bytes) -> None:
        """Writes a small object in one step."""
        end = self._at(path)
        with self._telling(path, _UNTAKEN):
            if self._is_object_store:
                self._system.pipe_file(end, data)
                return
            self._make_folder_of(end)
            fresh = f"{end.rpartition('/')[0]}/{STAGING}{uuid.uuid4().hex}"
            self._system.pipe_file(fresh, data)
            self._system.mv(fresh, end)

    def _make_folder_of(self, path: str) -> None:
        if not self._is_object_store:  # there it would at most make a bucket out of a slip in its name
            self._system.makedirs(path.rpartition("/")[0], exist_ok=True)

    @property
    def _is_object_store(self) -> bool:
        names = self._system.protocol
        return bool(({names} if isinstance(names, str) else set(names)) & _OBJECT_STORES)

    def _changed(self, info: dict[str, Any]) -> float:
        for name in ("LastModified", "last_modified", "updated", "mtime", "modified", "created"):
            value = info.get(name)
            if isinstance(value, datetime):
                return value.timestamp()
            if isinstance(value, (int, float)):
                return float(value)
            if isinstance(value, str):
                with contextlib.suppress(ValueError):
                    return datetime.fromisoformat(value).timestamp()
        return time.time()

    @contextlib.contextmanager
    def _telling(self, path: str, what: str = _UNREAD) -> Iterator[None]:
        """File systems raise all kinds of errors; a person needs the place and the reason."""
        try:
            yield
        except Exception as error:
            known = isinstance(error, (DamagedArtifact, DiskFull, TransferFailed)) or is_full(error)
            if known or (isinstance(error, FileNotFoundError) and what == _UNREAD):
                raise
            reason = f"{type(error).__name__}: {error}"[:300]
            fix = "see that the store can be reached and that this user may use it, then run again"
            raise TransferFailed(f"{self.show(path)} {what}: {reason}", fix=fix) from error


def without_password(url: str) -> str:
    """The URL as it may be shown: a password in it becomes stars."""
    return re.sub(r"(://[^/:@]*):[^/@]*@", r"\1:***@", url)


def _sort_names(names: list[str]) -> dict[str, Shelf]:
    """From objects' names to what lies on each shelf."""
    currents: set[str] = set()
    ids: dict[str, dict[str, bool]] = {}
    for name in names:
        steps = name.split("/")
        end = next((n for n, step in enumerate(steps) if n and not Partition.is_step(step)), None)
        if end is None or not ASSET.fullmatch(steps[0]):
            continue
        shelf, first, rest = "/".join(steps[:end]), steps[end], steps[end + 1 :]
        if first == CURRENT and not rest:
            currents.add(shelf)
        elif (ARTIFACT_ID.fullmatch(first) and rest) or (first.startswith(STAGING) and not rest):
            known = ids.setdefault(shelf, {})
            known[first] = known.get(first, False) or rest == [MANIFEST]
    return {path: _shelf(path, path in currents, ids.get(path, {})) for path in currents | ids.keys()}


def _shelf(path: str, current: bool, ids: dict[str, bool]) -> Shelf:
    asset, _, below = path.partition("/")
    whole = tuple(sorted(name for name, has_manifest in ids.items() if has_manifest))
    halves = tuple(sorted(name for name, has_manifest in ids.items() if not has_manifest))
    return Shelf(asset, Partition.from_path(below), current, whole, halves)
