"""A new version of one partition in the making (DESIGN contract 3).

What belongs here: what an asset does between opening its inputs and being published: rows, dropped rows, files, checks
and figures. Nothing is visible before `publish()`, and leaving the block without it leaves no trace.
Fails with ValidationFailed (rows, counts or checks), MissingArtifact (an input) or DiskFull; each time the version
before stays current.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import polars as pl
import pyarrow as pa

from resources.artifacts.artifact import LEDGER, Artifact
from resources.artifacts.disk import clear_disk_errors, explain
from resources.artifacts.errors import DamagedArtifact, DiskFull, MissingArtifact, ValidationFailed
from resources.artifacts.freefiles import check_name, collect_files
from resources.artifacts.hashing import HashedFile
from resources.artifacts.locks import hold
from resources.artifacts.manifest import MANIFEST, CheckRecord, FileInfo, Input, Manifest, TableInfo
from resources.artifacts.partition import Partition
from resources.artifacts.parts import Earlier
from resources.artifacts.pins import Version, pin, unpin
from resources.artifacts.places import ASSET, shelf_path
from resources.artifacts.record import Facts, as_json, make_manifest
from resources.artifacts.secrets import refuse_secrets
from resources.artifacts.tables import TableWriter
from resources.errors import UserError
from schemas import Ledger
from schemas.base import DataSchema

if TYPE_CHECKING:
    from resources.artifacts.store import ArtifactStore


class Publication:
    """Use as a context manager; made by `ArtifactStore.publication`. One thread uses it."""

    def __init__(self, store: ArtifactStore, facts: Facts, schemas: Mapping[str, type[DataSchema]]) -> None:
        self.asset = facts.asset
        self.partition = facts.partition
        self._store = store
        self._facts = facts
        self._schemas: dict[str, type[DataSchema]] = {**schemas, LEDGER: Ledger}
        self._inputs: dict[tuple[str, Partition], Artifact] = {}
        self._tables: dict[str, TableWriter] = {}
        self._dropped: Counter[str] = Counter()
        self._annotations: set[str] = set()
        self._checks: list[CheckRecord] = []
        self._stats: dict[str, Any] = {}
        self._licences: set[str] = set()
        self._rows_in: int | None = None
        self._broken: Exception | None = None
        self._staging: Path | None = None
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Self:
        place, shelf = self._store.place, shelf_path(self.asset, self.partition)
        with contextlib.ExitStack() as stack, clear_disk_errors(place.locks.parent):
            stack.enter_context(hold(place.locks / shelf / "lock", f"{self.asset} for {self.partition}"))
            self._staging = place.stage(shelf)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        staging = self._staging
        told = explain(error, staging) if isinstance(error, OSError) and staging else None
        if isinstance(error, (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException)):
            told = self._damaged_input()
        try:
            for writer in self._tables.values():
                writer.abandon()
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
        finally:
            self._staging = None
            self._exit.close()
        if told is not None:
            raise told from error

    def open(self, asset: str, partition: Partition) -> Artifact:
        """The current version of an input, which becomes part of the manifest. Raises MissingArtifact when none is."""
        found = self.open_if_there(asset, partition)
        if found is None:
            others = ", ".join(str(p) for p in self._store.partitions(asset)[:10]) or "no partition yet"
            raise MissingArtifact(
                f"{self.asset} for {self.partition} needs {asset} for {partition}, which has not been made"
                f" ({asset} was made for: {others})",
                fix=f"materialize {asset} for {partition} first, in the UI or with `ot run RECIPE`,"
                " which makes all that a recipe needs in order",
            )
        return found

    def open_if_there(self, asset: str, partition: Partition) -> Artifact | None:
        """Like `open`, but None when there is none. Opened again it is the same version, whatever came in between."""
        key = asset, partition
        if key not in self._inputs:
            found = self._pin_current(asset, partition)
            if found is None:
                return None
            self._inputs[key] = found
        return self._inputs[key]

    def write(self, frame: pl.DataFrame, table: str = "") -> None:
        """Adds rows to a table, in order; many at a time is much faster than one.

        Raises ValidationFailed at the first row group that breaks the table's schema, and DiskFull when there is no room: at
        the next row group, or in `publish()`.
        """
        staging = self._open_staging()
        if table not in self._tables:
            if table and not ASSET.fullmatch(table):
                raise UserError(f"{table!r} is not a table's name", fix=f"it must match {ASSET.pattern}")
            schema = self._schemas.get(table)
            self._tables[table] = TableWriter(staging, table, schema, earlier=self._earlier(table))
        try:
            with clear_disk_errors(staging):
                self._tables[table].write(frame)
        except Exception as error:
            self._broken = error  # rows are lost now: whoever catches this must not publish the rest
            raise

    def drop(self, rows: pl.DataFrame) -> None:
        """Adds rows to the ledger: at least `row_id` and `rule`; ledger columns that are left out become null."""
        left_out = [pl.lit(None, dtype=t).alias(c) for c, t in Ledger.dtypes().items() if c not in rows.columns]
        rows = rows.with_columns(left_out).with_columns(pl.col("figure").cast(pl.Float64))
        self.write(rows, LEDGER)
        for rule, count in rows.group_by("rule").len().iter_rows():
            self._dropped[rule] += count

    def folder(self) -> Path:
        """A folder for free files (weights, a tokenizer): every file in it becomes part of the artifact and its hash."""
        return self._open_staging()

    def annotate(self, name: str, text: str | bytes | Path) -> None:
        """A file that is published beside the content but is no part of its hash, such as a card or a log with times.

        `text` is what it holds; a Path is copied, or only marked when it is that file in `folder()` already.
        """
        check_name(name, self._tables)
        path = self._open_staging() / name
        with clear_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(text, Path):
                path.write_bytes(text.encode() if isinstance(text, str) else text)
            elif text.resolve() != path.resolve():
                shutil.copyfile(text, path)
        self._annotations.add(name)

    def check(self, name: str, passed: bool, severity: Literal["error", "warn"] = "error", detail: str = "") -> None:
        """Records a verdict. A failure of severity `error` makes `publish()` raise; one of severity `warn` is told."""
        self._checks.append(CheckRecord(name=name, passed=bool(passed), severity=severity, detail=detail))

    def stat(self, **figures: Any) -> None:
        """Figures for lineage and the UI: anything that is JSON; a figure that is not a number becomes null."""
        self._stats.update({name: as_json(name, value) for name, value in figures.items()})

    def licences(self, *names: str) -> None:
        """Licences that the content comes under."""
        self._licences.update(name for name in names if name)

    def rows_in(self, rows: int) -> None:
        """How many rows went in; then rows out + rows in the ledger must be as many, or `publish()` raises."""
        self._rows_in = int(rows)

    def publish(self, *, allow_empty: bool = False) -> Manifest:
        """Makes it the current version, whole, and returns its manifest; the publication is over then.

        The same content from the same inputs, spec, seeds and code version is the artifact that is there already: only
        the pointer moves, and the manifest is the one of then.
        """
        staging = self._open_staging()
        if self._broken is not None:
            raise self._broken
        try:
            with clear_disk_errors(staging):
                manifest = self._finish(staging, allow_empty)
                self._commit(staging, manifest)
        except (OSError, DiskFull) as error:
            self._broken = error  # rows may be lost now, so there is no second try
            raise
        return self._store.get(self.asset, self.partition, manifest.artifact_id).manifest

    def _finish(self, staging: Path, allow_empty: bool) -> Manifest:
        """Ends all writing; afterwards the staging is a whole artifact."""
        for name in self._schemas.keys() - self._tables.keys() - {LEDGER}:
            self.write(self._schemas[name].empty(), name)
        tables = {name: writer.close() for name, writer in sorted(self._tables.items())}
        parts = {part.path for table in tables.values() for part in table.files}
        files = collect_files(staging, parts, self._tables, self._annotations)
        self._refuse(tables, files, allow_empty)
        verdicts = [verdict for writer in self._tables.values() if (verdict := writer.verdict())]
        manifest = make_manifest(
            self._facts,
            inputs=[_input(artifact) for _, artifact in sorted(self._inputs.items())],
            tables=tables,
            files=files,
            rows_in=self._rows_in,
            dropped=dict(sorted(self._dropped.items())),
            licences=sorted(self._licences),
            checks=[*verdicts, *self._checks],
            stats=self._stats,
        )
        text = manifest.to_json()
        refuse_secrets(text.decode(), f"the manifest of {self.asset} for {self.partition}")
        out = HashedFile(staging / MANIFEST)
        out.write(text)
        out.finish()
        return manifest

    def _refuse(self, tables: Mapping[str, TableInfo], files: list[FileInfo], allow_empty: bool) -> None:
        failed = [f"{c.name}: {c.detail or 'failed'}" for c in self._checks if not c.passed and c.severity == "error"]
        rows = tables[""].rows if "" in tables else 0
        dropped = tables[LEDGER].rows if LEDGER in tables else 0
        if self._rows_in is not None and self._rows_in != rows + dropped:
            lost = self._rows_in - rows - dropped
            failed.append(
                f"rows in {self._rows_in} are not rows out {rows} + rows in the ledger {dropped}:"
                f" {abs(lost)} row(s) {'vanished' if lost > 0 else 'too many'}"
            )
        anything = rows if "" in tables else sum(table.rows for table in tables.values()) + len(files)
        if not anything and not allow_empty:
            rules = ", ".join(f"{rule} {count}" for rule, count in self._dropped.most_common(5))
            failed.append(f"no rows are left{f'; dropped by rule: {rules}' if rules else ''}")
        if failed:
            raise ValidationFailed(f"{self.asset} for {self.partition} cannot be published", failed)

    def _commit(self, staging: Path, manifest: Manifest) -> None:
        place, shelf = self._store.place, shelf_path(self.asset, self.partition)
        # Garbage collection holds this lock alone: between our last pin and the pointer it must not look.
        with hold(place.locks / "gc.lock", "the clean-up of artifacts", shared=True):
            unpin(staging)
            place.commit(staging, f"{shelf}/{manifest.artifact_id}", manifest)
            self._staging = None
            place.point(shelf, manifest.artifact_id)

    def _pin_current(self, asset: str, partition: Partition) -> Artifact | None:
        """Pins the current version, and looks again: what was current after the pin cannot have been collected."""
        while True:
            found = self._store.current(asset, partition)
            if found is None:
                return None
            pin(self._open_staging(), Version(asset, partition, found.artifact_id))
            if self._store.current_id(asset, partition) == found.artifact_id:
                return found

    def _earlier(self, table: str) -> Earlier | None:
        """The table of the version before; None where its files are not at hand."""
        if self._store.place.remote:
            return None
        before = self._before
        info = before.manifest.tables.get(table) if before else None
        return Earlier(Path(before.path) if before else self._open_staging(), info.files if info else [])

    @cached_property
    def _before(self) -> Artifact | None:
        """The version before: nobody publishes another while we hold the partition's lock."""
        try:
            return self._store.current(self.asset, self.partition)
        except DamagedArtifact:
            return None

    def _damaged_input(self) -> DamagedArtifact | None:
        """The first input that is not as it was published: what a reader's error over its bytes really means."""
        for _, artifact in sorted(self._inputs.items()):
            if found := artifact.verify():
                return DamagedArtifact(artifact.path, found[0].removeprefix(f"{artifact.path}/"))
        return None

    def _open_staging(self) -> Path:
        if self._staging is None:
            raise RuntimeError("a publication is used inside its `with` block, and not after publish()")
        return self._staging


def _input(artifact: Artifact) -> Input:
    return Input(
        asset=artifact.asset,
        partition=artifact.partition.as_dict(),
        artifact_id=artifact.artifact_id,
        content_hash=artifact.manifest.content_hash,
    )
