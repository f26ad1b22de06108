"""Cuts a stream of frames into row groups by its rows alone.

What belongs here: where one row group ends and the next begins. The cut depends only on the sequence of rows, never on
how they came in frames, so the same rows always make the same files and the same content hash; and no row group
outgrows the memory bound by more than one row, however long its texts are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

ROW_GROUP_ROWS = 20_000
ROW_GROUP_BYTES = 32 * 2**20
_MOST_PIECES = 256


@dataclass(frozen=True)
class Limits:
    """A row group is full at `rows` rows, or with the row that brings its values to `bytes` bytes."""

    rows: int
    bytes: int


class Chunker:
    """Takes frames of the same columns, gives row groups. Holds at most one row group and the frame it is given."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits(ROW_GROUP_ROWS, ROW_GROUP_BYTES)
        self._kept: list[pl.DataFrame] = []
        self._rows = 0
        self._bytes = 0

    def push(self, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yields the row groups that are full now."""
        ends = row_bytes(frame).cum_sum()
        start, before = 0, 0
        while start < len(frame):
            room = self._limits.bytes - self._bytes
            full = int(ends.search_sorted(before + room, side="left")) + 1
            stop = min(len(frame), start + self._limits.rows - self._rows, max(full, start + 1))
            self._keep(frame.slice(start, stop - start), int(ends[stop - 1]) - before)
            start, before = stop, int(ends[stop - 1])
            if self._rows >= self._limits.rows or self._bytes >= self._limits.bytes:
                yield self.flush()

    def flush(self) -> pl.DataFrame:
        """What is left, as one row group; empty when nothing is."""
        group = self._joined() if self._kept else pl.DataFrame()
        self._kept, self._rows, self._bytes = [], 0, 0
        return group

    def __len__(self) -> int:
        return self._rows

    def _joined(self) -> pl.DataFrame:
        """One frame; a column that was all null in the first pieces has the type of the later ones."""
        return pl.concat(self._kept, how="vertical_relaxed", rechunk=True)

    def _keep(self, part: pl.DataFrame, size: int) -> None:
        self._kept.append(part)
        self._rows += len(part)
        self._bytes += size
        if len(self._kept) >= _MOST_PIECES:
            self._kept = [self._joined()]


def row_bytes(frame: pl.DataFrame) -> pl.Series:
    """Bytes of each row's values: texts and binaries by their length, everything else 8."""
    sizes = [_size(dtype, pl.col(name)).fill_null(0) for name, dtype in frame.schema.items()]
    if not sizes:
        return pl.Series([0] * len(frame), dtype=pl.Int64)
    return frame.select(pl.sum_horizontal(sizes).cast(pl.Int64).alias("bytes")).to_series()


def _size(dtype: pl.DataType, value: pl.Expr) -> pl.Expr:
    if dtype == pl.String:
        return value.str.len_bytes().cast(pl.Int64)
    if dtype == pl.Binary:
        return value.bin.size().cast(pl.Int64)
    if isinstance(dtype, pl.List):
        return value.list.eval(_size(_inner(dtype), pl.element())).list.sum()
    if isinstance(dtype, pl.Array):
        return value.arr.to_list().list.eval(_size(_inner(dtype), pl.element())).list.sum()
    if isinstance(dtype, pl.Struct):
        return pl.sum_horizontal([_size(_type(f.dtype), value.struct.field(f.name)).fill_null(0) for f in dtype.fields])
    return value.is_null().cast(pl.Int64) * 0 + 8


def _inner(dtype: pl.List | pl.Array) -> pl.DataType:
    return _type(dtype.inner)


def _type(dtype: object) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype  # type: ignore[return-value]
