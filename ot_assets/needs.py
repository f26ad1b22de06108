"""What a partition is made from, said without Dagster: the words that the graph's table is written in.

What belongs here: `World` (what is wanted and what there is), `Need` (one partition that another reads), `Kind` (one asset),
and a function a dimension that makes its partition. The table itself is in `graph`. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ot_assets.registry import Registry
from resources.artifacts import ArtifactStore, DamagedArtifact, Partition


@dataclass(frozen=True)
class World:
    """What is wanted (the registry) and what there is (the store)."""

    registry: Registry
    store: ArtifactStore

    def has(self, need: Need) -> bool:
        """Whether a published artifact stands behind a need. A damaged one counts: it was made, and will be again."""
        try:
            return self.store.current(need.asset, need.partition) is not None
        except DamagedArtifact:
            return True


@dataclass(frozen=True)
class Need:
    """One partition that another reads. An optional need is read when it is there, and then counts for staleness.

    `inherits` is False where an input's being stale says nothing yet: a recipe under edit asks its sources for nothing new
    before its filtered set has been made again, and other recipes on those sources must not look stale meanwhile.
    """

    asset: str
    partition: Partition
    required: bool = True
    inherits: bool = True

    def __str__(self) -> str:
        """As it is written everywhere: `asset[key|key]`."""
        return f"{self.asset}[{self.partition}]" if self.partition.dims else self.asset


Spec = Callable[[World, Partition], Mapping[str, Any]]
Needs = Callable[[World, Partition], tuple[Need, ...]]


@dataclass(frozen=True)
class Kind:
    """One asset: dimensions, code version, and where its rows come from."""

    name: str
    dims: tuple[str, ...]
    code_version: str
    spec: Spec
    needs: Needs


def source(key: str) -> Partition:
    """The partition of a source."""
    return Partition({"source": key})


def recipe(key: str) -> Partition:
    """The partition of a recipe."""
    return Partition({"recipe": key})


def benchmark(key: str) -> Partition:
    """The partition of a benchmark."""
    return Partition({"benchmark": key})


def model(key: str) -> Partition:
    """The partition of a model as it comes."""
    return Partition({"model": key})


def language(key: str) -> Partition:
    """The partition of a language's conversations."""
    return Partition({"language": key})


def source_teacher(source_key: str, teacher_key: str) -> Partition:
    """The partition of a source's answers by one teacher."""
    return Partition({"source": source_key, "teacher": teacher_key})


def recipe_teacher(recipe_key: str, teacher_key: str) -> Partition:
    """The partition of a recipe with one teacher."""
    return Partition({"recipe": recipe_key, "teacher": teacher_key})
