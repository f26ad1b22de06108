"""What the rows of a step are compared by, read from the pool piece by piece.

Belongs here: `Material`: rows that are the same to the letter (as the method reads them) are one node, so a million
identical rows are compared once. Contract: memory holds one text a node (what is compared) and, for a moment, one piece
of the pool; nodes are numbered in the order in which their text first comes. `groups` bounds the search: only nodes of
one group can be duplicates. Pure but for the cache of readings. Raises nothing of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.curation.dedup import minhash
from ot_assets.curation.dedup.readings import Readings
from ot_assets.curation.steps.context import Texts
from ot_assets.registry.specs.dedup import Dedup

PIECE = 50_000
"""Rows of the pool that are read at once."""

_WITHOUT_CACHE = 5_000
"""Rows that are read again sooner than a cache is opened."""


@dataclass
class Material:
    """What is compared. `node[i]` is the node of row i; the lists have one entry a node."""

    node: npt.NDArray[np.int64]
    gold: pl.Series
    """Whether the row has a gold answer."""
    length: pl.Series
    """Characters of the question."""
    texts: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    soft: list[str] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    """Content hashes of the texts with their groups: equal for nodes that differ in soft signs only."""


def gather(
    step: Dedup, frame: pl.DataFrame, texts: Texts, home: Path | None, progress: Callable[[int, int], None]
) -> Material:
    """The material of a step's rows; `home` is the folder of its caches."""
    cache = home / "readings.sqlite" if home is not None and len(frame) > _WITHOUT_CACHE else None
    nodes: dict[bytes, int] = {}
    material = Material(np.empty(len(frame), np.int64), pl.Series([], dtype=pl.Boolean), pl.Series([], dtype=pl.Int64))
    with Readings(cache) as readings:
        for start in range(0, len(frame), PIECE):
            part = frame.slice(start, PIECE)
            read = texts.read(part, ["question", "gold"])
            material.gold.append(read.get_column("gold").fill_null("").str.strip_chars() != "")
            material.length.append(read.get_column("question").str.len_chars().cast(pl.Int64))
            inside = part.get_column("source").to_list() if step.within == "source" else [""] * len(part)
            questions = read.get_column("question").fill_null("").to_list()
            for place, (shape, source) in enumerate(
                zip(_shapes(step, questions, readings), inside, strict=True), start
            ):
                material.node[place] = _node(material, nodes, shape, source)
            progress(start + len(part), len(frame))
    return material


@dataclass(frozen=True)
class _Shape:
    """How a method reads a text."""

    text: str
    strict: str = ""
    soft: str = ""


def _shapes(step: Dedup, questions: list[str], readings: Readings) -> Iterator[_Shape]:
    if step.method == "numbers":
        for reading in readings.read(questions):
            yield _Shape(*reading)
    elif step.method == "minhash":
        yield from (_Shape(minhash.folded(question)) for question in questions)
    else:
        yield from map(_Shape, questions)


def _node(material: Material, nodes: dict[bytes, int], shape: _Shape, source: str) -> int:
    group = _digest(f"{source}\0{shape.strict}")
    key = _digest(shape.text, group)
    node = nodes.setdefault(_digest(shape.soft, key) if shape.soft else key, len(nodes))
    if node == len(material.texts):
        material.texts.append(shape.text)
        material.groups.append(int.from_bytes(group[:8], "little") | 1)
        material.soft.append(shape.soft)
        material.keys.append(key)
    return node


def _digest(text: str, salt: bytes = b"") -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, salt=salt[:16]).digest()
