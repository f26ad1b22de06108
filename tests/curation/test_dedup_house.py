"""The knob through Dagster: a recipe whose method is changed, made again, and what its artifact says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.artifacts import Partition
from schemas import SCHEMAS, violations
from tests.endtoend.house import House
from tests.endtoend.steps import make
from tests.report.small import without_suites

CROW = (
    "A crow sits on a post beside the mill and counts {} carts in the morning and {} in the evening. How many in all?"
)
ROWS = [
    CROW.format(3, 4),
    CROW.format("three", "four").replace(" ", "\n", 4),
    CROW.format(3, 5),
    CROW.format(3, 4).replace("beside", "besides"),
    "Why does the moon have phases?",
]


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.rows("birds.jsonl", [{"problem": text, "answer": "7"} for text in ROWS])
    made.write("sources/birds", {
        "description": "Birds", "domain": "math", "licence": "MIT", "language": "en", "verifier": "math",
        "origin": {"kind": "files", "paths": ["birds.jsonl"]},
        "columns": {"question": "problem", "gold": "answer"},
    })  # fmt: skip
    made.rows("exam.jsonl", [{"problem": "How many legs have 9 cows?", "answer": "36"}], folder="benchmarks")
    made.write("benchmarks/exam", {
        "description": "Cows", "domain": "math", "licence": "MIT", "language": "en", "verifier": "math", "role": "dev",
        "repeats": 1, "origin": {"kind": "files", "paths": ["exam.jsonl"]},
        "columns": {"question": "problem", "gold": "answer"},
    })  # fmt: skip
    made.write("recipes/birds", recipe({"kind": "dedup"}))
    with made.entered(), without_suites():
        assert make(made, "benchmark_questions", benchmark="exam") is None
        for asset in ("sourced_questions", "screened_questions", "question_scores"):
            assert make(made, asset, source="birds") is None
        assert make(made, "mixed_pool", recipe="birds") is None
    return made


def recipe(step: dict[str, Any]) -> dict[str, Any]:
    part = {"domain": "math", "sources": [{"source": "birds"}], "select": [step]}
    return {
        "description": "Birds", "parts": {"math": part}, "teachers": ["reference"],
        "student": {"base": "smollm2-135m-instruct", "max_tokens": 1024}, "screen_against": ["exam"],
    }  # fmt: skip


def filtered(house: House, step: dict[str, Any]) -> tuple[pl.DataFrame, Any]:
    house.write("recipes/birds", recipe(step))
    with house.entered(), without_suites():
        assert make(house, "filtered_set", recipe="birds") is None
        artifact = house.store.current("filtered_set", Partition({"recipe": "birds"}))
        assert artifact is not None
        return artifact.read(), artifact


@pytest.mark.slow
def test_the_method_decides_what_stays(house: House) -> None:
    stay = {
        "numbers": {0, 2, 4},
        "exact": {0, 1, 2, 3, 4},
        "fuzzy": {0, 1, 4},
        "none": {0, 1, 2, 3, 4},
    }
    for method, rows in stay.items():
        frame, artifact = filtered(house, {"kind": "dedup", "method": method})
        assert len(frame) == len(rows), method
        dropped = artifact.ledger().collect()
        assert len(frame) + len(dropped) == len(ROWS)
        assert set(dropped["rule"].to_list()) <= {f"dedup.{method}"}
        funnel = artifact.manifest.stats["funnel"]["math"][0]
        assert (funnel["step"], funnel["rows_in"], funnel["rows_out"]) == (f"1. dedup {method}", len(ROWS), len(rows))
    frame, artifact = filtered(house, {"kind": "dedup"})
    table = artifact.scan("clusters").collect()
    assert violations(SCHEMAS["filtered_set"]["clusters"], table) == []
    assert table["size"].to_list() == [3, 3, 3]
