"""Assets of sourcing: questions as they come from their origin, in one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ot_assets.sourcing.publishing import publish_questions
from ot_assets.stage import stage
from ot_assets.step import Step


@stage(
    "source",
    reads={"source_spec": None, "teacher_spec": "teacher_to_written", "prompts": "conversation_to_source"},
    group="sourcing",
    suite="questions",
)
def sourced_questions(step: Step) -> Mapping[str, Any]:
    """Every question of one source in one shape, with id, licence, gold answer and verifier."""
    key = step.partition["source"]
    return publish_questions(step, step.registry.source(key), step.registry.folder("sources", key))


@stage("benchmark", reads={"benchmark_spec": None}, group="sourcing", suite="questions")
def benchmark_questions(step: Step) -> Mapping[str, Any]:
    """The questions of one benchmark: only ever evaluated on, and what every source is screened against."""
    key = step.partition["benchmark"]
    return publish_questions(step, step.registry.benchmark(key), step.registry.folder("benchmarks", key))


ASSETS = (sourced_questions, benchmark_questions)
