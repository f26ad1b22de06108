"""The one place where everything is put together: assets over a registry, jobs, resources, executor.

`defs` is what Dagster loads; `build_definitions` makes the same over another registry or with other resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ot_assets.curation.assets import ASSETS as CURATION
from ot_assets.distillation.assets import ASSETS as DISTILLATION
from ot_assets.evaluation.assets import ASSETS as EVALUATION
from ot_assets.partitions import Partitions
from ot_assets.registry import Registry
from ot_assets.registry import registry as shipped_and_own
from ot_assets.sourcing.assets import ASSETS as SOURCING
from ot_assets.specs import spec_assets
from ot_assets.stage import StageAsset
from ot_assets.students.assets import ASSETS as STUDENTS
from resources.handles import Services

STAGES: tuple[StageAsset, ...] = (*SOURCING, *CURATION, *DISTILLATION, *STUDENTS, *EVALUATION)

JOBS: Mapping[str, tuple[str, ...]] = {
    "source_benchmarks": ("benchmark_questions",),
    "source_questions": ("sourced_questions", "screened_questions", "question_scores"),
    "pick_questions": ("mixed_pool", "filtered_set"),
    "request_traces": ("trace_requests",),
    "ask_teachers": ("traces", "verdicts"),
    "train_and_evaluate": ("training_set", "student_model", "eval_responses", "eval_scores"),
    "score_models": ("baseline_scores",),
    "compare_models": ("leaderboard",),
}
"""One job a stage: assets that share their partitions. "Materialize all" over mixed partitions would queue every teacher."""


def build_definitions(
    registry: Registry | None = None, *, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything over a registry (default: the shipped one and `OT_REGISTRY`); `resources` replace the defaults by name."""
    parts = Partitions(registry or shipped_and_own())
    jobs = [
        dg.define_asset_job(
            name,
            selection=dg.AssetSelection.assets(*assets),
            description=f"Makes {', '.join(assets)}, of the partitions that you choose.",
        )
        for name, assets in JOBS.items()
    ]
    return dg.Definitions(
        assets=[*spec_assets(parts), *(stage.build(parts) for stage in STAGES)],
        jobs=jobs,
        resources={"services": Services(), **(resources or {})},
        # One process a run: a stage's steps share one loaded engine, and runs are what is queued and limited.
        executor=dg.in_process_executor,
    )


defs = build_definitions()
