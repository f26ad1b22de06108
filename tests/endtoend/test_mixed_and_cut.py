"""Mixing and selection through Dagster: a recipe that asks for more than there is says so; parts have their own answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.endtoend.house import House, sums
from tests.endtoend.steps import make, materialize

SOURCE = {
    "description": "Sums of ours.",
    "domain": "math",
    "licence": "CC-BY-4.0",
    "origin": {"kind": "files", "paths": ["mine.jsonl"]},
    "columns": {"question": "problem", "gold": "answer"},
    "verifier": "math",
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A source of twelve sums, one of which needs a figure, and a teacher that nobody asks here."""
    made = House(tmp_path)
    made.write("models/base", {"engine": "scripted", "model": "base", "licence": "MIT"})
    made.write("teachers/tutor", {"description": "A teacher.", "model": "base"})
    rows = sums(12)
    rows[3]["problem"] = "In the figure, " + rows[3]["problem"]
    made.rows("mine.jsonl", rows)
    made.write("sources/mine", SOURCE)
    made.rows("exam.jsonl", [{"problem": "Who was the first to cross the sea?", "answer": "Ann"}], folder="benchmarks")
    exam = {**SOURCE, "origin": {"kind": "files", "paths": ["exam.jsonl"]}, "verifier": "exact"}
    made.write("benchmarks/exam", {**exam, "role": "dev", "repeats": 1})
    recipe(made, parts={"p": part()})
    with made.entered():
        assert make(made, "benchmark_questions", benchmark="exam") is None
        for asset in ("sourced_questions", "screened_questions"):
            assert make(made, asset, source="mine") is None
    return made


def recipe(house: House, **fields: Any) -> None:
    usual = {"description": "x", "teachers": ["tutor"], "student": {"base": "base"}, "screen_against": ["exam"]}
    house.write("recipes/sums", {**usual, **fields})


def part(**fields: Any) -> dict[str, Any]:
    return {"domain": "math", "sources": [{"source": "mine"}], **fields}


def checks(house: House, asset: str, **keys: str) -> dict[str, bool]:
    result = materialize(house, asset, **keys)
    assert result.success
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_a_recipe_that_asks_for_more_than_there_is(house: House) -> None:
    steps = [{"kind": "clean", "figures": True}, {"kind": "random", "rows": 20}]
    recipe(house, parts={"p": part(rows=20, select=steps)})
    with house.entered():
        assert checks(house, "mixed_pool", recipe="sums") == {"schema": True, "suite": False}
        assert checks(house, "filtered_set", recipe="sums") == {"schema": True, "suite": False}
    pool, kept = house.current("mixed_pool", recipe="sums"), house.current("filtered_set", recipe="sums")
    assert pool.manifest.stats["draws"] == [{"part": "p", "source": "mine", "rows": 12, "copies": 0, "short": 8}]
    clean, cut = kept.manifest.stats["funnel"]["p"]
    assert clean["figures"] == {"dropped": {"figures": 1}}
    assert (cut["rows_in"], cut["rows_out"], cut["figures"]) == (11, 11, {"asked": 20, "short": 9})
    assert kept.ledger().collect().get_column("rule").to_list() == ["clean.figures"]


def test_a_part_that_allows_none_to_be_missing_is_refused(house: House) -> None:
    recipe(house, parts={"p": part(rows=20, fill="error")})
    with house.entered():
        message = make(house, "mixed_pool", recipe="sums")
    assert message is not None
    assert "asks for 20 rows, more than its sources have: mine has 12 of 20" in message


def test_rows_of_training_and_answers_of_each_part(house: House) -> None:
    parts = {"p": part(ratio=1), "q": part(ratio=1, answers_per_question=1)}
    recipe(house, parts=parts, rows=16, answers_per_question=4)
    with house.entered():
        for asset in ("mixed_pool", "filtered_set"):
            assert make(house, asset, recipe="sums") is None
    kept = house.current("filtered_set", recipe="sums").read()
    by_part = kept.group_by("part").agg(pl.len(), pl.col("answers_per_question").sum().alias("answers")).sort("part")
    assert by_part.rows() == [("p", 2, 8), ("q", 8, 8)]
