"""The artifact store: one root, local or any fsspec URL, that holds every artifact.

What belongs here: finding artifacts and starting publications. Reading takes no lock: a pointer names a whole artifact
or is not there. Fails with UserError for a bad name, DamagedArtifact for a pointer or manifest that cannot be read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resources.artifacts.artifact import Artifact
from resources.artifacts.errors import DamagedArtifact, MissingArtifact
from resources.artifacts.gc import GcReport, collect
from resources.artifacts.manifest import MANIFEST, Manifest, read_manifest
from resources.artifacts.opening import open_place
from resources.artifacts.partition import Partition
from resources.artifacts.places import ARTIFACT_ID, ASSET, CURRENT, Place, shelf_path
from resources.artifacts.publication import Publication
from resources.artifacts.record import Facts, as_json
from resources.errors import UserError
from schemas.base import DataSchema

log = logging.getLogger(__name__)

_POINTER_TRIES = 5
_POINTER_WAIT = 0.05


class ArtifactStore:
    """All artifacts under one root: a local path or an fsspec URL (`s3://bucket/folder`, `memory://x`).

    `work` is a local folder for staging, locks and copies of remote files (default: below OT_HOME, else the temporary
    folder); a local root needs none. Making a store touches nothing.
    """

    def __init__(self, root: str | Path, *, work: Path | None = None) -> None:
        self.place: Place = open_place(root, work)
        self._manifests: dict[str, tuple[object, Manifest]] = {}
        self._found: dict[str, tuple[str, Partition]] = {}

    @property
    def root(self) -> str:
        """Where it lies: an absolute path or a URL."""
        return self.place.show("")

    def current(self, asset: str, partition: Partition) -> Artifact | None:
        """The version that the partition's pointer names; None when none was published."""
        artifact_id = self.current_id(asset, partition)
        if artifact_id is None:
            return None
        try:
            return self._load(asset, partition, artifact_id)
        except FileNotFoundError:
            pointer = self.place.show(f"{shelf_path(asset, partition)}/{CURRENT}")
            log.warning("%s names %s, which has no manifest: taken as not there", pointer, artifact_id)
            return None

    def current_id(self, asset: str, partition: Partition) -> str | None:
        """What the partition's pointer says, without looking at the artifact; None without a pointer."""
        _check_asset(asset)
        pointer = f"{shelf_path(asset, partition)}/{CURRENT}"
        for attempt in range(_POINTER_TRIES if self.place.remote else 1):
            if attempt:  # some remote file systems replace a small file in two steps
                time.sleep(_POINTER_WAIT)
            try:
                text = self.place.read(pointer).decode(errors="replace").strip()
            except FileNotFoundError:
                return None
            if ARTIFACT_ID.fullmatch(text):
                return text
        fix = "write the id of one of the folders beside it into it, or remove it and make this partition again"
        raise DamagedArtifact(self.place.show(pointer), f"{text[:40]!r} is not the id of an artifact", fix=fix)

    def get(self, asset: str, partition: Partition, artifact_id: str) -> Artifact:
        """One version by its id, current or not. Raises MissingArtifact."""
        _check_asset(asset)
        try:
            if ARTIFACT_ID.fullmatch(artifact_id):
                return self._load(asset, partition, artifact_id)
        except FileNotFoundError:
            pass
        known = ", ".join(self.place.shelf(asset, partition).whole[:10]) or "none"
        raise MissingArtifact(f"{asset} for {partition} has no artifact {artifact_id!r}", fix=f"it has: {known}")

    def find(self, artifact_id: str) -> Artifact | None:
        """The artifact of this id, whichever asset and partition it is of. Looks through the store once, then remembers."""
        if not ARTIFACT_ID.fullmatch(artifact_id):
            return None
        for look in (False, True):
            if look:
                self._found = {
                    name: (shelf.asset, shelf.partition) for shelf in self.place.shelves() for name in shelf.whole
                }
            try:
                if where := self._found.get(artifact_id):
                    return self._load(*where, artifact_id)
            except FileNotFoundError:
                continue
        return None

    def partitions(self, asset: str) -> list[Partition]:
        """Partitions that have a current artifact, sorted."""
        _check_asset(asset)
        return sorted(shelf.partition for shelf in self.place.shelves(asset) if shelf.has_current)

    def assets(self) -> list[str]:
        """Assets that have a current artifact, sorted."""
        return sorted({shelf.asset for shelf in self.place.shelves() if shelf.has_current})

    def history(self, asset: str, partition: Partition) -> list[Manifest]:
        """Every version of a partition that is still there, newest first."""
        _check_asset(asset)
        found = [self.manifest(asset, partition, name) for name in self.place.shelf(asset, partition).whole]
        return sorted((m for m in found if m), key=lambda m: (m.created_at, m.artifact_id), reverse=True)

    def publication(
        self,
        asset: str,
        partition: Partition,
        *,
        code_version: str,
        spec: Mapping[str, Any] | None = None,
        seeds: Mapping[str, int] | None = None,
        run_id: str | None = None,
        schemas: Mapping[str, type[DataSchema]] | None = None,
    ) -> Publication:
        """A new version in the making, for a `with` block. Waits there while another process makes the same partition."""
        _check_asset(asset)
        facts = Facts(
            asset, partition, code_version, as_json("spec", spec or {}), as_json("seeds", seeds or {}), run_id
        )
        return Publication(self, facts, schemas or {})

    def gc(self, *, delete: bool = False, grace_hours: float = 24) -> GcReport:
        """What nothing points to: superseded artifacts that no current one was made from, and what dead writers left.

        Removes it only when told to. `grace_hours` spares leftovers that changed since.
        """
        report = collect(self, delete=delete, grace_hours=grace_hours)
        if delete:
            self._manifests.clear()
            self._found.clear()
        return report

    def manifest(self, asset: str, partition: Partition, artifact_id: str) -> Manifest | None:
        """A version's manifest; None when it is not there (any more)."""
        try:
            return self._load(asset, partition, artifact_id).manifest
        except FileNotFoundError:
            return None

    def _load(self, asset: str, partition: Partition, artifact_id: str) -> Artifact:
        """Raises FileNotFoundError without a manifest, DamagedArtifact for one that cannot be or is another's."""
        folder = f"{shelf_path(asset, partition)}/{artifact_id}"
        path = f"{folder}/{MANIFEST}"
        stamp, known = self.place.stamp(path), self._manifests.get(path)
        if known is None or known[0] != stamp:
            manifest = read_manifest(self.place.read(path), self.place.show(path))
            if (manifest.asset, manifest.key, manifest.artifact_id) != (asset, partition, artifact_id):
                raise DamagedArtifact(
                    self.place.show(path), f"it is the manifest of {manifest.asset} {manifest.artifact_id}"
                )
            known = self._manifests[path] = stamp, manifest
            self._found[artifact_id] = asset, partition
        return Artifact(known[1], self.place.show(folder), self.place)


def _check_asset(asset: str) -> None:
    if not ASSET.fullmatch(asset):
        raise UserError(f"{asset!r} is not an asset's name", fix=f"it must match {ASSET.pattern}")
