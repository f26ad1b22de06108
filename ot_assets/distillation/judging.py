"""From traces to verdicts: each answer with its question's gold and verifier, judged by whatever the verifier needs.

Belongs here: which answer goes where. Contract: one row of Verdicts a trace, in the traces' order, a batch at a time; memory
holds one batch of answers (never their reasoning) and, for questions judged by a majority, a number a trace and the distinct
answers. What one answer decides goes to a pool of killable workers; a `judge` is asked through the response store (see
`asked_judge`); a `majority` is counted in a pass of its own before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ot_assets.distillation.asked_judge import AskedJudge, no_judge
from ot_assets.verification import VerdictCache, VerifierPool, VerifyTask
from ot_assets.verification import args as settings
from ot_assets.verification.args import MajorityArgs
from ot_assets.verification.majority import Ballot, Same
from ot_assets.verification.math import gold_as_answer
from ot_assets.verification.reading import canonical_of, how_read, reading_task
from ot_assets.verification.verdict import Verdict
from resources.artifacts import Artifact
from schemas import Verdicts

_BATCH = 5_000
_TRACE = ("trace_id", "question_id", "source", "teacher", "answer", "finish_reason", "reasoning_closed")
_GOLD = ("question_id", "verifier", "verifier_args", "gold")


@dataclass(frozen=True)
class _Row:
    """A trace with its question: where it goes, what is judged, and what its row says."""

    said: Mapping[str, Any]
    question: str
    task: VerifyTask

    @property
    def counted(self) -> bool:
        """Whether a majority decides."""
        return self.task.verifier == "majority"


def judged(
    traces: Artifact, questions: Artifact, *, judge: AskedJudge | None = None, cache: VerdictCache | None = None
) -> Iterator[pl.DataFrame]:
    """One row of Verdicts a trace, in the traces' order, a batch at a time."""
    gold = _Gold(questions, (*_GOLD, *(("question",) if judge else ())))
    verifiers = set(questions.scan().select(pl.col("verifier").unique()).collect().to_series())
    with VerifierPool(cache=cache) as pool:
        ballot = _ballot(pool, traces, gold) if "majority" in verifiers else Ballot()
        numbers = ballot.order()
        for rows in _batches(traces, gold):
            yield Verdicts.frame(
                [
                    {
                        **row.said,
                        "verdict": verdict.verdict,
                        "verifier": verdict.verifier,
                        "extracted": verdict.extracted,
                        "reason": verdict.reason,
                        "evidence": verdict.evidence,
                    }
                    for row, verdict in zip(rows, _verdicts(rows, pool, judge, ballot, numbers), strict=True)
                ]
            )


class _Gold:
    """Columns of the questions for a batch of traces. Traces follow their questions' order, so each batch needs only a stretch
    of the table, and all batches together read it about once; in any other order it is as right, and slower.
    """

    def __init__(self, questions: Artifact, columns: Sequence[str]) -> None:
        self._rows = questions.scan().select(columns)
        self._places = questions.scan().select("question_id").with_row_index("_place").collect()

    def joined(self, traces: pl.DataFrame) -> pl.DataFrame:
        """The traces with those columns; null where a question is not there."""
        asked = traces.select(pl.col("question_id").unique())
        places = self._places.join(asked, on="question_id", how="semi").get_column("_place")
        first, last = (int(places.min()), int(places.max())) if len(places) else (0, -1)  # type: ignore[arg-type]
        near = self._rows.slice(first, last - first + 1)
        return traces.lazy().join(near, on="question_id", how="left", maintain_order="left").collect()


def _batches(traces: Artifact, gold: _Gold) -> Iterator[list[_Row]]:
    """The traces with their questions' gold, in order."""
    for batch in traces.batches(rows=_BATCH, columns=_TRACE):
        yield [_row(row) for row in gold.joined(batch).iter_rows(named=True)]


def _row(row: Mapping[str, Any]) -> _Row:
    task = VerifyTask(
        verifier=row["verifier"] or "none",
        verifier_args=row["verifier_args"],
        gold=row["gold"],
        answer=row["answer"],
        finish_reason=row["finish_reason"],
        reasoning_closed=row["reasoning_closed"],
    )
    said = {name: row[name] for name in ("trace_id", "question_id", "source", "teacher")}
    return _Row(said, row.get("question") or "", _by_gold(task))


def _by_gold(task: VerifyTask) -> VerifyTask:
    """A task for a majority that only counts where there is no gold answer, as the task of the gold's own verifier."""
    if task.verifier != "majority" or not (task.gold or "").strip():
        return task
    if settings.of(MajorityArgs, task.verifier_args).when == "always":
        return task
    return replace(task, verifier=how_read(task.verifier_args))


def _verdicts(
    rows: list[_Row], pool: VerifierPool, judge: AskedJudge | None, ballot: Ballot, numbers: Iterator[int]
) -> Iterator[Verdict]:
    """The verdicts of a batch, in order. `numbers` gives the next counted answer's place in the ballot."""
    to_judge = [(row.question, row.task) for row in rows if row.task.verifier == "judge"]
    told = iter(judge.verdicts(to_judge) if judge else map(no_judge, to_judge))
    alone = pool.verify_many(row.task for row in rows if row.task.verifier not in ("judge", "majority"))
    for row in rows:
        if row.task.verifier == "judge":
            yield next(told)
        elif row.counted:
            yield ballot.elections[row.said["question_id"]].verdict(next(numbers), row.task)
        else:
            yield next(alone)


def _ballot(pool: VerifierPool, traces: Artifact, gold: _Gold) -> Ballot:
    """The answers that majorities decide on, read and counted."""
    ballot, args = Ballot(), dict[str, str | None]()
    for rows in _batches(traces, gold):
        counted = [row for row in rows if row.counted]
        for row, read in zip(counted, pool.verify_many(reading_task(row.task) for row in counted), strict=True):
            args.setdefault(row.said["question_id"], row.task.verifier_args)
            ballot.add(row.said["question_id"], canonical_of(read), read.extracted)
    ballot.close(lambda key: settings.of(MajorityArgs, args[key]).least, lambda key: _same(pool, args[key]))
    return ballot


def _same(pool: VerifierPool, verifier_args: str | None) -> Same:
    """How answers are compared whose canonical forms differ: formulas by the math verifier, others are then unequal."""
    if how_read(verifier_args) != "math":
        return lambda pairs: [False for _ in pairs]

    def equal(pairs: Iterable[tuple[str, str]]) -> Iterable[bool]:
        tasks = (VerifyTask("math", None, one, gold_as_answer(other)) for one, other in pairs)
        return [verdict.correct for verdict in pool.verify_many(tasks)]

    return equal
