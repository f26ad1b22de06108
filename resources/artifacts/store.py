"""The artifact store: one root, local or any fsspec URL, that holds every artifact.

What belongs here: finding artifacts and starting publications. Reading takes no lock: a pointer names a whole artifact or does not
exist. Fails with UserError for a bad name, DamagedArtifact for a pointer or manifest that cannot be read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resources.artifacts.artifact import Artifact
from resources.artifacts.errors import DamagedArtifact, MissingArtifact
from resources.artifacts.gc import GcReport, collect
from resources.artifacts.local import LocalPlace
from resources.artifacts.manifest import MANIFEST, Manifest, read_manifest
from resources.artifacts.partition import Partition
from resources.artifacts.places import ARTIFACT_ID, ASSET, CURRENT, Place, shelf_path
from resources.artifacts.publication import Publication
from resources.errors import UserError
from schemas.base import DataSchema

log = logging.getLogger(__name__)


class ArtifactStore:
    """All artifacts under one root."""

    def __init__(self, root: str | Path) -> None:
        self.place: Place = LocalPlace(Path(root))
        self._manifests: dict[str, tuple[object, Manifest]] = {}
        self._found: dict[str, tuple[str, Partition]] = {}

    def current(self, asset: str, partition: Partition) -> Artifact | None:
        """The version that the partition's pointer names; None when none was published."""
        artifact_id = self.current_id(asset, partition)
        if artifact_id is None:
            return None
        try:
            return self._load(asset, partition, artifact_id)
        except FileNotFoundError:
            log.warning(
                "%s names %s, which has no manifest: taken as not there", self._pointer(asset, partition), artifact_id
            )
            return None

    def current_id(self, asset: str, partition: Partition) -> str | None:
        """What the partition's pointer says, without looking at the artifact."""
        _check_asset(asset)
        pointer = f"{shelf_path(asset, partition)}/{CURRENT}"
        try:
            text = self.place.read(pointer).decode(errors="replace").strip()
        except FileNotFoundError:
            return None
        if not ARTIFACT_ID.match(text):
            raise DamagedArtifact(
                self.place.show(pointer),
                f"it says {text[:40]!r}, not the id of an artifact",
                fix="write the id of one of the folders beside it into it, or remove it and make this partition again",
            )
        return text

    def get(self, asset: str, partition: Partition, artifact_id: str) -> Artifact:
        """One version by its id, current or not. Raises MissingArtifact."""
        _check_asset(asset)
        try:
            if ARTIFACT_ID.match(artifact_id):
                return self._load(asset, partition, artifact_id)
        except FileNotFoundError:
            pass
        known = ", ".join(self.place.shelf(asset, partition).whole[:10]) or "none"
        raise MissingArtifact(f"{asset} for {partition} has no artifact {artifact_id!r}", fix=f"it has: {known}")

    def find(self, artifact_id: str) -> Artifact | None:
        """The artifact of this id, whichever asset and partition it is of."""
        if not ARTIFACT_ID.match(artifact_id):
            return None
        for again in (False, True):
            if again:
                self._found = {whole: (s.asset, s.partition) for s in self.place.shelves() for whole in s.whole}
            where = self._found.get(artifact_id)
            try:
                if where:
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
        found = [self.manifest(asset, partition, whole) for whole in self.place.shelf(asset, partition).whole]
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
        """A new version in the making, to be used in a `with` block. Nothing of it is visible before `publish()`."""
        _check_asset(asset)
        return Publication(
            self,
            asset,
            partition,
            code_version=code_version,
            spec=spec or {},
            seeds=seeds or {},
            run_id=run_id,
            schemas=schemas or {},
        )

    def gc(self, *, delete: bool = False, grace_hours: float = 24) -> GcReport:
        """What nothing points to: superseded artifacts that no current one was made from, and what crashed writers left. Removes it only when told."""
        return collect(self, delete=delete, grace_hours=grace_hours)

    def manifest(self, asset: str, partition: Partition, artifact_id: str) -> Manifest | None:
        """A version's manifest, None when it is not there."""
        try:
            return self._load(asset, partition, artifact_id).manifest
        except FileNotFoundError:
            return None

    def _load(self, asset: str, partition: Partition, artifact_id: str) -> Artifact:
        folder = f"{shelf_path(asset, partition)}/{artifact_id}"
        path = f"{folder}/{MANIFEST}"
        stamp = self.place.stamp(path)
        known = self._manifests.get(path)
        if known is None or known[0] != stamp:
            known = stamp, read_manifest(self.place.read(path), self.place.show(path))
            self._manifests[path] = known
            self._found[artifact_id] = asset, partition
        return Artifact(known[1], self.place.show(folder), self.place)

    def _pointer(self, asset: str, partition: Partition) -> str:
        return self.place.show(f"{shelf_path(asset, partition)}/{CURRENT}")


def _check_asset(asset: str) -> None:
    if not ASSET.match(asset):
        raise UserError(
            f"{asset!r} is not an asset's name", fix=f"use lower-case letters, digits and _: {ASSET.pattern}"
        )
