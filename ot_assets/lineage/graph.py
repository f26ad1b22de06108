"""All artifacts that some artifacts were made from, as a graph read from manifests.

Belongs here: reading manifests by artifact id, and questions about who was made from whom. Inputs are followed by the
artifact id that the manifest recorded, never by `CURRENT`, so an old artifact keeps the ancestry that it had. Each
manifest is read once. An input that is missing or damaged, or that is not what was recorded, becomes a vertex with a
reason; nothing raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from resources.artifacts import ArtifactStore, Manifest, Partition
from resources.errors import UserError


@dataclass(frozen=True, order=True)
class Ref:
    """Name of one published version: what a manifest records of an input."""

    asset: str
    partition: Partition
    artifact_id: str

    def __str__(self) -> str:
        """As in messages."""
        return f"{self.asset}[{self.partition}] {self.artifact_id}"


@dataclass(frozen=True)
class Vertex:
    """One artifact as found: its manifest, or why there is none; `reason` is empty when all is well.

    `inputs`: what it was made from, in recorded order, each once. `content_hash`: as the manifest has it, else as a
    reader recorded it.
    """

    ref: Ref
    manifest: Manifest | None
    reason: str = ""
    content_hash: str | None = None
    inputs: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Vertices by name, in breadth-first order from the roots, which come first. Complete: every input has a vertex."""

    roots: tuple[Ref, ...]
    vertices: Mapping[Ref, Vertex] = field(repr=False)

    def __getitem__(self, ref: Ref) -> Vertex:
        """The vertex of that name; KeyError when it is not in the graph."""
        return self.vertices[ref]

    def ancestors(self, start: Ref) -> Iterator[Vertex]:
        """What `start` was made from, nearest first, each once; without `start` itself."""
        seen, queue = {start}, deque([start])
        while queue:
            vertex = self.vertices[queue.popleft()]
            if vertex.ref != start:
                yield vertex
            fresh = [ref for ref in vertex.inputs if ref not in seen]
            seen.update(fresh)
            queue.extend(fresh)

    def nearest(self, start: Ref, asset: str, **dims: str) -> Vertex | None:
        """The first ancestor of `start` that is `asset` with these partition keys, by the fewest steps; None when
        there is none.
        """
        return next((v for v in self.ancestors(start) if matches(v.ref, asset, dims)), None)

    def of(self, asset: str, **dims: str) -> list[Vertex]:
        """Every vertex of an asset with these partition keys, in the graph's order."""
        return [v for v in self.vertices.values() if matches(v.ref, asset, dims)]


def matches(ref: Ref, asset: str, dims: Mapping[str, str]) -> bool:
    """Whether a name is of this asset and has these partition keys (others may differ)."""
    if ref.asset != asset:
        return False
    own = ref.partition.as_dict()
    return all(own.get(dim) == key for dim, key in dims.items())


def reachable(store: ArtifactStore, roots: Iterable[Ref]) -> Graph:
    """Everything that `roots` were made from, roots included. Time and memory grow with the number of distinct
    artifacts.
    """
    start = tuple(dict.fromkeys(roots))
    vertices: dict[Ref, Vertex] = {}
    queue: deque[tuple[Ref, str | None]] = deque((ref, None) for ref in start)
    while queue:
        ref, recorded = queue.popleft()
        if ref in vertices:
            continue
        vertices[ref] = vertex = read(store, ref, recorded)
        hashes = {i.artifact_id: i.content_hash for i in vertex.manifest.inputs} if vertex.manifest else {}
        queue.extend((i, hashes[i.artifact_id]) for i in vertex.inputs if i not in vertices)
    return Graph(start, vertices)


def read(store: ArtifactStore, ref: Ref, recorded: str | None = None) -> Vertex:
    """One vertex. `recorded` is the content hash that the reader of this artifact wrote down, when there was one."""
    try:
        manifest = store.get(ref.asset, ref.partition, ref.artifact_id).manifest
        inputs = tuple(dict.fromkeys(Ref(i.asset, Partition(i.partition), i.artifact_id) for i in manifest.inputs))
    except (UserError, OSError, ValueError, KeyError) as error:
        return Vertex(ref, None, _why(error), recorded)
    return Vertex(ref, manifest, _mismatch(ref, manifest, recorded), manifest.content_hash, inputs)


def _mismatch(ref: Ref, manifest: Manifest, recorded: str | None) -> str:
    """Why a manifest that was read is not the one that was meant; empty when it is."""
    found = Ref(manifest.asset, Partition(manifest.partition), manifest.artifact_id)
    if found != ref:
        return f"damaged: the manifest in its place says it is {found}"
    if recorded is not None and recorded != manifest.content_hash:
        return f"damaged: it was read with content {recorded[:12]}, its manifest now says {manifest.content_hash[:12]}"
    return ""


def _why(error: Exception) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first if len(first) <= 200 else first[:199] + "…"
