"""From what a publication knows to its manifest.

What belongs here: the facts that are stated when a publication starts, and how they and the finished files become a
manifest. Fails with TypeError for a value that is not JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from resources.artifacts.manifest import (
    CheckRecord,
    FileInfo,
    Input,
    Manifest,
    TableInfo,
    hash_content,
    make_artifact_id,
)
from resources.artifacts.partition import Partition
from resources.artifacts.provenance import commit, versions
from schemas.ids import content_hash as hash_json


@dataclass(frozen=True)
class Facts:
    """What is known before the first row: which partition, and what it is made by."""

    asset: str
    partition: Partition
    code_version: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    run_id: str | None = None


def make_manifest(
    facts: Facts,
    *,
    inputs: list[Input],
    tables: dict[str, TableInfo],
    files: list[FileInfo],
    rows_in: int | None,
    dropped: dict[str, int],
    licences: list[str],
    checks: list[CheckRecord],
    stats: dict[str, Any],
) -> Manifest:
    """The manifest of finished files: adds hashes, ids, time, code and library versions."""
    content = hash_content(tables, files)
    spec, seeds, code = dict(facts.spec), dict(facts.seeds), commit()
    spec_hash = hash_json(spec)
    made_by = [spec_hash, facts.code_version, seeds]
    return Manifest(
        asset=facts.asset,
        partition=facts.partition.as_dict(),
        artifact_id=make_artifact_id(facts.asset, facts.partition, content, inputs, made_by),
        content_hash=content,
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        inputs=inputs,
        spec=spec,
        spec_hash=spec_hash,
        code_version=facts.code_version,
        commit=code.commit,
        dirty=code.dirty,
        versions=versions(),
        seeds=seeds,
        run_id=facts.run_id,
        tables=tables,
        files=files,
        rows_in=rows_in,
        rows_out=tables[""].rows if "" in tables else 0,
        dropped=dropped,
        licences=licences,
        checks=checks,
        stats=stats,
    )


def as_json(name: str, value: Any) -> Any:
    """A value as plain JSON: tuples become lists, numpy scalars numbers, and figures that are no number (NaN) null.

    Raises TypeError that names where the value is.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        if bad := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"{name}: the key {bad[0]!r} is not a text")
        return {key: as_json(f"{name}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(f"{name}[{place}]", inner) for place, inner in enumerate(value)]
    if hasattr(value, "item"):  # a numpy or torch scalar, without importing either
        return as_json(name, value.item())
    raise TypeError(f"{name}: {type(value).__name__} is not JSON; hand over a text, number, list or mapping of them")
