"""The artifact store: immutable, whole versions of asset partitions, each beside its manifest (DESIGN contracts 3, 4 and 6)."""

from __future__ import annotations

from resources.artifacts.artifact import Artifact
from resources.artifacts.errors import DamagedArtifact, DiskFull, MissingArtifact, TransferFailed, ValidationFailed
from resources.artifacts.gc import GcItem, GcReport
from resources.artifacts.manifest import CheckRecord, FileInfo, Input, Manifest, TableInfo
from resources.artifacts.partition import Partition
from resources.artifacts.publication import Publication
from resources.artifacts.store import ArtifactStore

__all__ = [
    "Artifact",
    "ArtifactStore",
    "CheckRecord",
    "DamagedArtifact",
    "DiskFull",
    "FileInfo",
    "GcItem",
    "GcReport",
    "Input",
    "Manifest",
    "MissingArtifact",
    "Partition",
    "Publication",
    "TableInfo",
    "TransferFailed",
    "ValidationFailed",
]
