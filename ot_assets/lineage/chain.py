"""Which version of each stage one training set was made from.

Belongs here: the way from a training set's manifest to the artifacts that its rows passed through, by recorded
artifact ids only. When a manifest on the way is lost, a stage behind it is looked for by any other recorded way, and
the detour is said in `Link.note`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ot_assets.lineage.graph import Graph, Ref, Vertex, reachable
from resources.artifacts import Artifact, ArtifactStore

BY_SOURCE = ("traces", "verdicts", "screened_questions", "sourced_questions")
"""Stages on a row's way that have one artifact for each source."""

_BEFORE = {
    "traces": "training_set",
    "verdicts": "training_set",
    "filtered_set": "training_set",
    "mixed_pool": "filtered_set",
    "screened_questions": "mixed_pool",
    "sourced_questions": "screened_questions",
}


@dataclass(frozen=True)
class Link:
    """One stage's artifact on the way; `note` says when it was not found by the recorded way."""

    vertex: Vertex
    note: str = ""


@dataclass(frozen=True)
class Chain:
    """The versions behind one training set."""

    store: ArtifactStore
    graph: Graph
    training: Vertex
    recipe: str
    teacher: str

    @classmethod
    def of(cls, store: ArtifactStore, training_set: Ref) -> Chain:
        """The chain behind the training set of that name."""
        graph = reachable(store, [training_set])
        dims = training_set.partition.as_dict()
        return cls(store, graph, graph[training_set], dims.get("recipe", ""), dims.get("teacher", ""))

    def link(self, asset: str, source: str | None = None) -> Link | None:
        """The stage's artifact (of one source, for a stage that has sources); None when the training set was made
        without it.
        """
        if asset == "training_set":
            return Link(self.training)
        dims = self._dims(asset, source)
        before = self.link(_BEFORE[asset], source)
        if before is not None:
            straight = self.graph.nearest(before.vertex.ref, asset, **dims)
            if straight is not None:
                return Link(straight, before.note)
        around = self.graph.nearest(self.training.ref, asset, **dims)
        return (
            Link(around, f"found by another way, for {_BEFORE[asset]} no longer says which version it read")
            if around
            else None
        )

    def links(self, asset: str, source: str | None = None) -> list[Link]:
        """The same for one source or, when none is named, for every source that the training set goes back to."""
        if asset not in BY_SOURCE or source is not None:
            found = [self.link(asset, source)]
        else:
            found = [self.link(asset, key) for key in self.sources()]
        return [link for link in found if link is not None]

    def sources(self) -> list[str]:
        """Keys of the sources that the recipe's pool was drawn from."""
        pool = self.link("mixed_pool")
        start = pool.vertex.ref if pool is not None and pool.vertex.inputs else self.training.ref
        keys = (
            v.ref.partition.as_dict().get("source") for v in self.graph.ancestors(start) if v.ref.asset in BY_SOURCE
        )
        return list(dict.fromkeys(key for key in keys if key))

    def open(self, vertex: Vertex) -> Artifact:
        """The artifact of a vertex that has a manifest."""
        return self.store.get(vertex.ref.asset, vertex.ref.partition, vertex.ref.artifact_id)

    def _dims(self, asset: str, source: str | None) -> dict[str, str]:
        dims = {"source": source} if asset in BY_SOURCE and source is not None else {}
        if asset in ("traces", "verdicts"):
            return dims | {"teacher": self.teacher}
        return dims if asset in BY_SOURCE else {"recipe": self.recipe}
