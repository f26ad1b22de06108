"""Where a written question comes from beyond its own source, and what was written from a row.

Belongs here: following the table `parents` of written sources, in the versions that the manifests recorded. Contract: parents
of parents are followed to the end; an artifact that is lost or damaged is an ancestor with a reason, never an error. A source
that no model wrote has no such table, and its rows no ancestors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.lineage.lookup import Unreadable, find_rows, reading
from resources.artifacts import Artifact, ArtifactStore, Input, Partition
from resources.errors import UserError

PARENTS = "parents"
_COLUMNS = ("kind", "parent", "parent_source", "parent_row", "response_key", "question_id")
_MOST = 50


@dataclass(frozen=True)
class Ancestor:
    """One thing that a question was written from; `parents` is what that was written from in turn."""

    kind: str
    name: str
    source: str | None
    source_row: str | None
    response_key: str
    artifact: str | None = None
    question: str | None = None
    parents: tuple[Ancestor, ...] = ()
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "parents"}
        return said | {"parents": [one.as_dict() for one in self.parents]}


@dataclass(frozen=True)
class Descendant:
    """A question that was written from a row, in the current version of its source."""

    source: str
    question_id: str
    artifact: str
    response_key: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def ancestors(store: ArtifactStore, sourced: Artifact, question_id: str) -> tuple[Ancestor, ...]:
    """What a question of a source was written from."""
    if PARENTS not in sourced.manifest.tables:
        return ()
    _, rows = find_rows(sourced, pl.col("question_id") == question_id, _COLUMNS, table=PARENTS, limit=_MOST, whole=True)
    return tuple(_ancestor(store, sourced, row.values) for row in rows)


def descendants(store: ArtifactStore, source: str, rows: Sequence[str]) -> tuple[Descendant, ...]:
    """All questions that were written from these rows of a source, each once, over all written sources."""
    return tuple(found for artifact in _written(store) for found in _from(artifact, source, rows))


def _ancestor(store: ArtifactStore, sourced: Artifact, row: Any) -> Ancestor:
    plain = Ancestor(row["kind"], row["parent"], row["parent_source"], row["parent_row"], row["response_key"])
    if plain.source is None:
        return plain
    try:
        screened = _input(store, sourced, "screened_questions", plain.source)
        _, there = find_rows(screened, pl.col("source_row") == plain.source_row, ("question_id", "question"), limit=1)
        if not there:
            return _because(plain, "the row is not in this version", screened.artifact_id)
        above = _input(store, screened, "sourced_questions", plain.source)
        further = ancestors(store, above, str(there[0].values["question_id"]))
    except (Unreadable, UserError, OSError) as error:
        return _because(plain, str(error).splitlines()[0])
    text = str(there[0].values["question"])
    return Ancestor(
        plain.kind, plain.name, plain.source, plain.source_row, plain.response_key, above.artifact_id, text, further
    )


def _because(plain: Ancestor, reason: str, artifact: str | None = None) -> Ancestor:
    named = plain.kind, plain.name, plain.source, plain.source_row, plain.response_key
    return Ancestor(*named, artifact=artifact, reason=reason)


def _input(store: ArtifactStore, artifact: Artifact, asset: str, source: str) -> Artifact:
    """The version of an input that an artifact was made from."""
    for one in artifact.manifest.inputs:
        if _is(one, asset, source):
            return store.get(asset, Partition(one.partition), one.artifact_id)
    raise UserError(f"the manifest of {artifact.artifact_id} names no {asset} of {source}", fix="make it again")


def _is(one: Input, asset: str, source: str) -> bool:
    return one.asset == asset and dict(one.partition).get("source") == source


def _written(store: ArtifactStore) -> Iterator[Artifact]:
    for partition in store.partitions("sourced_questions"):
        try:
            artifact = store.current("sourced_questions", partition)
        except (UserError, OSError):
            continue  # what is damaged is told where its own rows are looked for
        if artifact is not None and PARENTS in artifact.manifest.tables:
            yield artifact


def _from(artifact: Artifact, source: str, rows: Sequence[str]) -> Iterator[Descendant]:
    fits = (pl.col("parent_source") == source) & pl.col("parent_row").is_in(list(rows))
    key = artifact.partition["source"]
    try:
        with reading(artifact):
            found = artifact.scan(PARENTS).filter(fits).select("question_id", "response_key")
            once = found.unique(maintain_order=True).collect(engine="streaming")
    except Unreadable:
        return
    for question, reply in once.iter_rows():
        yield Descendant(key, question, artifact.artifact_id, reply)
