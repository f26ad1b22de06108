"""The one place where everything is put together: assets over a registry, jobs, resources, executor.

`defs` is what Dagster loads; `build_definitions` makes the same over another registry or with other resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from ot_assets.conversations.assets import ASSETS as CONVERSATIONS
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

STAGES: tuple[StageAsset, ...] = (*CONVERSATIONS, *SOURCING, *CURATION, *DISTILLATION, *STUDENTS, *EVALUATION)


@dataclass(frozen=True)
class Job:
    """One stage as a job: assets that share their partitions, and what the UI says of it."""

    about: str
    assets: tuple[str, ...]


JOBS: Mapping[str, Job] = {
    "fold_conversations": Job(
        "Read what people contributed, fold it to trees, and make what is taught from them.",
        ("contributions", "conversation_trees", "sft_threads", "preference_pairs", "prompts"),
    ),
    "source_benchmarks": Job("Fetch benchmarks.", ("benchmark_questions",)),
    "source_questions": Job(
        "Fetch sources, screen them against the benchmarks, score them as recipes need it.",
        ("sourced_questions", "screened_questions", "question_scores"),
    ),
    "pick_questions": Job("Draw and filter a recipe's questions.", ("mixed_pool", "filtered_set")),
    "request_traces": Job("Gather what recipes ask of a source.", ("trace_requests",)),
    "ask_teachers": Job(
        "Let a teacher answer what is asked of a source, and judge it. Choose sources whose trace_requests are there.",
        ("traces", "verdicts"),
    ),
    "train_and_evaluate": Job(
        "From a recipe and a teacher to a student and its scores. Needs that teacher's answers to all of the recipe's sources.",
        ("training_set", "student_model", "eval_responses", "eval_scores"),
    ),
    "score_models": Job("Run models as they come on the benchmarks.", ("baseline_scores",)),
    "compare_models": Job("Make the leaderboard of all scores that there are.", ("leaderboard",)),
}
"""One job a stage, in order. "Materialize all" over mixed partitions would queue every teacher of every recipe."""


def build_definitions(
    registry: Registry | None = None, *, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything over a registry (default: the shipped one and `OT_REGISTRY`); `resources` replace the defaults by name."""
    parts = Partitions(registry or shipped_and_own())
    jobs = [
        dg.define_asset_job(name, selection=dg.AssetSelection.assets(*job.assets), description=job.about)
        for name, job in JOBS.items()
    ]
    return dg.Definitions(
        assets=[*spec_assets(parts), *(stage.build(parts) for stage in STAGES)],
        jobs=jobs,
        resources={"services": Services(), **(resources or {})},
        # One process a run: a stage's steps share one loaded engine, and runs are what is queued and limited.
        executor=dg.in_process_executor,
    )


defs = build_definitions()
