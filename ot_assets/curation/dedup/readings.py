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
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ot_assets.curation import digests
from ot_assets.curation.dedup.numbers import VERSION, Reading
from ot_assets.curation.dedup.readings_file import RECORD, Records, Shelf, join, opened
from resources.errors import UserError

Ints = npt.NDArray[np.int64]
Longs = npt.NDArray[np.uint64]

RULES = f"{VERSION}-{unicodedata.unidata_version}"
"""The version of the rules. What a character is (a sign, a stop) is Python's tables to say."""

_PREFIX = f"readings-{RULES}-"
_AT_ONCE = 100_000
"""Texts that are read anew at once: of a piece of the pool all."""


class Readings:
    """A context manager over the files of `folder`; None = keep none. Texts have numbers, which hold until it is left."""

    def __init__(self, reader: Callable[[str], Reading], folder: Path | None) -> None:
        self._reader = reader
        self.folder = folder
        self._opening: Future[list[Shelf]] | None = None
        """The folder's files, which are checked until the first text is asked about."""
        self._left = Event()
        self._shelves: list[Shelf] = []
        self._bases = [0]
        """The number of each shelf's first text, and that of the next one's."""

    def __enter__(self) -> Readings:
        if self.folder is not None:
            folder = self.folder
            pool = ThreadPoolExecutor(1, thread_name_prefix="readings")
            self._opening = pool.submit(lambda: list(opened(folder, _PREFIX, self._left)))
            pool.shutdown(wait=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._left.set()
        self._open()
        if self.folder is not None and kind is None:
            join(self.folder, _PREFIX, self._shelves)
        for shelf in self._shelves:
            shelf.close()

    def read(self, keys: Longs, texts: Callable[[Ints], list[str]]) -> tuple[Ints, Records]:
        """The number and the record of each text, in order; equal texts have one. `keys` are the digests of the texts;
        `texts` gives those at these places, and is asked for what was never read.
        """
        numbers = self.numbers(keys, texts)
        return numbers, self._records(numbers)

    def numbers(self, keys: Longs, texts: Callable[[Ints], list[str]]) -> Ints:
        """As `read`, without the records."""
        self._open()
        order, first = digests.sorted_rows(keys)
        place = np.empty(len(keys), np.int64)
        place[order] = np.cumsum(first) - 1
        rows = order[first]
        return self._looked_up(keys[rows], texts, rows)[place]

    def texts(self, numbers: Ints) -> list[str]:
        """The normal texts of these numbers."""
        return self._pieces(numbers, soft=False)

    def soft(self, numbers: Ints) -> list[str]:
        """The soft signs of the texts of these numbers."""
        return self._pieces(numbers, soft=True)

    def _open(self) -> None:
        """Until the folder's files are there."""
        if self._opening is not None:
            shelves = self._opening.result()  # an interrupt comes out here, and they are still to come then
            self._opening = None
            for shelf in shelves:
                self._add(shelf)

    def _looked_up(self, keys: Longs, texts: Callable[[Ints], list[str]], rows: Ints) -> Ints:
        """Numbers for keys that ascend; `rows` says where each one's text stands."""
        numbers, left = np.empty(len(keys), np.int64), np.arange(len(keys))
        for base, shelf in zip(self._bases, list(self._shelves), strict=False):
            at = shelf.found(keys[left])
            known = at >= 0
            numbers[left[known]] = base + at[known]
            left = left[~known]
        for start in range(0, len(left), _AT_ONCE):
            some = left[start : start + _AT_ONCE]
            numbers[some] = self._bases[-1] + np.arange(len(some))
            self._add(self._read_anew(keys[some], texts(rows[some])))
        return numbers

    def _records(self, numbers: Ints) -> Records:
        owner = np.searchsorted(self._bases, numbers, "right") - 1
        owners = np.flatnonzero(np.bincount(owner))
        if len(owners) == 1:  # as it mostly is, and then they are copied once
            which = int(owners[0])
            records: Records = self._shelves[which].records[numbers - self._bases[which]]
            return records
        records = np.empty(len(numbers), RECORD)
        for which in owners.tolist():
            mine = np.flatnonzero(owner == which)
            records[mine] = self._shelves[which].records[numbers[mine] - self._bases[which]]
        return records

    def _read_anew(self, keys: Longs, texts: list[str]) -> Shelf:
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
            return shelf if self.folder is None else shelf.written(self.folder, _PREFIX)
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
