"""Asks a model the questions of benchmarks, through the response store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

from ot_assets.evaluation.requests import asks
from ot_assets.evaluation.scoring import response_rows
from resources.artifacts import Artifact, Partition
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply

if TYPE_CHECKING:
    from ot_assets.step import Step

_CHUNK = 500


def replies(
    step: Step,
    model: Model,
    resolve: Callable[[], Model],
    benchmarks: Mapping[Partition, Artifact],
    *,
    system_prompt: str | None = None,
) -> Iterator[pl.DataFrame]:
    """Rows of EvalResponses, some hundred at a time, in the order of the questions. `resolve` finds the weights, if an engine
    must be opened; `system_prompt` is what the model was taught with, for benchmarks that have none of their own.

    First everything is asked, in whatever order the engine likes; then the rows are read back from the response store in a
    fixed order, so that they are the same every time and never all in memory.
    """
    for at, artifact in benchmarks.items():
        spec = step.registry.benchmark(at["benchmark"])
        questions = artifact.read()
        failures: dict[str, Reply | Failure] = {}
        came = step.ask(
            resolve,
            (ask.request for ask in asks(spec, questions, model, system_prompt=system_prompt)),
            purpose=f"{step.asset} {step.partition} {spec.key}",
            total=spec.repeats * min(len(questions), spec.questions or len(questions)),
        )
        for request, result in came:
            if isinstance(result, Failure):
                failures[request.key] = result
        asked = asks(spec, questions, model, system_prompt=system_prompt)
        while some := list(islice(asked, _CHUNK)):
            stored = step.services.responses.get_many(ask.request.key for ask in some)
            yield response_rows(spec.key, some, {**failures, **stored})
