"""Columns of a published pool, read for the rows that a step asks for.

Belongs here: reading Parquet by column and row group. Contract: a row group without a wanted row is not read; of the others
one is in memory at a time beside what was asked for (rows are copied out of it, never kept as views). Fails with
`DamagedArtifact` where a file is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from resources.artifacts import Artifact
from resources.artifacts.hashing import file_problem
from resources.artifacts.manifest import FileInfo


@dataclass(frozen=True)
class ArtifactTexts:
    """Columns of an artifact's main table; `row` is a row's place in it."""

    artifact: Artifact

    def read(self, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """The columns for the frame's rows, in the frame's order. Raises `ValueError` for a row past the end."""
        rows = frame.get_column("row").to_numpy()
        order = np.argsort(rows, kind="stable")
        pieces = list(self._pieces(rows[order], columns))
        found = sum(len(piece) for piece in pieces)
        if found != len(rows):
            raise ValueError(f"row {rows.max()} was asked for, but the artifact has fewer rows")
        if not pieces:
            return self.artifact.scan().select(columns).head(0).collect()
        read = cast(pl.DataFrame, pl.from_arrow(pa.concat_tables(pieces)))
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return read if np.array_equal(order, np.arange(len(rows))) else read[back]

    def parts(self) -> list[tuple[str, int]]:
        """See ``Texts``; none where a manifest does not say how many rows a part has."""
        rows = self._rows()
        return [(f.sha256, n) for f, n in zip(self._files(), rows, strict=True) if n is not None] if all(rows) else []

    def is_whole(self, part: int) -> bool:
        """See ``Texts``."""
        return not file_problem(self.artifact.parts()[part], self._files()[part])

    def _rows(self) -> list[int | None]:
        """Of each part; None where its manifest does not say."""
        return [file.rows for file in self._files()]

    def _files(self) -> list[FileInfo]:
        return self.artifact.manifest.tables[""].files

    def _pieces(self, rows: npt.NDArray[np.int64], columns: Sequence[str]) -> Iterator[pa.Table]:
        """The rows (ascending) of one row group after the other."""
        start = 0
        for path, whole in zip(self.artifact.parts(), self._rows(), strict=True):
            if whole is not None and np.searchsorted(rows, start) == np.searchsorted(rows, start + whole):
                start += whole
                continue
            with pq.ParquetFile(path) as parquet:
                for group in range(parquet.num_row_groups):
                    end = start + parquet.metadata.row_group(group).num_rows
                    here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)]
                    if len(here):
                        yield parquet.read_row_group(group, columns=list(columns)).take(pa.array(here - start))
                    start = end
