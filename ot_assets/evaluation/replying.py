"""Asks a model the questions of benchmarks, through the response store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import polars as pl

from ot_assets.evaluation.requests import asks
from ot_assets.evaluation.scoring import response_rows
from resources.artifacts import Artifact, Partition
from resources.generation.model import Model

if TYPE_CHECKING:
    from ot_assets.stage import Step


def replies(
    step: Step, model: Model, resolve: Callable[[], Model], benchmarks: Mapping[Partition, Artifact]
) -> Iterator[pl.DataFrame]:
    """Rows of EvalResponses, a benchmark at a time. `resolve` finds the weights, if an engine must be opened."""
    for at, artifact in benchmarks.items():
        spec = step.registry.benchmark(at["benchmark"])
        asked = list(asks(spec, artifact.read(), model))
        came = step.ask(
            resolve,
            (ask.request for ask in asked),
            purpose=f"{step.asset} {step.partition} {spec.key}",
            total=len(asked),
        )
        yield response_rows(spec.key, asked, {request.key: result for request, result in came})
