"""What a student's card counts: examples by source, rows through the stages, hits by benchmark, scores.

Belongs here: figures for the card, read from manifests and, where a manifest has no such figure, from single columns
of the tables. What cannot be read is left out or None, never a failure: a card must be writable with half the house
burnt down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from ot_assets.lineage.chain import Chain
from ot_assets.lineage.graph import Ref, Vertex, matches
from ot_assets.lineage.lookup import LEDGER, Unreadable, reading
from resources.artifacts import Artifact, ArtifactStore, Manifest, Partition
from resources.errors import UserError


@dataclass(frozen=True)
class SourceShare:
    """What one source gave to a training set."""

    source: str
    examples: int
    questions: int
    licences: tuple[str, ...]


@dataclass(frozen=True)
class Hits:
    """One benchmark that the questions were screened against: the sources that were, and rows that were dropped for
    it, by source.
    """

    benchmark: str
    screened: tuple[str, ...]
    by_source: Mapping[str, int]

    @property
    def total(self) -> int:
        """Rows dropped for this benchmark."""
        return sum(self.by_source.values())


@dataclass(frozen=True)
class Score:
    """A student's score on a benchmark: a share from 0 to 1, with its standard error."""

    benchmark: str
    score: float
    se: float | None = None
    questions: int | None = None
    repeats: int | None = None


def shares(chain: Chain) -> list[SourceShare]:
    """Examples by source, most first; empty when the training set's data cannot be read."""
    if chain.training.manifest is None:
        return []
    artifact = chain.open(chain.training)
    try:
        with reading(artifact):
            counted = (
                artifact.scan()
                .group_by("source")
                .agg(pl.len(), pl.col("question_id").n_unique(), pl.col("licence").unique().sort())
                .sort("len", "source", descending=[True, False])
                .collect(engine="streaming")
            )
    except Unreadable:
        return []
    return [
        SourceShare(source, rows, questions, tuple(names)) for source, rows, questions, names in counted.iter_rows()
    ]


def stages(chain: Chain) -> Iterator[Vertex]:
    """The artifacts that the rows passed, sources first."""
    for asset in ("sourced_questions", "screened_questions", "mixed_pool", "filtered_set", "traces", "training_set"):
        for link in chain.links(asset):
            yield link.vertex


def hits(chain: Chain) -> list[Hits]:
    """Every benchmark that a source was screened against, as the screening's manifests recorded it, with what was
    found.
    """
    found: dict[str, dict[str, int]] = {}
    for link in chain.links("screened_questions"):
        if link.vertex.manifest is None:
            continue
        source = link.vertex.ref.partition["source"]
        keys = [i.partition["benchmark"] for i in link.vertex.inputs if i.asset == "benchmark_questions"]
        counts = _hits(chain.open(link.vertex), keys)
        for key in keys:
            found.setdefault(key, {})[source] = counts.get(key, 0)
    return [Hits(key, tuple(sorted(by)), by) for key, by in sorted(found.items())]


def _hits(artifact: Artifact, benchmarks: list[str]) -> Counter[str]:
    """Dropped rows by the benchmark that `lost_to` begins with: the longest key that is followed by no further letter
    of a key.
    """
    if LEDGER not in artifact.manifest.tables:
        return Counter()
    try:
        with reading(artifact):
            lost = (
                artifact.scan(LEDGER)
                .select("lost_to")
                .drop_nulls()
                .group_by("lost_to")
                .len()
                .collect(engine="streaming")
            )
    except Unreadable:
        return Counter()
    counts: Counter[str] = Counter()
    for item, rows in lost.iter_rows():
        fits = [key for key in benchmarks if item == key or (item.startswith(key) and item[len(key)] in ":/|# ")]
        if fits:
            counts[max(fits, key=len)] += rows
    return counts


def dev_scores(store: ArtifactStore, student: Ref) -> list[Score]:
    """Scores on dev benchmarks of this very version of a student; empty when it was not evaluated (yet)."""
    try:
        artifact = store.current("eval_scores", student.partition)
        if artifact is None or not _evaluates(store, artifact.manifest, student):
            return []
        with reading(artifact):
            rows = artifact.scan().filter((pl.col("role") == "dev") & pl.col("score").is_not_null()).collect()
    except (UserError, Unreadable):
        return []
    return [
        Score(r["benchmark"], r["score"], r["se"], r["questions"], r["repeats"]) for r in rows.iter_rows(named=True)
    ]


def _evaluates(store: ArtifactStore, scores: Manifest, student: Ref) -> bool:
    """Whether scores were made from replies of this version of the student."""
    for entry in scores.inputs:
        ref = Ref(entry.asset, Partition(entry.partition), entry.artifact_id)
        if matches(ref, "eval_responses", student.partition.as_dict()):
            replies = store.get(ref.asset, ref.partition, ref.artifact_id).manifest
            return any(i.artifact_id == student.artifact_id for i in replies.inputs)
    return False
