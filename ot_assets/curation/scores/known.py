"""What the version before says already, so that only new rows are scored.

Belongs here: reading scores out of the partition's current artifact. Contract: a score is taken over when the question is the
same to the letter (its id and the hash of its text and verifier, table ``seen``), the scorer's identity is the same (the
manifest's ``scorers``) and the asset's code is the same; so it is what scoring again would give. Memory is some sixteen bytes a
row and column. A version that is damaged or older than this answers nothing; nothing raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ot_assets.curation.draws import draw_keys
from ot_assets.curation.scores.column import Column, Floats, Mask, Read
from resources.artifacts import Artifact, ArtifactStore, DamagedArtifact, Partition

SEEN = "seen"
"""Side table with a hash of what of each question its scores were made from."""

_PLACE = "place"


@dataclass(frozen=True)
class Rows:
    """The rows of a source: ids and hashes of their text, and the way to read more of them."""

    ids: pl.DataFrame
    """question_id and seen."""
    read: Read

    @classmethod
    def of(cls, read: Read) -> Rows:
        """Reads ids and hashes; texts pass by in batches."""
        frames = [pl.DataFrame(schema={"question_id": pl.String, SEEN: pl.Int64})]
        for batch in read(("question_id", "question", "verifier")):
            named = (
                f"{verifier}\0{question}" for question, verifier in batch.select("question", "verifier").iter_rows()
            )
            seen = draw_keys(0, SEEN, named).view(np.int64)
            frames.append(batch.select("question_id").with_columns(pl.Series(SEEN, seen)))
        return cls(pl.concat(frames), read)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Known:
    """The scores of the version before, by row of this one."""

    artifact: Artifact | None
    places: pl.Series
    """The row of the version before that is the same question; null where there is none."""

    @classmethod
    def of(cls, previous: Artifact | None, code_version: str, rows: Rows) -> Known:
        """What `previous` knows of these rows."""
        usable = (
            previous is not None
            and previous.manifest.code_version == code_version
            and SEEN in previous.manifest.tables
            and not previous.shortfall()
        )
        if previous is None or not usable:
            return cls(None, pl.Series(_PLACE, [None] * len(rows), dtype=pl.Int64))
        before = previous.read(SEEN).with_row_index(_PLACE).with_columns(pl.col(_PLACE).cast(pl.Int64))
        found = rows.ids.join(before, on=["question_id", SEEN], how="left", maintain_order="left")
        return cls(previous, found.get_column(_PLACE))

    def column(self, name: str, identity: str, *, keep_nulls: bool) -> tuple[Column, Mask]:
        """The column as far as it is known, and which rows want a score."""
        empty = Column.empty(len(self.places))
        wanted = np.ones(len(self.places), np.bool_)
        if self.artifact is None or _identities(self.artifact).get(name) != identity:
            return empty, wanted
        values = self.artifact.scan().select(name).collect().to_series()
        taken: Floats = values.gather(self.places.fill_null(0)).to_numpy() if len(values) else empty.values
        here = self.places.is_not_null().to_numpy()
        wanted = ~here if keep_nulls else ~here | np.isnan(taken)
        return Column(np.where(wanted, np.nan, taken)), wanted


def current_or_none(store: ArtifactStore, asset: str, partition: Partition) -> Artifact | None:
    """The version that is current now. It is no input: scores that it lacks are made, so nothing depends on it."""
    try:
        return store.current(asset, partition)
    except DamagedArtifact:
        return None


def _identities(artifact: Artifact) -> Mapping[str, Any]:
    said = artifact.manifest.stats.get("scorers", {})
    columns = artifact.manifest.tables[""].columns
    return {name: facts.get("identity") for name, facts in said.items() if name in columns}
