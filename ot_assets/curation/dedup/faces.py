"""What deduplication has to know of every row, and what is remembered of it by the part of the pool that it lies in.

Belongs here: `FACE`, and `stretches`, which goes through the rows of a step. A pool that takes one more source begins with
the parts that it had; what was found out of a part of which every row reached the step is kept in the readings' folder under
the part's sha256, so its texts are neither read nor looked up again. Contract: faces are what reading the texts gives,
whatever the folder holds. The folder is a help and never a hindrance, and holds the `KEPT` parts that were used last, or as
many as the pool has. Memory: a piece of the texts and of the next; 160 bytes a row of a part.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.curation import digests
from ot_assets.curation.dedup import archives
from ot_assets.curation.dedup.readings import RULES, Readings
from ot_assets.curation.steps.context import Texts
from resources.behind import ahead

Faces = npt.NDArray[np.void]

FACE = np.dtype(
    [
        ("key", "<u8", 2),
        ("strict", "<u8", 2),
        ("normal", "<u8", 2),
        ("soft", "<u8", 2),
        ("characters", "<u8"),
        ("length", "<i8"),
        ("gold", "?"),
    ]
)
"""Of a row: the digests of its question and of the faces of that one's reading, the characters of the reading's normal text and
of the question, and whether there is a gold answer.
"""

PIECE = 60_000
"""Rows of the pool that are read at once: of a whole pool three row groups, so that none is read twice."""

KEPT = 100
"""Parts that are remembered, at most 8 MB each."""

_ALL = "faces-"
_PREFIX = f"{_ALL}1-{RULES}-"


@dataclass(frozen=True)
class Stretch:
    """Rows of a step that follow each other."""

    rows: pl.DataFrame
    faces: Faces


@dataclass(frozen=True)
class _Part:
    """Rows of a step that lie in one part of the pool, of which there is one without a name where it has none."""

    rows: pl.DataFrame
    number: int = 0
    sha256: str = ""
    start: int = 0
    count: int = 0

    @property
    def whole(self) -> bool:
        """Whether these are all rows of a part."""
        return bool(self.sha256) and len(self.rows) == self.count


def stretches(frame: pl.DataFrame, texts: Texts, readings: Readings) -> Generator[Stretch, None, None]:
    """The frame's rows in order; `row` ascends."""
    folder = readings.folder
    for part in _by_part(frame, texts) if folder is not None else [_Part(frame)]:
        if folder is not None and (known := _remembered(folder, part)) is not None:
            yield Stretch(part.rows, known)
            continue
        seen = []
        for some, read in ahead(_pieces(part.rows, texts)):
            faces = _read(read, readings)
            if part.whole:
                seen.append(faces)
            yield Stretch(some, faces)
        # What was read of a damaged part must not be believed of the part that it was.
        if folder is None or not part.whole or not texts.is_whole(part.number):
            continue
        if archives.keep(_path(folder, part), faces=np.concatenate(seen)):
            _tidy(folder, max(KEPT, len(texts.parts())))


def _by_part(frame: pl.DataFrame, texts: Texts) -> Iterator[_Part]:
    """The frame's rows of each part of the pool; all together where it has none."""
    parts = texts.parts()
    if not parts:
        yield _Part(frame)
        return
    place, start = frame.get_column("row").to_numpy(), 0
    if (place[1:] <= place[:-1]).any():
        raise ValueError("the rows do not ascend")
    for number, (sha256, count) in enumerate(parts):
        first, last = np.searchsorted(place, [start, start + count]).tolist()
        if last > first:
            yield _Part(frame.slice(first, last - first), number, sha256, start, count)
        start += count
    if len(place) and place[-1] >= start:
        raise ValueError(f"row {place[-1]} was asked for, but the artifact has {start} rows")


def _pieces(rows: pl.DataFrame, texts: Texts) -> Generator[tuple[pl.DataFrame, pl.DataFrame], None, None]:
    for start in range(0, len(rows), PIECE):
        some = rows.slice(start, PIECE)
        yield some, texts.read(some, ["question", "gold"])


def _read(read: pl.DataFrame, readings: Readings) -> Faces:
    made = np.empty(len(read), FACE)
    question = read.get_column("question").fill_null("")
    made["key"] = digests.of_texts(question)
    _, records = readings.read(made["key"], lambda places: question.gather(places).to_list())
    for name in ("strict", "normal", "soft", "characters"):
        made[name] = records[name]
    made["length"] = question.str.len_chars().to_numpy()
    made["gold"] = (read.get_column("gold").fill_null("").str.strip_chars() != "").to_numpy()
    return made


def _path(folder: Path, part: _Part) -> Path:
    return folder / f"{_PREFIX}{part.sha256}.npz"


def _remembered(folder: Path, part: _Part) -> Faces | None:
    """The faces of these rows, where the part is known."""
    if not part.sha256:
        return None
    path = _path(folder, part)
    found = archives.load(path, "faces")
    if found is None or found[0].dtype != FACE or found[0].shape != (part.count,):
        archives.remove(path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # so that it stays
    every: Faces = found[0]
    return every if part.whole else every[part.rows.get_column("row").to_numpy() - part.start]


def _tidy(folder: Path, kept: int) -> None:
    for path in archives.oldest_first(folder, _ALL)[:-kept]:
        archives.remove(path)
    archives.remove_torn(folder, _ALL)
