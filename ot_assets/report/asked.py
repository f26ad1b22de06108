"""Those answers that a recipe asked for. A source's traces and verdicts are shared: other recipes may have asked for more.

Belongs here: the cut of the shared partitions. Contract: lazy, rows keep their order; all of them where the recipe's
filtered set is not made.
"""

from __future__ import annotations

import polars as pl

from ot_assets.distillation.answer_filter import wanted_traces
from ot_assets.report.stages import Stages
from resources.artifacts import Artifact

_KEY = ("source", "question_id", "answers_per_question")


def asked_for(stages: Stages, traces: Artifact) -> pl.LazyFrame:
    """The rows of a source's traces that this recipe wants."""
    if stages.filtered is None:
        return traces.scan()
    return wanted_traces(traces.scan(), stages.filtered.scan().select(*_KEY)).drop("copies")


def judged(stages: Stages) -> tuple[tuple[str, int], ...]:
    """Verdicts on these answers, most first."""
    total: dict[str, int] = {}
    for source, verdicts in stages.verdicts.items():
        rows = verdicts.scan().select("trace_id", "verdict")
        if source in stages.traces:
            rows = rows.join(asked_for(stages, stages.traces[source]).select("trace_id"), on="trace_id", how="semi")
        for verdict, count in rows.group_by("verdict").len().collect(engine="streaming").iter_rows():
            total[verdict] = total.get(verdict, 0) + count
    return tuple(sorted(total.items(), key=lambda item: (-item[1], item[0])))
