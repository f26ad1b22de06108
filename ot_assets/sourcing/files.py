"""Rows of files: parquet by row groups, JSON lines and csv line by line, on this machine or behind any fsspec address.

Paths are globs; relative ones start at the folder of the YAML file. Files are read in the order of their names, each
once, and compressed ones (`.gz`, `.zst`, `.bz2`, `.xz`) are unpacked as they are read. A row's file is its path
relative to that folder, so that it is the same on every machine. Fails with UserError: no such file, a suffix that
says nothing, a file that is not what it is said to be.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from ot_assets.registry.specs.origin import FilesOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.columns import asked_columns, require
from ot_assets.sourcing.lines import read_lines
from ot_assets.sourcing.rows import RawRow, SourcingContext
from resources.errors import UserError

Format = Literal["parquet", "jsonl", "csv"]
_SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip
_PACKED = frozenset({".gz", ".zst", ".bz2", ".xz"})
_ROWS = 500
_LONGEST_CELL = 64 * 1024 * 1024


@dataclass(frozen=True)
class _File:
    """One file to read."""

    system: Any
    """Its fsspec file system."""
    path: str
    """Its path there."""
    name: str
    """What rows call it."""
    format: Format


def read(spec: QuestionSet, origin: FilesOrigin, context: SourcingContext) -> Iterator[RawRow]:
    """All rows of all files. Which files there are is looked up at once; they are read as the rows are asked for."""
    found = _files(spec, origin, context.base or Path.cwd())
    return (row for file in found for row in _rows(spec, file))


def _rows(spec: QuestionSet, file: _File) -> Iterator[RawRow]:
    if file.format == "parquet":
        yield from _parquet(spec, file)
        return
    try:
        with file.system.open(file.path, "rb", compression="infer") as stream:
            yield from read_lines(stream, file.name) if file.format == "jsonl" else _csv(stream, spec, file)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{spec.key}: {file.name} cannot be read: {error}", fix="mend or remove the file") from error


def _parquet(spec: QuestionSet, file: _File) -> Iterator[RawRow]:
    """Rows by row groups, and of them only the columns asked for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.system.open(file.path, "rb") as stream:
            parquet = pq.ParquetFile(stream)
            require(spec, parquet.schema_arrow.names, file.name)
            index = 0
            for batch in parquet.iter_batches(_ROWS, columns=sorted(asked_columns(spec))):
                for values in batch.to_pylist():
                    yield RawRow(file.name, index, values)
                    index += 1
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{spec.key}: {file.name} is no readable parquet file: {error}", fix="mend or remove it"
        ) from error


def _csv(stream: IO[bytes], spec: QuestionSet, file: _File) -> Iterator[RawRow]:
    """Rows under a header line. The index is the row's number, since a row may go over several lines."""
    csv.field_size_limit(_LONGEST_CELL)
    delimiter = "\t" if ".tsv" in PurePosixPath(file.name).suffixes else ","
    text = (line.decode("utf-8-sig" if n == 0 else "utf-8", "surrogateescape") for n, line in enumerate(stream))
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    header = next(reader, None)
    if header is None:
        return
    repeated = next((name for name in header if header.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"{spec.key}: {file.name} has two columns {repeated!r}", fix="rename one of them")
    index = 0
    while (row := _csv_row(reader, header, file.name, index)) is not None:
        yield row
        index += 1


def _csv_row(reader: Any, header: list[str], file: str, index: int) -> RawRow | None:
    """The next row, whether it can be used or not; None at the end. Blank lines are no rows."""
    try:
        cells = next(cells for cells in reader if cells)
    except StopIteration:
        return None
    except csv.Error as error:
        return RawRow(file, index, None, f"line {reader.line_num}: {error}")
    if len(cells) != len(header):
        return RawRow(file, index, None, f"line {reader.line_num}: {len(cells)} cells, the header has {len(header)}")
    try:
        "".join(cells).encode("utf-8")
    except UnicodeEncodeError:
        return RawRow(file, index, None, f"line {reader.line_num}: not UTF-8")
    return RawRow(file, index, dict(zip(header, cells, strict=True)))


def _files(spec: QuestionSet, origin: FilesOrigin, base: Path) -> list[_File]:
    """The files that the globs name, each once, by name."""
    found: dict[str, _File] = {}
    for pattern in origin.paths:
        hits = _matches(spec, pattern, base)
        if not hits:
            raise UserError(
                f"{spec.key}: no file matches {pattern!r}" + ("" if "://" in pattern else f" in {base}"),
                fix=f"correct origin.paths in {spec.key}.yaml",
            )
        for system, path, name in hits:
            found.setdefault(name, _File(system, path, name, origin.format or _format(spec, name)))
    return [found[name] for name in sorted(found)]


def _matches(spec: QuestionSet, pattern: str, base: Path) -> list[tuple[Any, str, str]]:
    """File system, path and name of each file that a glob matches."""
    import fsspec

    if "://" not in pattern:
        system, root = fsspec.filesystem("file"), base.resolve()
        paths = [Path(path) for path in system.glob(str(root / pattern)) if system.isfile(path)]
        return [(system, str(path), _relative(path, root)) for path in paths]
    try:
        system, path = fsspec.core.url_to_fs(pattern)
        hits = [hit for hit in system.glob(path) if system.isfile(hit)]
    except (OSError, ValueError, ImportError) as error:
        raise UserError(
            f"{spec.key}: {pattern} cannot be reached: {error}", fix="check the address and the connection"
        ) from error
    return [(system, hit, system.unstrip_protocol(hit)) for hit in hits]


def _relative(path: Path, base: Path) -> str:
    """A path from the YAML's folder where it lies in it, else only its name: no machine path gets into the data."""
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name


def _format(spec: QuestionSet, name: str) -> Format:
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    raise UserError(
        f"{spec.key}: {name}: the suffix does not say what it is (known: {', '.join(_SUFFIXES)})",
        fix=f"write origin.format in {spec.key}.yaml",
    )
