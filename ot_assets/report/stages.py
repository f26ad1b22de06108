"""Which artifacts a recipe's report is about: one version of every stage, each the one that the stage after it was made
from.

Belongs here: finding them. Contract: a stage's version is the one recorded by the next stage's manifest; where that
stage is not made, the current one. So the rows of all stages fit together even while something upstream was made anew,
and that is said (`remarks`). What is missing, lost or damaged is None (or absent from a mapping) and said too, never an
error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ot_assets.graph import World, recipe_teacher, source_teacher
from ot_assets.graph import recipe as recipe_at
from ot_assets.graph import source as source_at
from resources.artifacts import Artifact, ArtifactStore, Partition
from resources.errors import UserError

BySource = dict[str, Artifact]


@dataclass
class Stages:
    """The artifacts of a recipe and a teacher, upstream first; keys of mappings are sources (of `benchmarks`,
    benchmarks).
    """

    recipe: str
    teacher: str
    sources: tuple[str, ...]
    sourced: BySource = field(default_factory=dict)
    benchmarks: BySource = field(default_factory=dict)
    screened: BySource = field(default_factory=dict)
    scores: BySource = field(default_factory=dict)
    pool: Artifact | None = None
    filtered: Artifact | None = None
    traces: BySource = field(default_factory=dict)
    verdicts: BySource = field(default_factory=dict)
    training: Artifact | None = None
    student: Artifact | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether not even a source is there."""
        return not (self.sourced or self.screened or self.pool or self.filtered or self.training)

    def whole(self, by: BySource) -> bool:
        """Whether a stage is there for every source of the recipe."""
        return set(self.sources) <= by.keys()

    @property
    def newest(self) -> Artifact | None:
        """The stage furthest down that is there."""
        return self.training or self.filtered or self.pool


def find_stages(world: World, recipe: str, teacher: str) -> Stages:
    """Looks the artifacts up, from the training set towards the sources."""
    found = Stages(recipe, teacher, world.registry.recipe(recipe).sources)
    look = _Look(world.store, found)
    found.training = look.one("training_set", recipe_teacher(recipe, teacher), None)
    found.student = look.one("student_model", recipe_teacher(recipe, teacher), None)
    after = [found.training] if found.training else []
    found.filtered = look.one("filtered_set", recipe_at(recipe), found.training)
    found.pool = look.one("mixed_pool", recipe_at(recipe), found.filtered)
    for key in found.sources:
        look.into(found.traces, key, "traces", source_teacher(key, teacher), after)
        look.into(found.verdicts, key, "verdicts", source_teacher(key, teacher), after)
        look.into(found.scores, key, "question_scores", source_at(key), [found.filtered] if found.filtered else [])
        look.into(found.screened, key, "screened_questions", source_at(key), [found.pool] if found.pool else [])
        screened = found.screened.get(key)
        look.into(found.sourced, key, "sourced_questions", source_at(key), [screened] if screened else [])
    for artifact in found.screened.values():
        for entry in artifact.manifest.inputs:
            if entry.asset == "benchmark_questions":
                key = entry.key["benchmark"]
                look.into(found.benchmarks, key, entry.asset, entry.key, [artifact])
    found.remarks = list(dict.fromkeys(found.remarks))
    return found


@dataclass(frozen=True)
class _Look:
    store: ArtifactStore
    found: Stages

    def into(self, by: BySource, key: str, asset: str, at: Partition, readers: Iterable[Artifact]) -> None:
        """Puts one partition under its key, if it is there and not known yet."""
        if key in by:
            return
        reader = next(iter(readers), None)
        artifact = self.one(asset, at, reader)
        if artifact is not None:
            by[key] = artifact

    def one(self, asset: str, at: Partition, reader: Artifact | None) -> Artifact | None:
        """The version that the reader recorded; without a reader, or where it read none, the current one."""
        recorded = [] if reader is None else [i for i in reader.manifest.inputs if (i.asset, i.key) == (asset, at)]
        try:
            current = self.store.current(asset, at)
        except UserError as error:
            self.found.remarks.append(f"{asset}[{at}] cannot be read: {_first(error)}")
            current = None
        if not recorded:
            return current
        if current is not None and current.artifact_id == recorded[0].artifact_id:
            return current
        try:
            artifact = self.store.get(asset, at, recorded[0].artifact_id)
        except (UserError, OSError, KeyError, ValueError) as error:
            self.found.remarks.append(f"the version of {asset}[{at}] that was used is gone: {_first(error)}")
            return None
        self.found.remarks.append(f"{asset}[{at}] was made anew since; shown is the version that was used")
        return artifact


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
