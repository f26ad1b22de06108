"""The registry as observable source assets: one partition a YAML, its data version the hash of what it says.

Editing one YAML gives exactly that partition a new version, so Dagster shows exactly what hangs on it as out of date. Observe
them in the UI after an edit; `ot run` does so by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import dagster as dg

from ot_assets.partitions import Partitions
from ot_assets.registry import Registry

GROUP = "registry"


class _Hashed(Protocol):
    @property
    def hash(self) -> str: ...


_ABOUT = {
    "source_spec": "Where questions come from: sources/*.yaml",
    "benchmark_spec": "What models are run on: benchmarks/*.yaml",
    "model_spec": "Models that can be asked or trained: models/*.yaml",
    "teacher_spec": "Who answers: teachers/*.yaml",
    "recipe_spec": "All choices from sources to student: recipes/*.yaml",
}


def spec_sections(registry: Registry) -> Mapping[str, Mapping[str, _Hashed]]:
    """Asset name -> key -> spec."""
    return {
        "source_spec": registry.sources,
        "benchmark_spec": registry.benchmarks,
        "model_spec": registry.all_models,
        "teacher_spec": registry.teachers,
        "recipe_spec": registry.recipes,
    }


def spec_assets(parts: Partitions) -> list[dg.AssetsDefinition | dg.SourceAsset]:
    """The spec assets of one registry."""
    return [
        _observable(name, _ABOUT[name], getattr(parts, name.removesuffix("_spec")), specs)
        for name, specs in spec_sections(parts.registry).items()
    ]


def _observable(
    name: str, description: str, partitions_def: dg.StaticPartitionsDefinition, specs: Mapping[str, _Hashed]
) -> dg.AssetsDefinition | dg.SourceAsset:
    @dg.observable_source_asset(name=name, description=description, partitions_def=partitions_def, group_name=GROUP)
    def observe() -> dg.DataVersionsByPartition:
        return dg.DataVersionsByPartition({key: dg.DataVersion(spec.hash) for key, spec in specs.items()})

    return observe
