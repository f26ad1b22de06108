"""Small benchmarks and their questions."""

from __future__ import annotations

from typing import Any

import polars as pl

from ot_assets.registry import BenchmarkSpec
from schemas import Questions
from schemas.ids import question_id


def benchmark(key: str = "sums", **changed: Any) -> BenchmarkSpec:
    fields: dict[str, Any] = {
        "key": key,
        "description": "Sums of two numbers.",
        "role": "dev",
        "domain": "math",
        "licence": "CC0-1.0",
        "origin": {"kind": "files", "paths": ["sums.jsonl"]},
        "columns": {"question": "question", "gold": "gold"},
        "verifier": "math",
    }
    return BenchmarkSpec.model_validate({**fields, **changed})


def questions(n: int, key: str = "sums", **changed: Any) -> pl.DataFrame:
    rows = [
        {
            "question": f"What is {i} + {i}?",
            "gold": str(2 * i),
            "solution": None,
            "verifier": "math",
            "verifier_args": None,
            "domain": "math",
            "language": "en",
            "licence": "CC0-1.0",
            "source": key,
            "source_row": f"sums:{i}",
            **changed,
        }
        for i in range(n)
    ]
    return Questions.frame([{**row, "question_id": question_id(row["question"])} for row in rows])
