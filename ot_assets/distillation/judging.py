"""From traces to verdicts: each answer with its question's gold and verifier, judged by killable workers."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ot_assets.verification import VerifierPool, VerifyTask
from resources.artifacts import Artifact
from schemas import Verdicts

_BATCH = 5_000


def judged(traces: Artifact, questions: Artifact) -> Iterator[pl.DataFrame]:
    """One row of Verdicts a trace, in the traces' order, a batch at a time."""
    gold = questions.scan().select("question_id", "verifier", "verifier_args", "gold")
    with VerifierPool() as pool:
        for batch in traces.batches(rows=_BATCH):
            rows = batch.lazy().join(gold, on="question_id", how="left", maintain_order="left").collect()
            verdicts = pool.verify_many(_tasks(rows))
            yield Verdicts.frame(
                [
                    {
                        "trace_id": row["trace_id"],
                        "question_id": row["question_id"],
                        "source": row["source"],
                        "teacher": row["teacher"],
                        "verdict": verdict.verdict,
                        "verifier": verdict.verifier,
                        "extracted": verdict.extracted,
                        "reason": verdict.reason,
                        "evidence": verdict.evidence,
                    }
                    for row, verdict in zip(rows.iter_rows(named=True), verdicts, strict=True)
                ]
            )


def _tasks(rows: pl.DataFrame) -> Iterator[VerifyTask]:
    for row in rows.iter_rows(named=True):
        yield VerifyTask(
            verifier=row["verifier"] or "none",
            verifier_args=row["verifier_args"],
            gold=row["gold"],
            answer=row["answer"],
            finish_reason=row["finish_reason"],
            reasoning_closed=row["reasoning_closed"],
        )
