"""What is missing or stale, from manifests alone, all the way up.

A partition is stale when its own spec, its code version or the content of anything that it read has changed, or when
something that it read is itself stale or missing. Content is compared by hash, so a step that was made again with the same
result leaves everything below it fresh. Dagster's own staleness looks one hop far and goes blind at 100 upstream partitions;
this looks at everything, and its cost is one manifest a partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ot_assets.graph import KINDS, Need, World
from resources.artifacts import Artifact, DamagedArtifact, Partition
from schemas.ids import content_hash

State = Literal["fresh", "stale", "missing"]


@dataclass(frozen=True)
class Status:
    """The state of one partition, with the reasons."""

    asset: str
    partition: Partition
    state: State
    reasons: tuple[str, ...] = ()
    artifact_id: str | None = None

    @property
    def name(self) -> str:
        """As it is written everywhere: `asset[key|key]`."""
        return str(Need(self.asset, self.partition))


@dataclass
class StatusReader:
    """Reads states; remembers each, so that asking for all partitions reads every manifest once."""

    world: World
    _known: dict[tuple[str, Partition], Status] = field(default_factory=dict)

    def status(self, asset: str, partition: Partition) -> Status:
        """The state of a partition, counting everything above it."""
        key = asset, partition
        if key not in self._known:
            self._known[key] = self._read(asset, partition)
        return self._known[key]

    def own_reasons(self, asset: str, partition: Partition) -> Status:
        """The state by what changed directly: own spec, code, and the present content of its inputs."""
        try:
            artifact = self.world.store.current(asset, partition)
        except DamagedArtifact as damage:
            return Status(asset, partition, "stale", (f"damaged: {damage.what}",))
        if artifact is None:
            return Status(asset, partition, "missing")
        lost = artifact.shortfall()
        reasons = (
            *([f"damaged: {lost}"] if lost else []),
            *self._spec_reasons(artifact, asset, partition),
            *self._input_reasons(artifact, asset, partition),
        )
        return Status(asset, partition, "stale" if reasons else "fresh", reasons, artifact.manifest.artifact_id)

    def _read(self, asset: str, partition: Partition) -> Status:
        own = self.own_reasons(asset, partition)
        if own.state == "missing":
            return own
        above = [self.status(n.asset, n.partition) for n in self._needs(asset, partition) if n.inherits]
        reasons = own.reasons + tuple(f"{s.name} is stale" for s in above if s.state == "stale")
        return Status(asset, partition, "stale" if reasons else "fresh", reasons, own.artifact_id)

    def _needs(self, asset: str, partition: Partition) -> tuple[Need, ...]:
        return KINDS[asset].needs(self.world, partition)

    def _spec_reasons(self, artifact: Artifact, asset: str, partition: Partition) -> Iterable[str]:
        kind, manifest = KINDS[asset], artifact.manifest
        if manifest.code_version != kind.code_version:
            yield f"its code is version {kind.code_version}, this was made by {manifest.code_version}"
        wanted = kind.spec(self.world, partition)
        if content_hash(wanted) != manifest.spec_hash:
            yield from (f"spec changed: {change}" for change in _differences(manifest.spec, wanted))

    def _input_reasons(self, artifact: Artifact, asset: str, partition: Partition) -> Iterable[str]:
        read = {(i.asset, Partition(i.partition)): i for i in artifact.manifest.inputs}
        needs = self._needs(asset, partition)
        for need in needs:
            try:
                there = self.world.store.current(need.asset, need.partition)
            except DamagedArtifact:
                yield f"{need} is damaged"
                continue
            was = read.get((need.asset, need.partition))
            if there is None:
                if need.required:
                    yield f"{need} is missing"
            elif was is None:
                yield f"{need} is new"
            elif was.content_hash != there.manifest.content_hash:
                yield f"{need} changed"
        wanted = {(n.asset, n.partition) for n in needs}
        yield from (f"{Need(*key)} is no longer an input" for key in read if key not in wanted)


_SHOWN = 4


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The fields in which two specs differ, each as `path: old → new`."""
    changes = list(_walk("", old, new))
    return changes[:_SHOWN] + ([f"and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else [])


def _walk(path: str, old: Any, new: Any) -> Iterable[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _walk(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif old != new:
        yield f"{path}: {_short(old)} → {_short(new)}"


def _short(value: Any) -> str:
    text = "absent" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
