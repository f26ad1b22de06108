"""How a method reads texts, each different text once; and a folder of earlier readings, so that a source that is added is all
that is read anew.

Contract: what is read is what the method's `reader` gives, whatever the folder holds. The folder is a help and never a
hindrance: what cannot be read or written there is read anew, and deleting it costs time only. It is kept by the version of
the rules, and by the digest of a text to the letter; equal digests are taken for equal texts (`curation.digests`).
`UserError` where a file fails while it is in use.
Memory: 88 bytes a different text, and the texts as they are compared where there is no folder.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.curation import digests
from ot_assets.curation.dedup.numbers import VERSION, Reading
from ot_assets.curation.dedup.readings_file import RECORD, Records, Shelf, join, opened
from resources.errors import UserError

Ints = npt.NDArray[np.int64]
# What a character is (a sign, a stop) is Python's tables to say.
_PREFIX = f"readings-{VERSION}-{unicodedata.unidata_version}-"


class Readings:
    """A context manager over the files of `folder`; None = keep none. Texts have numbers, which hold until it is left."""

    def __init__(self, reader: Callable[[str], Reading], folder: Path | None) -> None:
        self._reader = reader
        self._folder = folder
        self._shelves: list[Shelf] = []
        self._bases = [0]
        """The number of each shelf's first text, and that of the next one's."""

    def __enter__(self) -> Readings:
        for shelf in opened(self._folder, _PREFIX) if self._folder is not None else ():
            self._add(shelf)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None and kind is None:
            join(self._folder, _PREFIX, self._shelves)
        for shelf in self._shelves:
            shelf.close()

    def read(self, texts: pl.Series) -> tuple[Ints, Records]:
        """The number and the record of each text, in order; equal texts have one."""
        keys = digests.of_texts(texts)
        order, first = digests.sorted_rows(keys)
        place = np.empty(len(keys), np.int64)
        place[order] = np.cumsum(first) - 1
        rows = order[first]
        numbers, records = self._looked_up(keys[rows], texts, rows)
        return numbers[place], records[place]

    def texts(self, numbers: Ints) -> list[str]:
        """The normal texts of these numbers."""
        return self._pieces(numbers, soft=False)

    def soft(self, numbers: Ints) -> list[str]:
        """The soft signs of the texts of these numbers."""
        return self._pieces(numbers, soft=True)

    def _looked_up(self, keys: npt.NDArray[np.uint64], texts: pl.Series, rows: Ints) -> tuple[Ints, Records]:
        """Numbers and records for keys that ascend; `rows` says where each one's text stands."""
        numbers, records = np.full(len(keys), -1, np.int64), np.empty(len(keys), RECORD)
        for base, shelf in zip(self._bases, list(self._shelves), strict=False):
            left = np.flatnonzero(numbers < 0)
            at = shelf.found(keys[left])
            known = at >= 0
            numbers[left[known]] = base + at[known]
            records[left[known]] = shelf.records[at[known]]
        left = np.flatnonzero(numbers < 0)
        if len(left):
            shelf = self._read_anew(keys[left], texts.gather(rows[left]).to_list())
            numbers[left] = self._bases[-1] + np.arange(len(left))
            records[left] = shelf.records
            self._add(shelf)
        return numbers, records

    def _read_anew(self, keys: npt.NDArray[np.uint64], texts: list[str]) -> Shelf:
        normal, strict, soft = map(list, zip(*map(self._reader, texts), strict=True))
        records = np.zeros(len(texts), RECORD)
        records["key"] = keys
        for name, faces in (("normal", normal), ("strict", strict), ("soft", soft)):
            records[name] = digests.of_texts(faces)
        both = [tuple(map(_encoded, pair)) for pair in zip(normal, soft, strict=True)]
        sizes = np.array([(len(one), len(other)) for one, other in both], np.int64)
        records["bytes"], records["soft_bytes"] = sizes.T
        records["at"] = np.cumsum(sizes.sum(axis=1)) - sizes.sum(axis=1)
        records["characters"] = [len(text) for text in normal]
        shelf = Shelf(records, b"".join(piece for pair in both for piece in pair))
        try:
            return shelf if self._folder is None else shelf.written(self._folder, _PREFIX)
        except OSError:
            return shelf

    def _add(self, shelf: Shelf) -> None:
        self._shelves.append(shelf)
        self._bases.append(self._bases[-1] + len(shelf.records))

    def _pieces(self, numbers: Ints, *, soft: bool) -> list[str]:
        # Each text is had once, however often it is asked for: a survivor, or a sign that many pairs have.
        different, places = np.unique(numbers, return_inverse=True)
        found = np.full(len(different), "", object)
        owner = np.searchsorted(self._bases, different, "right") - 1
        for which in np.unique(owner).tolist():
            shelf, mine = self._shelves[which], np.flatnonzero(owner == which)
            records = shelf.records[different[mine] - self._bases[which]]
            starts, sizes = records["at"].astype(np.int64), records["bytes"].astype(np.int64)
            if soft:
                starts, sizes = starts + sizes, records["soft_bytes"].astype(np.int64)
            try:
                pieces = shelf.pieces(starts, sizes)
            except OSError as error:  # the text itself is not at hand any more
                raise UserError(f"{shelf.path} can no longer be read: {error}", fix="run it again") from error
            for place, piece in zip(mine.tolist(), pieces, strict=True):
                found[place] = piece.decode("utf-8", "surrogatepass")
        said: list[str] = found[places].tolist()
        return said


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
