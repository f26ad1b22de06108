"""One published artifact, as a reader sees it.

What belongs here: reading. An artifact never changes, so a reader that holds one reads the same rows however often the
partition is published again. Fails with DamagedArtifact when a file is not there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from resources.artifacts.chunks import ROW_GROUP_ROWS
from resources.artifacts.errors import DamagedArtifact
from resources.artifacts.hashing import size_problem
from resources.artifacts.manifest import FileInfo, Manifest, TableInfo
from resources.artifacts.partition import Partition
from resources.artifacts.places import Place, shelf_path
from resources.behind import ahead
from resources.errors import UserError
from schemas import Ledger

LEDGER = "ledger"


@dataclass(frozen=True)
class Artifact:
    """One immutable version of one partition. `path` is where it lies: an absolute path or a URL."""

    manifest: Manifest
    path: str
    _place: Place = field(repr=False, compare=False)

    @property
    def asset(self) -> str:
        """Name of the asset."""
        return self.manifest.asset

    @property
    def partition(self) -> Partition:
        """Which partition of it."""
        return self.manifest.key

    @property
    def artifact_id(self) -> str:
        """Id of this version."""
        return self.manifest.artifact_id

    def scan(self, table: str = "") -> pl.LazyFrame:
        """A table as a lazy frame, in the order in which its rows were written."""
        info = self._table(table)
        return pl.scan_parquet([self._local(file) for file in info.files])

    def read(self, table: str = "") -> pl.DataFrame:
        """A whole table in memory: for small ones."""
        with self._naming_damage():
            return self.scan(table).collect()

    def batches(
        self, table: str = "", rows: int = 50_000, columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """A table in frames of at most `rows` rows and at most one row group, in order: the bounded way through it. Of a large
        table the next row group is read meanwhile.
        """
        info = self._table(table)
        groups = self._row_groups(info, columns)
        for frame in ahead(groups) if info.rows > ROW_GROUP_ROWS else groups:
            yield from (frame.slice(start, rows) for start in range(0, len(frame), rows))

    def parts(self, table: str = "") -> list[Path]:
        """Local paths of a table's Parquet files, in order: for programs that read files, such as a trainer."""
        return [self._local(file) for file in self._table(table).files]

    def ledger(self) -> pl.LazyFrame:
        """The rows that the step dropped; an empty frame when it dropped none."""
        if LEDGER in self.manifest.tables:
            return self.scan(LEDGER)
        return pl.LazyFrame(Ledger.empty())

    def file(self, name: str) -> Path:
        """Local path of one of the free files (a remote one is copied to a cache)."""
        for info in self.manifest.all_files():
            if info.path == name:
                return self._local(info)
        known = ", ".join(f.path for f in self.manifest.files) or "none"
        raise UserError(f"{self.path} has no file {name!r}", fix=f"its files are: {known}")

    def folder(self) -> Path:
        """A local folder with all the free files in it, such as a model's."""
        try:
            return self._place.folder(self._relative, list(self.manifest.files))
        except FileNotFoundError as error:
            raise DamagedArtifact(self.path, f"{error} is missing") from None

    def verify(self) -> list[str]:
        """Reads every file again and names each that is not as it was published; empty when all are."""
        checked = [(info, self._place.problem(self._relative, info)) for info in self.manifest.all_files()]
        return [f"{self.path}/{info.path} {problem}" for info, problem in checked if problem]

    def shortfall(self) -> str:
        """The first file that is missing or of another size, by a look at the folder alone; empty when none is.

        Always empty for a remote store, where every look is a call: its objects are whole or not there.
        """
        if self._place.remote:
            return ""
        checked = ((info, size_problem(Path(self.path) / info.path, info)) for info in self.manifest.all_files())
        return next((f"{self.path}/{info.path} {problem}" for info, problem in checked if problem), "")

    @property
    def _relative(self) -> str:
        return f"{shelf_path(self.asset, self.partition)}/{self.artifact_id}"

    def _row_groups(self, table: TableInfo, columns: Sequence[str] | None) -> Generator[pl.DataFrame, None, None]:
        for info in table.files:
            with self._naming_damage():
                path, start = self._local(info), 0
                rows, parts = pl.scan_parquet(path), pq.read_metadata(path)
                rows = rows if columns is None else rows.select(columns)
                for group in range(parts.num_row_groups):
                    count = parts.row_group(group).num_rows
                    yield rows.slice(start, count).collect()
                    start += count

    def _table(self, table: str) -> TableInfo:
        info = self.manifest.tables.get(table)
        if info is None:
            known = ", ".join(repr(t or "main") for t in self.manifest.tables) or "none"
            raise UserError(f"{self.path} has no table {table or 'main'!r}", fix=f"its tables are: {known}")
        return info

    def _local(self, info: FileInfo) -> Path:
        try:
            path = self._place.fetch(self._relative, info)
            size = path.stat().st_size
        except FileNotFoundError:
            since = "the file is missing: removed by hand, or by `ot gc` after this version was opened"
            raise DamagedArtifact(f"{self.path}/{info.path}", since) from None
        if size != info.bytes:
            found = f"the file has {size} bytes, was published with {info.bytes}"
            raise DamagedArtifact(f"{self.path}/{info.path}", found)
        return path

    @contextlib.contextmanager
    def _naming_damage(self) -> Iterator[None]:
        """A reader's error over bytes that are not what was published becomes a message that names the file."""
        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError) as error:
            if found := self.verify():
                raise DamagedArtifact(self.path, found[0].removeprefix(f"{self.path}/")) from error
            raise
