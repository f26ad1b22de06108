"""One artifact's lineage as a tree: what it is, what it was made from, and so on down to the sources.

Belongs here: the shape that people and programs are shown, and how it is made from the graph of manifests. A node
that is reached by several ways is one object, computed once, so diamonds cost nothing. Fails with `UserError` when
there is no such artifact to begin at; below that a missing or damaged input is a node with a `reason`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ot_assets.lineage.graph import Graph, Ref, Vertex, reachable
from resources.artifacts import ArtifactStore, Partition
from resources.artifacts.manifest import ARTIFACT_ID_DIGITS
from resources.errors import UserError


@dataclass(frozen=True, eq=False)
class Node:
    """One artifact and what it was made from. Equal only to itself: nodes are shared, and comparing by value would
    take for ever.

    `rows_in` is None when the step has no single input table; `tabular` is False for an artifact of files only, such
    as a student, whose `rows_out` is 0; `reason` says what is wrong with this node and is empty when nothing is.
    """

    asset: str
    partition: Partition
    artifact: str
    content_hash: str | None = None
    spec_hash: str | None = None
    commit: str | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    licences: tuple[str, ...] = ()
    inputs: tuple[Node, ...] = field(default=(), repr=False)
    dirty: bool | None = None
    created_at: str | None = None
    code_version: str | None = None
    tabular: bool = True
    reason: str = ""

    @property
    def ref(self) -> Ref:
        """Its name."""
        return Ref(self.asset, self.partition, self.artifact)

    def walk(self) -> Iterator[Node]:
        """The node itself and everything below it, each once, a parent before what it was made from."""
        seen: set[int] = set()
        stack = [self]
        while stack:
            node = stack.pop()
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                stack.extend(reversed(node.inputs))


def fold(root: Node, figure: Callable[[Node, list[int]], int]) -> dict[int, int]:
    """`id(node)` -> a figure made from the figures of its inputs, for everything below `root`; each node once, inputs
    first.
    """
    done: dict[int, int] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [child for child in node.inputs if id(child) not in done]
        if waiting:
            stack.extend(waiting)
            continue
        done[id(stack.pop())] = figure(node, [done[id(child)] for child in node.inputs])
    return done


def lineage(
    store: ArtifactStore, asset: str, partition: Partition | Mapping[str, str], artifact_id: str | None = None
) -> Node:
    """The lineage of an artifact: the current version, or the one named (a prefix of its id will do)."""
    ref = resolve(store, asset, partition, artifact_id)
    return tree(reachable(store, [ref]), ref)


def resolve(
    store: ArtifactStore, asset: str, partition: Partition | Mapping[str, str], artifact_id: str | None = None
) -> Ref:
    """Which artifact is meant. UserError when it was never made, is gone, or the prefix fits none or several."""
    where = partition if isinstance(partition, Partition) else Partition(partition)
    if artifact_id is None:
        current = store.current(asset, where)
        if current is None:
            raise UserError(f"{asset}[{where}] has not been made", fix=_made(store, asset))
        return Ref(asset, where, current.manifest.artifact_id)
    if len(artifact_id) == ARTIFACT_ID_DIGITS:
        return Ref(asset, where, store.get(asset, where, artifact_id).manifest.artifact_id)
    known = [m.artifact_id for m in store.history(asset, where)]
    fitting = [known_id for known_id in known if known_id.startswith(artifact_id)]
    if len(fitting) == 1:
        return Ref(asset, where, fitting[0])
    what = f"fits {len(fitting)} versions" if fitting else "fits no version"
    versions = ", ".join(fitting or known) or "none is kept"
    raise UserError(f"artifact id {artifact_id} {what} of {asset}[{where}]", fix=f"versions: {versions}")


def _made(store: ArtifactStore, asset: str) -> str:
    made = [str(p) for p in store.partitions(asset)]
    if made:
        return f"partitions of {asset} that were made: {', '.join(made[:10])}{' …' if len(made) > 10 else ''}"
    return f"no partition of {asset} was made yet: `ot run RECIPE` makes them"


def tree(graph: Graph, root: Ref) -> Node:
    """The graph below `root` as nodes. Terminates on anything: an artifact that is named as its own ancestor becomes
    a stub with a reason.
    """
    done: dict[Ref, Node] = {}
    open_: set[Ref] = set()
    stack = [root]
    while stack:
        ref = stack[-1]
        waiting = [i for i in graph[ref].inputs if i not in done and i not in open_]
        if ref not in open_ and ref not in done and waiting:
            open_.add(ref)
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        open_.discard(ref)
        if ref not in done:
            done[ref] = _node(graph[ref], tuple(done.get(i) or _circular(i) for i in graph[ref].inputs))
    return done[root]


def _circular(ref: Ref) -> Node:
    return Node(ref.asset, ref.partition, ref.artifact_id, reason="damaged: named as made from itself")


def _node(vertex: Vertex, inputs: tuple[Node, ...]) -> Node:
    ref, m = vertex.ref, vertex.manifest
    if m is None:
        return Node(ref.asset, ref.partition, ref.artifact_id, vertex.content_hash, reason=vertex.reason)
    return Node(
        asset=ref.asset,
        partition=ref.partition,
        artifact=ref.artifact_id,
        content_hash=m.content_hash,
        spec_hash=m.spec_hash,
        commit=m.commit,
        rows_in=m.rows_in,
        rows_out=m.rows_out,
        dropped=MappingProxyType(dict(m.dropped)),
        licences=tuple(m.licences),
        inputs=inputs,
        dirty=m.dirty,
        created_at=m.created_at,
        code_version=m.code_version,
        tabular="" in m.tables,
        reason=vertex.reason,
    )
