"""The registry as observable source assets: one partition a YAML, its data version the hash of what it says.

Editing one YAML gives exactly that partition a new version, so Dagster shows exactly what hangs on it as out of date. The
version of a teacher counts the model behind it, since no mapping leads from a model to the traces of its teachers; that of a
recipe counts those who judge its answers. Observe them in the UI after an edit; `ot run` does so by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from ot_assets.partitions import Partitions
from ot_assets.registry import Registry
from ot_assets.registry.specs.base import canonical_hash

GROUP = "registry"


_ABOUT = {
    "source_spec": "Where questions come from: sources/*.yaml",
    "benchmark_spec": "What models are run on: benchmarks/*.yaml",
    "model_spec": "Models that can be asked or trained: models/*.yaml",
    "teacher_spec": "Who answers: teachers/*.yaml",
    "recipe_spec": "All choices from sources to student: recipes/*.yaml",
    "conversation_spec": "Conversations of a language: conversations/*.yaml",
}


def spec_versions(registry: Registry) -> Mapping[str, Mapping[str, str]]:
    """Asset name -> key -> data version."""
    return {
        "source_spec": {key: spec.hash for key, spec in registry.sources.items()},
        "benchmark_spec": {key: spec.hash for key, spec in registry.benchmarks.items()},
        "model_spec": {key: spec.hash for key, spec in registry.all_models.items()},
        "teacher_spec": {key: _with_model(registry, key) for key in registry.teachers},
        "recipe_spec": {key: _with_judges(registry, key) for key in registry.recipes},
        "conversation_spec": {key: spec.hash for key, spec in registry.conversations.items()},
    }


def _with_model(registry: Registry, teacher: str) -> str:
    behind = registry.model_of(teacher)
    return canonical_hash([registry.teacher(teacher).hash, behind.hash if behind else None])


def _with_judges(registry: Registry, recipe: str) -> str:
    spec = registry.recipes[recipe]
    judges = [_with_model(registry, judge) for judge in spec.judges]
    return canonical_hash([spec.hash, *judges]) if judges else spec.hash


def spec_assets(parts: Partitions) -> list[dg.AssetsDefinition | dg.SourceAsset]:
    """The spec assets of one registry."""
    return [
        _observable(name, _ABOUT[name], getattr(parts, name.removesuffix("_spec")), versions)
        for name, versions in spec_versions(parts.registry).items()
    ]


def _observable(
    name: str, description: str, partitions_def: dg.StaticPartitionsDefinition, versions: Mapping[str, str]
) -> dg.AssetsDefinition | dg.SourceAsset:
    @dg.observable_source_asset(name=name, description=description, partitions_def=partitions_def, group_name=GROUP)
    def observe() -> dg.DataVersionsByPartition:
        return dg.DataVersionsByPartition({key: dg.DataVersion(version) for key, version in versions.items()})

    return observe
