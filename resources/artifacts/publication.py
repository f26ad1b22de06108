"""A new version of one partition in the making (DESIGN contract 3).

What belongs here: what an asset does between opening its inputs and being published: rows, dropped rows, files, checks and figures, and
the order in which they become an artifact. Nothing is visible before `publish()` and leaving the block without it leaves no trace.
Fails with ValidationFailed (rows, counts or checks), MissingArtifact (an input), DiskFull; the version before stays current each time.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from resources.artifacts.artifact import LEDGER, Artifact
from resources.artifacts.errors import MissingArtifact, ValidationFailed
from resources.artifacts.hashing import sha256_file
from resources.artifacts.locks import hold
from resources.artifacts.manifest import (
    MANIFEST,
    CheckRecord,
    FileInfo,
    Input,
    Manifest,
    TableInfo,
    hash_content,
    make_artifact_id,
)
from resources.artifacts.partition import Partition
from resources.artifacts.places import shelf_path
from resources.artifacts.provenance import commit, versions
from resources.artifacts.tables import HashedFile, TableWriter
from resources.errors import UserError
from schemas import Ledger
from schemas.base import DataSchema
from schemas.ids import content_hash as hash_json

if TYPE_CHECKING:
    from resources.artifacts.store import ArtifactStore


class Publication:
    """Use as a context manager; made by `ArtifactStore.publication`."""

    def __init__(
        self,
        store: ArtifactStore,
        asset: str,
        partition: Partition,
        *,
        code_version: str,
        spec: Mapping[str, Any],
        seeds: Mapping[str, int],
        run_id: str | None,
        schemas: Mapping[str, type[DataSchema]],
    ) -> None:
        self.asset = asset
        self.partition = partition
        self._store = store
        self._facts: dict[str, Any] = {
            "code_version": code_version,
            "spec": json.loads(json.dumps(dict(spec))),
            "seeds": dict(seeds),
            "run_id": run_id,
        }
        self._schemas = {**schemas, LEDGER: Ledger}
        self._inputs: dict[tuple[str, Partition], Artifact] = {}
        self._tables: dict[str, TableWriter] = {}
        self._dropped: Counter[str] = Counter()
        self._annotations: set[str] = set()
        self._checks: list[CheckRecord] = []
        self._stats: dict[str, Any] = {}
        self._licences: set[str] = set()
        self._rows_in: int | None = None
        self._staging: Path | None = None
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Publication:
        place = self._store.place
        shelf = shelf_path(self.asset, self.partition)
        self._exit.enter_context(hold(place.locks / shelf / "lock", f"{self.asset} {self.partition}"))
        self._staging = place.stage(shelf)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._staging is not None:
                shutil.rmtree(self._staging, ignore_errors=True)
        finally:
            self._staging = None
            self._exit.close()

    def open(self, asset: str, partition: Partition) -> Artifact:
        """The current version of an input, which becomes part of the manifest. Raises MissingArtifact when there is none."""
        found = self.open_if_there(asset, partition)
        if found is None:
            raise MissingArtifact(
                f"{self.asset} for {self.partition} needs {asset} for {partition}, which has not been made",
                fix=f"materialize {asset} for partition {partition} first: in the UI, or `ot run RECIPE`, which makes everything in order",
            )
        return found

    def open_if_there(self, asset: str, partition: Partition) -> Artifact | None:
        """Like `open`, but None when there is none. Opened again it is the same version, whatever was published in between."""
        key = asset, partition
        if key not in self._inputs:
            found = self._store.current(asset, partition)
            if found is None:
                return None
            self._inputs[key] = found
        return self._inputs[key]

    def write(self, frame: pl.DataFrame, table: str = "") -> None:
        """Adds rows to a table, in order. Raises ValidationFailed at the first row group that breaks the table's schema."""
        if table not in self._tables:
            self._tables[table] = TableWriter(self._open_staging(), table, self._schemas.get(table))
        self._tables[table].write(frame)

    def drop(self, rows: pl.DataFrame) -> None:
        """Adds rows to the ledger: at least `row_id` and `rule`; ledger columns that are left out become null."""
        types = Ledger.dtypes()
        missing = [pl.lit(None, dtype=t).alias(c) for c, t in types.items() if c not in rows.columns]
        rows = rows.with_columns(missing).select(*types, *[c for c in rows.columns if c not in types])
        self.write(rows, LEDGER)
        for rule, count in rows.group_by("rule").len().iter_rows():
            self._dropped[rule] += count

    def folder(self) -> Path:
        """A folder for free files (weights, a log, a card): every file in it becomes part of the artifact."""
        return self._open_staging()

    def annotate(self, name: str, text: str | bytes) -> None:
        """A file that is published beside the content but is no part of the content hash, such as a card."""
        path = self._open_staging() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        self._annotations.add(name)

    def check(self, name: str, passed: bool, severity: Literal["error", "warn"] = "error", detail: str = "") -> None:
        """Records a verdict. A failure of severity `error` makes `publish()` raise; one of severity `warn` is only told."""
        self._checks.append(CheckRecord(name=name, passed=bool(passed), severity=severity, detail=detail))

    def stat(self, **figures: Any) -> None:
        """Figures for lineage and the UI: anything that is JSON."""
        self._stats.update(figures)

    def licences(self, *names: str) -> None:
        """Licences that the content comes under."""
        self._licences.update(name for name in names if name)

    def rows_in(self, rows: int) -> None:
        """How many rows went in; then rows out + rows in the ledger must be as many."""
        self._rows_in = rows

    def publish(self, *, allow_empty: bool = False) -> Manifest:
        """Makes it the current version, whole, and returns its manifest."""
        staging = self._open_staging()
        for name in self._schemas:
            if name not in self._tables and name != LEDGER:
                self.write(self._schemas[name].empty(), name)
        tables = {name: writer.close() for name, writer in sorted(self._tables.items())}
        files = self._free_files(staging, {file.path for table in tables.values() for file in table.files})
        self._refuse(tables, files, allow_empty)
        manifest = self._manifest(tables, files)
        out = HashedFile(staging / MANIFEST)
        out.write(manifest.to_json())
        out.finish()
        shelf = shelf_path(self.asset, self.partition)
        target = f"{shelf}/{manifest.artifact_id}"
        self._store.place.commit(staging, target, manifest)
        self._staging = None
        self._store.place.point(shelf, manifest.artifact_id)
        return self._store.get(self.asset, self.partition, manifest.artifact_id).manifest

    def _refuse(self, tables: Mapping[str, TableInfo], files: list[FileInfo], allow_empty: bool) -> None:
        failed = [f"{c.name}: {c.detail or 'failed'}" for c in self._checks if not c.passed and c.severity == "error"]
        rows, dropped = _rows(tables, ""), _rows(tables, LEDGER)
        if self._rows_in is not None and self._rows_in != rows + dropped:
            failed.append(f"rows in {self._rows_in} != rows out {rows} + rows in the ledger {dropped}")
        if not rows and not files and not allow_empty:
            failed.append("no rows came out")
        if failed:
            raise ValidationFailed(f"{self.asset} for {self.partition} was not published", failed)

    def _manifest(self, tables: dict[str, TableInfo], files: list[FileInfo]) -> Manifest:
        inputs = [
            Input(
                asset=a.asset,
                partition=a.partition.as_dict(),
                artifact_id=a.artifact_id,
                content_hash=a.manifest.content_hash,
            )
            for _, a in sorted(self._inputs.items())
        ]
        content = hash_content(tables, files)
        facts, code = self._facts, commit()
        spec_hash = hash_json(facts["spec"])
        return Manifest(
            asset=self.asset,
            partition=self.partition.as_dict(),
            artifact_id=make_artifact_id(
                self.asset, self.partition, content, inputs, [spec_hash, facts["code_version"], facts["seeds"]]
            ),
            content_hash=content,
            created_at=datetime.now(UTC).isoformat(),
            inputs=inputs,
            spec_hash=spec_hash,
            commit=code.commit,
            dirty=code.dirty,
            versions=versions(),
            tables=tables,
            files=files,
            rows_in=self._rows_in,
            rows_out=_rows(tables, ""),
            dropped=dict(sorted(self._dropped.items())),
            licences=sorted(self._licences),
            checks=self._checks,
            stats=self._stats,
            **facts,
        )

    def _free_files(self, staging: Path, written: set[str]) -> list[FileInfo]:
        found = []
        for path in sorted(staging.rglob("*")):
            name = path.relative_to(staging).as_posix()
            if path.is_file() and name not in written:
                found.append(
                    FileInfo(
                        path=name,
                        bytes=path.stat().st_size,
                        sha256=sha256_file(path),
                        annotation=name in self._annotations,
                    )
                )
        return found

    def _open_staging(self) -> Path:
        if self._staging is None:
            raise RuntimeError("a publication is used inside its `with` block, and not after publish()")
        return self._staging


def _rows(tables: Mapping[str, TableInfo], name: str) -> int:
    return tables[name].rows if name in tables else 0


__all__ = ["Publication", "UserError"]
