"""What a step of a part is handed and what it hands back: the contract of every module in this folder.

A module has ``run(step, context) -> Cut`` and ``title(step) -> str`` (its name in the funnel); ``dispatch`` lists it.
Contract, for every step: rows in = rows that stay + ledger rows; rows keep the pool's order; the outcome depends on the
rows, the part's seed and the spec only, never on a cache or on the number of cores. Ids are in memory, texts only as far
as a step reads them (``Texts``). A step fails with ``UserError`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import polars as pl
from pydantic import JsonValue

from ot_assets.curation.ledgers import joined
from ot_assets.registry.specs.recipe import Part
from resources.home import Home


class Texts(Protocol):
    """Columns of the pool beside the ids, read when a step asks for them."""

    def read(self, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """The columns for the frame's rows (``row`` is their place in the pool), in the frame's order; no more is kept."""
        ...

    def parts(self) -> list[tuple[str, int]]:
        """The sha256 and the rows of each file that the pool lies in, in order; empty where it lies in none."""
        ...

    def is_whole(self, part: int) -> bool:
        """Whether a file's bytes are still those of its sha256."""
        ...


@dataclass(frozen=True)
class FrameTexts:
    """Texts of a pool that is in memory already; without a column ``row`` its rows are in their places."""

    pool: pl.DataFrame

    def read(self, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """See ``Texts``."""
        places = frame.get_column("row")
        if "row" in self.pool.columns:
            known = self.pool.select("row", pl.int_range(pl.len()).alias("_at"))
            places = frame.select("row").join(known, on="row", how="left", maintain_order="left").get_column("_at")
        return self.pool.select(columns)[places.to_numpy()]

    def parts(self) -> list[tuple[str, int]]:
        """See ``Texts``."""
        return []

    def is_whole(self, part: int) -> bool:
        """See ``Texts``; there are no files."""
        return False


@dataclass(frozen=True)
class StepContext:
    """What reaches a step.

    ``frame`` has the columns question_id, source, source_row, copy, row (place in the pool, ascending) and part; ``number`` is
    the step's place in the part, from 1; ``scores`` maps a source to question_id and one column a score; ``seed`` is the
    part's; ``home`` says where caches lie (None: keep none).
    """

    part: Part
    number: int
    frame: pl.DataFrame
    scores: Mapping[str, pl.DataFrame]
    seed: int
    texts: Texts
    home: Home | None = None


@dataclass(frozen=True)
class Cut:
    """What a step did: ``stay`` is a Boolean mask over the frame, ``ledger`` (schemas.ledger) has a row for each of the others.

    ``figures`` goes into the manifest's funnel entry; ``tables`` are side tables of the filtered set, such as clusters of
    duplicates: the same columns whatever the rows, since the tables of all steps are put one after the other.
    """

    stay: pl.Series
    ledger: pl.DataFrame
    figures: Mapping[str, JsonValue] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def everything(frame: pl.DataFrame) -> Cut:
    """A cut that takes nothing away."""
    return Cut(pl.repeat(True, len(frame), dtype=pl.Boolean, eager=True), joined([]))


def mask(length: int, places: pl.Series) -> pl.Series:
    """A Boolean mask that is true at the places."""
    chosen = np.zeros(length, bool)
    chosen[places.to_numpy()] = True
    return pl.Series(chosen)


def copy_note() -> pl.Expr:
    """Says which copy a dropped row was, where it was one."""
    return pl.when(pl.col("copy") > 0).then(pl.format("copy {}", "copy")).otherwise(None)
