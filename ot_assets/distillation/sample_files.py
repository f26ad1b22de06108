"""Texts of files that a classifier learns from: parquet, jsonl or csv, one row at a time.

Belongs here: reading one column, with another before it where the samples say so. Contract: files in the order given, rows in
the order of the file, rows without a text left out; memory holds a batch of a file. Fails with `UserError`: no such file, a
suffix that says nothing, a column that is not there, a file that is not what it is said to be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

import polars as pl

from ot_assets.registry.specs.answer_filter import Samples
from resources.errors import UserError

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".csv")
"""What a file of samples may end with."""

_BATCH = 2_000


def read_texts(files: Iterable[Path | str], samples: Samples) -> Iterator[str]:
    """The texts of the files, the question before each where the samples name its column."""
    columns = [samples.text] if samples.question is None else [samples.question, samples.text]
    for file in files:
        frame = _scan(file, columns)
        try:
            for batch in frame.collect_batches(chunk_size=_BATCH, maintain_order=True):
                for row in batch.iter_rows():
                    if row[-1] and row[-1].strip():
                        yield "\n\n".join(part for part in row if part)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(file, error) from error


def digest(file: Path) -> str | None:
    """Sha256 hex of a file's bytes, None where it is not there; read again only once the file has changed."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return _digest(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _digest(file: Path, _changed: int, _size: int) -> str | None:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def _scan(file: Path | str, columns: list[str]) -> pl.LazyFrame:
    suffix = PurePosixPath(str(file)).suffix.lower()
    try:
        if suffix == ".parquet":
            frame = pl.scan_parquet(file)
        elif suffix == ".csv":
            frame = pl.scan_csv(file, infer_schema=False)
        elif suffix in SUFFIXES:
            frame = pl.scan_ndjson(file, infer_schema_length=None)
        else:
            raise UserError(f"{file}: a file of samples ends with {', '.join(SUFFIXES)}", fix="convert or rename it")
        known = frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from error
    missing = [name for name in columns if name not in known]
    if missing:
        raise UserError(
            f"{file} has no column {', '.join(missing)}; it has {', '.join(known)}",
            fix="name them under text and question of the samples",
        )
    return frame.select(pl.col(name).cast(pl.String) for name in columns)


def _unreadable(file: Path | str, error: Exception) -> UserError:
    return UserError(f"{file} cannot be read as samples: {str(error).splitlines()[0]}", fix="mend the file or its name")
