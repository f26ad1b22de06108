"""The record beside every artifact: what it is, what it was made from, by which code.

What belongs here: the manifest's shape, how it is read and written, and the two hashes that name an artifact. Lineage,
staleness and garbage collection are computed from manifests alone, so whatever they need is in here. Reading fails with
DamagedArtifact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.artifacts.errors import DamagedArtifact
from resources.artifacts.partition import Partition
from schemas.ids import content_hash as hash_json

FORMAT = 2
"""Of the manifests that are written: 2 has fingerprints of row groups."""
_READ = (1, 2)
_ID_FORMAT = 1
MANIFEST = "manifest.json"
ARTIFACT_ID_DIGITS = 20


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(_Record):
    """One artifact that was opened while this one was made."""

    asset: str
    partition: dict[str, str] = Field(default_factory=dict)
    artifact_id: str
    content_hash: str

    @property
    def key(self) -> Partition:
        """The partition as a value."""
        return Partition(self.partition)


class FileInfo(_Record):
    """One file: path below the artifact's folder, size, sha256, and rows when it holds rows.

    `annotation` marks a file that is published beside the content but is no part of the content hash (a card, a log).
    `groups` are fingerprints of a part's row groups (`parts.fingerprint`): the next version may share the part.
    """

    path: str
    bytes: int
    sha256: str
    rows: int | None = None
    annotation: bool = False
    groups: list[str] | None = None


class TableInfo(_Record):
    """One table: rows, its Parquet parts in order, and column name -> polars type."""

    rows: int
    files: list[FileInfo]
    columns: dict[str, str]


class CheckRecord(_Record):
    """One check's verdict. Only a failure of severity `error` blocks publishing."""

    name: str
    passed: bool
    severity: Literal["error", "warn"] = "error"
    detail: str = ""


class Manifest(_Record):
    """What one artifact is. `tables[""]` is the main table; `files` are all files that are not a table's."""

    format: int = FORMAT
    asset: str
    partition: dict[str, str] = Field(default_factory=dict)
    artifact_id: str
    content_hash: str
    created_at: str
    inputs: list[Input] = Field(default_factory=list)
    spec: dict[str, Any] = Field(default_factory=dict)
    spec_hash: str
    code_version: str
    commit: str | None = None
    dirty: bool | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    seeds: dict[str, int] = Field(default_factory=dict)
    run_id: str | None = None
    tables: dict[str, TableInfo] = Field(default_factory=dict)
    files: list[FileInfo] = Field(default_factory=list)
    rows_in: int | None = None
    rows_out: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    licences: list[str] = Field(default_factory=list)
    checks: list[CheckRecord] = Field(default_factory=list)
    stats: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> Partition:
        """The partition as a value."""
        return Partition(self.partition)

    def all_files(self) -> list[FileInfo]:
        """Every file but the manifest itself."""
        return [file for table in self.tables.values() for file in table.files] + list(self.files)

    def to_json(self) -> bytes:
        """The bytes of manifest.json."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def read_manifest(data: bytes, place: str) -> Manifest:
    """Parses manifest.json; `place` is named in the error. Raises DamagedArtifact when it is not a whole manifest."""
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise DamagedArtifact(place, f"{where + ': ' if where else ''}{first['msg']}"[:200]) from None
    if manifest.format not in _READ:
        raise DamagedArtifact(place, f"format {manifest.format}, this release reads formats {_READ[0]} to {_READ[-1]}")
    return manifest


def hash_content(tables: Mapping[str, TableInfo], files: Iterable[FileInfo]) -> str:
    """sha256 over every table's name and parts, and every file that is not an annotation."""
    parts = [["table", name, [[f.path, f.sha256] for f in tables[name].files]] for name in sorted(tables)]
    free = sorted([f.path, f.sha256] for f in files if not f.annotation)
    return hash_json([parts, free])


def make_artifact_id(
    asset: str, partition: Partition, content: str, inputs: Iterable[Input], made_by: Iterable[Any]
) -> str:
    """20 hex digits: the same content from the same inputs, spec, seeds and code version has the same id."""
    opened = sorted([i.asset, Partition(i.partition).path(), i.artifact_id] for i in inputs)
    text = hash_json([_ID_FORMAT, asset, partition.path(), content, opened, list(made_by)])
    return hashlib.sha256(text.encode()).hexdigest()[:ARTIFACT_ID_DIGITS]
