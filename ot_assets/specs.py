"""The registry as observable source assets: one partition a YAML, its data version the hash of what it says.

Editing one YAML gives exactly that partition a new version, so Dagster shows exactly what hangs on it as out of date. Observe
them in the UI after an edit; `ot run` does so by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import dagster as dg

from ot_assets.partitions import Partitions

GROUP = "registry"


class _Hashed(Protocol):
    @property
    def hash(self) -> str: ...


def spec_assets(parts: Partitions) -> list[dg.AssetsDefinition | dg.SourceAsset]:
    """`source_spec`, `teacher_spec`, `recipe_spec`, `benchmark_spec` and `model_spec` of one registry."""
    registry = parts.registry
    return [
        _observable("source_spec", "Where questions come from: sources/*.yaml", parts.source, lambda: registry.sources),
        _observable(
            "benchmark_spec", "What models are run on: benchmarks/*.yaml", parts.benchmark, lambda: registry.benchmarks
        ),
        _observable(
            "model_spec", "Models that can be asked or trained: models/*.yaml", parts.model, lambda: registry.all_models
        ),
        _observable("teacher_spec", "Who answers: teachers/*.yaml", parts.teacher, lambda: registry.teachers),
        _observable(
            "recipe_spec", "All choices from sources to student: recipes/*.yaml", parts.recipe, lambda: registry.recipes
        ),
    ]


def _observable(
    name: str,
    description: str,
    partitions_def: dg.StaticPartitionsDefinition,
    specs: Callable[[], Mapping[str, _Hashed]],
) -> dg.AssetsDefinition | dg.SourceAsset:
    @dg.observable_source_asset(name=name, description=description, partitions_def=partitions_def, group_name=GROUP)
    def observe() -> dg.DataVersionsByPartition:
        return dg.DataVersionsByPartition({key: dg.DataVersion(spec.hash) for key, spec in specs().items()})

    return observe
