"""Small data sets that follow the schemas, and the ways in which they go wrong."""

from __future__ import annotations

from typing import Any

import polars as pl

from schemas import EvalScores, MixedPool, Questions, Traces, TrainingSet, Verdicts, violations


def questions(n: int, **changed: Any) -> pl.DataFrame:
    row = {
        "solution": None,
        "verifier": "math",
        "verifier_args": None,
        "domain": "math",
        "language": "en",
        "licence": "MIT",
        "source": "s",
    }
    rows = [
        {
            **row,
            "question_id": f"q{i:031x}",
            "question": f"What is {i} + {i}?",
            "gold": str(2 * i),
            "source_row": f"f:{i}",
        }
        for i in range(n)
    ]
    return checked(Questions, rows, changed)


def mixed_pool(n: int, copies: int) -> pl.DataFrame:
    pool = questions(n).with_columns(part=pl.lit("arithmetic"), copy=pl.lit(0, dtype=pl.Int64))
    return MixedPool.frame(
        pl.concat(pool.with_columns(copy=pl.lit(c, dtype=pl.Int64)) for c in range(copies)).to_dicts()
    )


def traces(n: int, **changed: Any) -> pl.DataFrame:
    row = {
        "source": "s",
        "source_row": "f:1",
        "teacher": "r1",
        "response_key": None,
        "finish_reason": "stop",
        "reasoning_closed": True,
        "prompt_tokens": 5,
        "cost": None,
        "model": "m",
        "revision": "",
        "licence": "MIT",
    }
    rows = [
        {
            **row,
            "trace_id": f"t{i:031x}",
            "question_id": f"q{i // 2:031x}",
            "sample_index": i % 2,
            "reasoning": f"secret thought {i}",
            "answer": str(i),
            "completion_tokens": 10 + i % 7,
        }
        for i in range(n)
    ]
    return checked(Traces, rows, changed)


def verdicts(n: int, correct: float = 0.5, **changed: Any) -> pl.DataFrame:
    row = {"source": "s", "teacher": "r1", "verifier": "math", "extracted": None, "reason": "said so"}
    rows = [
        {
            **row,
            "trace_id": f"t{i:031x}",
            "question_id": f"q{i:031x}",
            "verdict": "correct" if i < correct * n else "wrong",
        }
        for i in range(n)
    ]
    return checked(Verdicts, rows, changed)


def training_set(n: int, **changed: Any) -> pl.DataFrame:
    row = {
        "source": "s",
        "source_row": "f:1",
        "teacher": "r1",
        "domain": "math",
        "verdict": "correct",
        "licence": "MIT",
        "prompt_tokens": 5,
        "completion_tokens": 20,
    }
    rows = [
        {
            **row,
            "example_id": f"e{i:031x}",
            "trace_id": f"t{i:031x}",
            "question_id": f"q{i:031x}",
            "prompt": [{"role": "user", "content": f"What is {i}?"}],
            "completion": [{"role": "assistant", "content": f"<think>\nhm {i}\n</think>\n{i}"}],
        }
        for i in range(n)
    ]
    return checked(TrainingSet, rows, changed)


def scores(*values: float | None, **changed: Any) -> pl.DataFrame:
    row = {"role": "dev", "se": 0.03, "questions": 40, "repeats": 4, "missing": 0}
    rows = [{**row, "benchmark": f"bench-{i}", "score": v} for i, v in enumerate(values)]
    return checked(EvalScores, rows, changed)


def checked(schema: Any, rows: list[dict[str, Any]], changed: dict[str, Any]) -> pl.DataFrame:
    """The rows with columns changed (a value for all, or a function of the row's number); still valid by its schema."""
    rows = [{**r, **{k: v(i) if callable(v) else v for k, v in changed.items()}} for i, r in enumerate(rows)]
    frame = schema.frame(rows)
    if not frame.is_empty():
        assert not [v for v in violations(schema, frame) if "multiple_fields_uniqueness" not in v.rule], violations(
            schema, frame
        )
    return frame
