"""Publishing small artifacts in one line."""

from __future__ import annotations

from typing import Any

import polars as pl

from resources.artifacts import ArtifactStore, Manifest, Partition
from schemas import SCHEMAS

AIME = Partition({"source": "aime"})
R1 = Partition({"source": "aime", "teacher": "r1"})


def requests(rows: int, *, start: int = 0, answers: int = 1) -> pl.DataFrame:
    """Valid TraceRequests rows."""
    ids = [f"q{n:031x}" for n in range(start, start + rows)]
    return pl.DataFrame({"question_id": ids, "teacher": ["*"] * rows, "answers": [answers] * rows})


def verdicts(rows: int, *, start: int = 0, text: str = "why") -> pl.DataFrame:
    """Valid Verdicts rows; `extracted` is all null, as in real data it often is."""
    return pl.DataFrame(
        {
            "trace_id": [f"t{n:031x}" for n in range(start, start + rows)],
            "question_id": [f"q{n // 4:031x}" for n in range(start, start + rows)],
            "source": ["aime"] * rows,
            "teacher": ["r1"] * rows,
            "verdict": ["correct"] * rows,
            "verifier": ["math"] * rows,
            "extracted": [None] * rows,
            "reason": [f"{text} {n}" for n in range(start, start + rows)],
            "evidence": [None] * rows,
        }
    )


def publish(
    store: ArtifactStore,
    rows: int = 3,
    *,
    asset: str = "trace_requests",
    partition: Partition = AIME,
    inputs: list[tuple[str, Partition]] | None = None,
    answers: int = 1,
    **facts: Any,
) -> Manifest:
    """One whole publication of `rows` requests."""
    with store.publication(
        asset, partition, code_version="1", schemas=SCHEMAS["trace_requests"], **facts
    ) as publication:
        for key in inputs or []:
            publication.open(*key)
        publication.write(requests(rows, answers=answers))
        return publication.publish()
