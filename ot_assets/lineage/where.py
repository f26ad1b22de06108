"""From a row of a source to everything that became of it, over all recipes and teachers.

Belongs here: searching the current version of every stage for one row. A row is recognised by its question, as every
version of the source that a current artifact goes back to has it: so a source that was made again in another order
does not make old examples look like strangers. `UserError` when source or row are unknown or ambiguous; damaged data
is a stage that is `unreadable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ot_assets.lineage.asked import Asked, Version, identify
from ot_assets.lineage.fate import Fate, Presence, SourceRow, Status, Taught
from ot_assets.lineage.graph import Graph, Ref, Vertex, reachable
from ot_assets.lineage.lookup import LEDGER, Unreadable, closest, column, distinct, find_rows
from ot_assets.lineage.path import Drop
from ot_assets.lineage.written import Ancestor, ancestors, descendants
from resources.artifacts import Artifact, ArtifactStore, Partition
from resources.errors import UserError

STAGES = (
    *("screened_questions", "mixed_pool", "filtered_set", "trace_requests", "traces", "verdicts", "training_set"),
)
"""Stages that are searched behind the sourced questions, upstream first."""

_SHOWN = 20
_LEDGER = tuple(Drop.__dataclass_fields__)
_OWN_ID = {"traces": "trace_id", "verdicts": "trace_id", "training_set": "example_id"}


@dataclass(frozen=True)
class _Now:
    """What is current: the graph behind it, and the partitions whose current version cannot even be named."""

    store: ArtifactStore
    graph: Graph
    broken: tuple[Presence, ...]

    def roots(self, asset: str) -> list[Vertex]:
        """The current artifacts of an asset."""
        return [self.graph[ref] for ref in self.graph.roots if ref.asset == asset]

    def open(self, vertex: Vertex) -> Artifact:
        """The artifact of a vertex that has a manifest."""
        return self.store.get(vertex.ref.asset, vertex.ref.partition, vertex.ref.artifact_id)


def where(store: ArtifactStore, source: str, row: str) -> Fate:
    """The fate of a row: `row` is its source_row, the number behind its colon, its question id, or the beginning of
    one of these.
    """
    known = {p["source"]: p for p in store.partitions("sourced_questions")}
    if source not in known:
        raise UserError(f"source {source!r} has not been made", fix=closest(source, known))
    now = _now(store, source)
    try:
        asked = identify(source, row, _versions(now, known[source]))
        traces = [t for v in now.graph.of("traces", source=source) for t in _ids(now, v, asked, "trace_id")]
        asked = asked.with_traces(traces)
        stages = [*_stages(now, asked, source), *now.broken]
        came = tuple(one for found in asked.found[:1] for one in _ancestors(now, known[source], found))
        below = descendants(store, source, asked.rows)
        return Fate(source, row, asked.found, tuple(stages), tuple(_students(now, asked)), came, below)
    except Unreadable as error:
        raise UserError(str(error), fix=f"make sourced_questions of {source} again") from None


def _ancestors(now: _Now, partition: Partition, found: SourceRow) -> tuple[Ancestor, ...]:
    return ancestors(now.store, now.store.get("sourced_questions", partition, found.artifact), found.question_id)


def _now(store: ArtifactStore, source: str) -> _Now:
    """Reads every current manifest and those behind it, of all recipes and of the source."""
    roots, broken = [], []
    for asset in ("sourced_questions", *STAGES, "student_model"):
        for partition in store.partitions(asset):
            if partition.as_dict().get("source", source) != source:
                continue
            try:
                current = store.current(asset, partition)
            except (UserError, OSError) as error:
                reason = str(error).splitlines()[0]
                broken.append(Presence(asset, partition, "?", "unreadable", reason=reason))
                continue
            if current is not None:
                roots.append(Ref(asset, partition, current.manifest.artifact_id))
    return _Now(store, reachable(store, roots), tuple(broken))


def _versions(now: _Now, partition: Partition) -> list[Version]:
    """Every readable version of the source's questions that is current or behind something current; the current one
    first.
    """
    current = {v.ref for v in now.roots("sourced_questions")}
    vertices = now.graph.of("sourced_questions", **partition.as_dict())
    found = [Version(now.open(v), v.ref in current) for v in vertices if v.manifest is not None]
    return sorted(found, key=lambda version: not version.current)


def _stages(now: _Now, asked: Asked, source: str) -> Iterator[Presence]:
    """The row in the current artifact of each stage that it could have come to, upstream first."""
    for asset in ("sourced_questions", *STAGES):
        for vertex in now.roots(asset):
            if _concerns(now.graph, vertex, source):
                yield _look(now, vertex, asked)


def _concerns(graph: Graph, vertex: Vertex, source: str) -> bool:
    """Whether a stage's artifact goes back to the source. When the manifest that would tell is lost, it may."""
    dims = vertex.ref.partition.as_dict()
    if "source" in dims:
        return dims["source"] == source
    is_pool = vertex.ref.asset == "mixed_pool"
    pool = vertex if is_pool else graph.nearest(vertex.ref, "mixed_pool", recipe=dims.get("recipe", ""))
    if pool is None or pool.manifest is None:
        return True
    return any(ref.partition.as_dict().get("source") == source for ref in pool.inputs)


def _look(now: _Now, vertex: Vertex, asked: Asked) -> Presence:
    """The row in one artifact: what is there of it, and what the ledger says."""
    ref = vertex.ref
    if vertex.manifest is None:
        return Presence(ref.asset, ref.partition, ref.artifact_id, "unreadable", reason=vertex.reason)
    try:
        artifact = now.open(vertex)
        own = _OWN_ID.get(ref.asset, "question_id")
        found = column(artifact, own, asked.in_table(vertex.manifest.tables[""].columns)) if asked.questions else []
        dropped, lines = find_rows(artifact, asked.in_ledger(ref.asset), _LEDGER, table=LEDGER, limit=_SHOWN)
    except (Unreadable, UserError, KeyError) as error:
        return Presence(ref.asset, ref.partition, ref.artifact_id, "unreadable", reason=str(error).splitlines()[0])
    drops = tuple(Drop.of(line.values) for line in lines)
    status: Status = "present" if found else "dropped" if dropped else "absent"
    ids = tuple(dict.fromkeys(found))
    return Presence(ref.asset, ref.partition, ref.artifact_id, status, len(found), ids, drops, dropped, vertex.reason)


def _ids(now: _Now, vertex: Vertex, asked: Asked, name: str) -> list[str]:
    """The row's own ids in one artifact; none when it is lost."""
    if vertex.manifest is None or not asked.questions:
        return []
    return distinct(now.open(vertex), name, asked.in_table(vertex.manifest.tables[""].columns))


def _students(now: _Now, asked: Asked) -> Iterator[Taught]:
    """The current students whose training set, in the version that they read, has examples of the row."""
    for student in now.roots("student_model"):
        dims = student.ref.partition.as_dict()
        for ref in student.inputs:
            if ref.asset != "training_set":
                continue
            try:
                examples = _ids(now, now.graph[ref], asked, "example_id")
            except Unreadable:
                continue
            if examples:
                made = student.ref.artifact_id
                yield Taught(dims["recipe"], dims["teacher"], made, ref.artifact_id, tuple(examples))
