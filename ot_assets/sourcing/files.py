"""Rows of files: parquet by row groups, JSON lines and csv line by line, on this machine or behind any fsspec address.

Paths are globs (see `places`); files are read in the order of their names, and compressed ones (`.gz`, `.zst`, `.bz2`,
`.xz`) are unpacked as they are read. Text is UTF-8, UTF-16 or UTF-32 by its mark, or what the origin's `encoding` states
(see `texts`); a row that is not is a bad row of its own. Fails with UserError: no such file, a suffix that says nothing,
a file that is not what it is said to be.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from ot_assets.registry.specs.origin import FilesOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.columns import asked_columns, require
from ot_assets.sourcing.lines import ELSE, read_lines
from ot_assets.sourcing.places import Place, find_places
from ot_assets.sourcing.rows import RawRow, SourcingContext
from ot_assets.sourcing.texts import as_utf8
from resources.errors import UserError

Format = Literal["parquet", "jsonl", "csv"]
_SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip
_ROWS = 500
_LONGEST_CELL = 64 * 1024 * 1024


def read(spec: QuestionSet, origin: FilesOrigin, context: SourcingContext) -> Iterator[RawRow]:
    """All rows of all files. Which files there are is looked up at once; they are read as the rows are asked for."""
    places = find_places(spec.key, origin.paths, context.base or Path.cwd())
    formats = [origin.format or _format(spec, place) for place in places]
    return (row for place, kind in zip(places, formats, strict=True) for row in _rows(spec, origin, place, kind))


def _rows(spec: QuestionSet, origin: FilesOrigin, place: Place, kind: Format) -> Iterator[RawRow]:
    if kind == "parquet":
        yield from _parquet(spec, place)
        return
    with place.open(spec.key) as stream:
        text = as_utf8(stream, origin.encoding)
        yield from read_lines(text, place.name, hint=ELSE) if kind == "jsonl" else _csv(text, spec, place)


def _parquet(spec: QuestionSet, file: Place) -> Iterator[RawRow]:
    """Rows by row groups, and of them only the columns asked for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.system.open(file.path, "rb") as stream:
            parquet = pq.ParquetFile(stream)
            require(spec, parquet.schema_arrow.names, file.name)
            index = 0
            for batch in parquet.iter_batches(_ROWS, columns=sorted(asked_columns(spec))):
                for values in _values(batch):
                    yield (
                        RawRow(file.name, index, values)
                        if isinstance(values, dict)
                        else RawRow(file.name, index, None, values)
                    )
                    index += 1
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{spec.key}: {file.name} is no readable parquet file: {error}", fix="mend or remove it"
        ) from error


def _values(batch: Any) -> list[dict[str, Any] | str]:
    """The rows of a batch by column; in place of one whose text is no UTF-8, why it cannot be read."""
    try:
        found: list[dict[str, Any] | str] = batch.to_pylist()
        return found
    except UnicodeDecodeError:
        return [_one(batch.slice(row, 1), row) for row in range(batch.num_rows)]


def _one(row: Any, number: int) -> dict[str, Any] | str:
    try:
        found: dict[str, Any] = row.to_pylist()[0]
        return found
    except UnicodeDecodeError as error:
        return f"a text column holds bytes that are not UTF-8 (at byte {error.start})"


def _csv(stream: IO[bytes], spec: QuestionSet, file: Place) -> Iterator[RawRow]:
    """Rows under a header line. The index is the row's number, since a row may go over several lines."""
    csv.field_size_limit(_LONGEST_CELL)
    delimiter = "\t" if ".tsv" in PurePosixPath(file.name).suffixes else ","
    text = (line.decode("utf-8", "surrogateescape") for line in stream)
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
        return RawRow(file, index, None, f"line {reader.line_num}: not UTF-8{ELSE}")
    return RawRow(file, index, dict(zip(header, cells, strict=True)))


def _format(spec: QuestionSet, place: Place) -> Format:
    suffixes = place.suffixes
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    raise UserError(
        f"{spec.key}: {place.name}: the suffix does not say what it is (known: {', '.join(_SUFFIXES)})",
        fix=f"write origin.format in {spec.key}.yaml",
    )
