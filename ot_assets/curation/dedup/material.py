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
from ot_assets.curation.dedup.faces import stretches
from ot_assets.curation.dedup.readings import Readings
from ot_assets.curation.steps.context import Texts
from ot_assets.registry.specs.dedup import Dedup

Ints = npt.NDArray[np.int64]
Longs = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

_WITHOUT_CACHE = 5_000
"""Rows that are read again sooner than a cache is opened."""


@dataclass(frozen=True)
class Material:
    """What is compared. `node[i]` is the node of row i; `gold` and `length` have one entry a row, the others a node."""

    node: Ints
    gold: Bools
    """Whether the row has a gold answer."""
    length: Ints
    """Characters of the question."""
    said: Longs
    """Digests (two words) of the question that the node was first met as."""
    characters: Ints
    """Of the texts."""
    groups: Longs
    """Above 0."""
    keys: Longs
    """Digests (two words) of the texts with their groups: equal for nodes that differ in soft signs only."""
    signs: Longs
    """Digests of the soft signs."""
    readings: Readings
    questions: Callable[[Ints], list[str]]
    """The questions as which these nodes were first met: for readings that are lost."""

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self.characters)

    def texts(self, nodes: Ints | None = None) -> list[str]:
        """The texts of these nodes, or of all."""
        return self.readings.texts(self._numbers(np.arange(len(self)) if nodes is None else nodes))

    def soft(self, nodes: Ints) -> list[str]:
        """The soft signs of these nodes."""
        return self.readings.soft(self._numbers(nodes))

    def _numbers(self, nodes: Ints) -> Ints:
        # Each node is looked up once, however often it is asked for.
        different, back = np.unique(nodes, return_inverse=True)
        found = self.readings.numbers(self.said[different], lambda places: self.questions(different[places]))
        numbers: Ints = found[back]
        return numbers


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
    rows = {name: np.empty((len(frame), *shape), kind) for name, (kind, shape) in _COLUMNS.items()}
    start = 0
    for some in stretches(frame, texts, readings):
        faces, mine = some.faces, slice(start, start + len(some.rows))
        for name, face in _FACES.items():
            rows[name][mine] = faces[face]
        group = faces["strict"]
        if step.within == "source":
            group = digests.together(_named(some.rows.get_column("source")), group)
        key = digests.together(group, faces["normal"])
        rows["group"][mine], rows["key"][mine] = group[:, 0] | np.uint64(1), key
        rows["node"][mine] = digests.together(key, faces["soft"])
        start += len(some.rows)
        progress(start, len(frame))
    node, first = _numbered(rows["node"])

    def questions(nodes: Ints) -> list[str]:
        return texts.read(frame[first[nodes]], ["question"]).get_column("question").fill_null("").to_list()

    return Material(
        node,
        rows["gold"],
        rows["length"],
        rows["said"][first],
        rows["characters"][first],
        rows["group"][first],
        rows["key"][first],
        rows["signs"][first],
        readings,
        questions,
    )


_FACES = {"gold": "gold", "length": "length", "said": "key", "characters": "characters", "signs": "soft"}
_COLUMNS: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "gold": (np.bool_, ()),
    "length": (np.int64, ()),
    "said": (np.uint64, (2,)),
    "characters": (np.int64, ()),
    "group": (np.uint64, ()),
    "key": (np.uint64, (2,)),
    "node": (np.uint64, (2,)),
    "signs": (np.uint64, (2,)),
}


def _named(sources: pl.Series) -> Longs:
    """The digest of each row's source."""
    names = sources.unique(maintain_order=True)
    place = dict(zip(names.to_list(), range(len(names)), strict=True))
    rows: Ints = sources.replace_strict(place, return_dtype=pl.Int64).to_numpy()
    return digests.of_texts(names)[rows]


def _numbered(names: Longs) -> tuple[Ints, Ints]:
    """A number for each row, the same for equal names, in the order in which they first come; and where each comes first."""
    order, begins = digests.sorted_rows(names)
    is_first = np.zeros(len(names), np.bool_)
    is_first[order[begins]] = True
    number = (np.cumsum(is_first) - 1)[order[begins]]
    node = np.empty(len(names), np.int64)
    node[order] = number[np.cumsum(begins) - 1]
    return node, np.flatnonzero(is_first)
