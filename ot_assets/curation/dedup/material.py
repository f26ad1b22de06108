"""What the rows of a step are compared by, read from the pool piece by piece.

Belongs here: `Material`: rows that are the same to the letter (as the method reads them) are one node, so a million
identical rows are compared once. Contract: memory holds numbers and digests, and for a moment two pieces of the pool; texts
are had from the readings when they are asked for. Nodes are numbered in the order in which their text first comes.
`groups` bounds the search: only nodes of one group can be duplicates. Equal digests of 128 bits are taken for equal
texts. Pure but for the readings. Raises nothing of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.curation import digests
from ot_assets.curation.dedup import minhash, numbers
from ot_assets.curation.dedup.readings import Readings
from ot_assets.curation.steps.context import Texts
from ot_assets.registry.specs.dedup import Dedup
from resources.behind import ahead

Ints = npt.NDArray[np.int64]
Longs = npt.NDArray[np.uint64]

PIECE = 60_000
"""Rows of the pool that are read at once: of a whole pool three row groups, so that none is read twice."""

_WITHOUT_CACHE = 5_000
"""Rows that are read again sooner than a cache is opened."""


@dataclass(frozen=True)
class Material:
    """What is compared. `node[i]` is the node of row i; the others have one entry a row (`gold`, `length`) or a node."""

    node: Ints
    gold: pl.Series
    """Whether the row has a gold answer."""
    length: pl.Series
    """Characters of the question."""
    numbers: Ints
    """The texts, as the readings number them."""
    characters: Ints
    """Of the texts."""
    groups: Longs
    """Above 0."""
    keys: Longs
    """Digests (two words) of the texts with their groups: equal for nodes that differ in soft signs only."""
    signs: Longs
    """Digests of the soft signs."""
    readings: Readings

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self.numbers)

    def texts(self, nodes: Ints | None = None) -> list[str]:
        """The texts of these nodes, or of all."""
        return self.readings.texts(self.numbers if nodes is None else self.numbers[nodes])

    def soft(self, nodes: Ints) -> list[str]:
        """The soft signs of these nodes."""
        return self.readings.soft(self.numbers[nodes])


def readings_for(step: Dedup, rows: int, home: Path | None) -> Readings:
    """How the step's method reads; `home` is the folder of its caches."""
    if step.method == "numbers":
        return Readings(numbers.read, home / "readings" if home is not None and rows > _WITHOUT_CACHE else None)
    if step.method == "minhash":
        return Readings(lambda text: numbers.Reading(minhash.folded(text), "", ""), None)
    return Readings(lambda text: numbers.Reading(text, "", ""), None)


def gather(
    step: Dedup, frame: pl.DataFrame, texts: Texts, readings: Readings, progress: Callable[[int, int], None]
) -> Material:
    """The material of a step's rows; it is good as long as the readings are open."""
    gold, length = pl.Series([], dtype=pl.Boolean), pl.Series([], dtype=pl.Int64)
    rows = np.empty(len(frame), _ROW)
    parts = (frame.slice(start, PIECE) for start in range(0, len(frame), PIECE))
    start = 0
    for part, read in ahead((part, texts.read(part, ["question", "gold"])) for part in parts):
        gold.append(read.get_column("gold").fill_null("").str.strip_chars() != "")
        length.append(read.get_column("question").str.len_chars().cast(pl.Int64))
        mine = rows[start : start + len(part)]
        mine["number"], records = readings.read(read.get_column("question").fill_null(""))
        group = records["strict"]
        if step.within == "source":
            group = digests.together(_named(part.get_column("source")), group)
        mine["key"] = digests.together(group, records["normal"])
        mine["node"] = digests.together(mine["key"], records["soft"])
        mine["group"], mine["signs"], mine["characters"] = (
            group[:, 0] | np.uint64(1),
            records["soft"],
            records["characters"],
        )
        start += len(part)
        progress(start, len(frame))
    node, first = _numbered(rows["node"])
    said = rows[first]
    return Material(
        node, gold, length, said["number"], said["characters"], said["group"], said["key"], said["signs"], readings
    )


_ROW = np.dtype(
    [
        ("number", np.int64),
        ("characters", np.int64),
        ("group", np.uint64),
        ("key", np.uint64, 2),
        ("node", np.uint64, 2),
        ("signs", np.uint64, 2),
    ]
)


def _named(sources: pl.Series) -> Longs:
    """The digest of each row's source."""
    names = sources.unique(maintain_order=True)
    place = dict(zip(names.to_list(), range(len(names)), strict=True))
    rows: Ints = sources.replace_strict(place, return_dtype=pl.Int64).to_numpy()
    return digests.of_texts(names)[rows]


def _numbered(names: Longs) -> tuple[Ints, Ints]:
    """A number for each row, the same for equal names, in the order in which they first come; and where each comes first."""
    order, begins = digests.sorted_rows(names)
    first = order[begins]
    by_row = np.argsort(first)
    number = np.empty(len(first), np.int64)
    number[by_row] = np.arange(len(first))
    node = np.empty(len(names), np.int64)
    node[order] = number[np.cumsum(begins) - 1]
    return node, first[by_row]
