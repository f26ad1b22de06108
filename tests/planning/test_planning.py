"""Plans: OpenThoughts3 to the exact row, and the arithmetic of small recipes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ot_assets.planning import Plan, plan, render
from ot_assets.registry import Registry, load_registry
from resources.errors import UserError
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher


@pytest.fixture(scope="module")
def shipped() -> Registry:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OT_REGISTRY", raising=False)
        return load_registry(record=Path("/nowhere/keys.json"))


def stage(found: Plan, name: str) -> dict[str, Any]:
    return next(s.to_json() for s in found.stages if s.stage == name)


@pytest.mark.parametrize(
    ("recipe", "rows", "questions"),
    [
        ("openthoughts3-math", {"math": 850_000}, {"math": 53_125}),
        ("openthoughts3-code", {"code": 250_000}, {"code": 15_625}),
        ("openthoughts3-science", {"science": 100_000}, {"science": 6_250}),
        (
            "openthoughts3",
            {"math": 850_000, "code": 250_000, "science": 100_000},
            {"math": 53_125, "code": 15_625, "science": 6_250},
        ),
    ],
)
@pytest.mark.parametrize("teacher", [None, "deepseek-r1", "phi-4-reasoning-plus"])
def test_openthoughts3(
    shipped: Registry, recipe: str, rows: dict[str, int], questions: dict[str, int], teacher: str | None
) -> None:
    found = plan(shipped, recipe, teacher)
    assert found.rows == rows
    assert found.questions == questions
    assert found.answers_per_question == 16
    traces = stage(found, "traces")
    assert traces["requests"] == traces["rows_out"] == sum(rows.values())
    assert stage(found, "filtered_set")["rows_out"] == sum(questions.values())
    assert stage(found, "training_set")["rows_out"] == sum(rows.values())
    assert found.training.name == "large"


def test_what_openthoughts3_asks_for(shipped: Registry) -> None:
    found = plan(shipped, "openthoughts3")
    assert stage(found, "traces")["completion_tokens"] == 1_200_000 * 16_000
    evaluations = 30 * 10 * 2 + 40 * 10 + 500 + (391 + 453 + 198 + 515 + 512) * 3 + 511 * 6 + 369 * 6 + 30 * 10
    assert stage(found, "eval_responses")["requests"] == evaluations
    assert stage(found, "baseline_scores")["requests"] == 2 * evaluations
    assert found.requests == sum(s.requests for s in found.stages)
    assert found.tokens == sum(s.prompt_tokens + s.completion_tokens for s in found.stages)
    assert found.unpriced == ("qwq-32b", "student of qwq-32b", "qwen2.5-7b-instruct")


def test_money(shipped: Registry) -> None:
    found = plan(shipped, "openthoughts3-math", "deepseek-r1")
    traces = stage(found, "traces")
    cost = (traces["prompt_tokens"] * 0.55 + traces["completion_tokens"] * 2.19) / 1e6
    assert traces["cost"] == pytest.approx(cost, abs=0.01)
    scores = stage(found, "question_scores")
    assert scores["requests"] == shipped.source("openmath-2-math").size
    assert scores["cost"] == pytest.approx(
        (scores["prompt_tokens"] * 0.40 + scores["completion_tokens"] * 1.60) / 1e6, abs=0.01
    )


@pytest.mark.parametrize("recipe", ["openthoughts3", "openthoughts3-math"])
def test_json_has_what_programs_read(shipped: Registry, recipe: str) -> None:
    data = json.loads(json.dumps(plan(shipped, recipe).to_json()))
    assert {"recipe", "stages", "rows", "answers_per_question", "requests", "tokens"} <= set(data)
    assert {"stage", "partitions", "rows_in", "rows_out", "requests", "tokens"} <= set(data["stages"][0])
    assert data["assumptions"]


def test_every_shipped_recipe_plans_and_shows(shipped: Registry) -> None:
    for key in shipped.recipes:
        out = io.StringIO()
        Console(file=out, width=140).print(render(plan(shipped, key)))
        assert "in all" in out.getvalue()
        assert key in out.getvalue()


def small(**fields: Any) -> Registry:
    """Two sources of 20 questions, one teacher, one recipe."""
    return a_registry(
        a_source("s", seed=1),
        a_source("u", seed=2),
        a_model("m"),
        a_teacher("t", "m", sampling={"max_tokens": 100}),
        a_recipe("r", ["s", "u"], ["t"], **fields),
    )


def part(**fields: Any) -> dict[str, Any]:
    return {"domain": "math", "sources": [{"source": "s"}, {"source": "u"}], **fields}


@pytest.mark.parametrize(
    ("fields", "pool", "left"),
    [
        ({"rows": "all"}, 40, 40),
        ({"rows": 30}, 30, 30),
        ({"rows": 100}, 40, 40),
        ({"rows": 100, "fill": "repeat"}, 100, 100),
        ({"rows": 100, "fill": "repeat", "select": [{"kind": "dedup"}]}, 100, 40),
        ({"rows": 100, "select": [{"kind": "random", "rows": 50}]}, 40, 40),
        ({"rows": "all", "select": [{"kind": "random", "rows": 7}]}, 40, 7),
        ({"rows": 20, "sources": [{"source": "s", "share": 0.9}, {"source": "u", "share": 0.1}]}, 20, 20),
        ({"rows": 30, "sources": [{"source": "s", "share": 0.9}, {"source": "u", "share": 0.1}]}, 23, 23),
    ],
)
def test_rows_of_a_part(fields: dict[str, Any], pool: int, left: int) -> None:
    found = plan(small(parts={"p": part(**fields)}), "r")
    assert stage(found, "mixed_pool")["rows_out"] == pool
    assert stage(found, "filtered_set")["rows_out"] == left
    assert found.rows == {"math": left}


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ({"kind": "none"}, 80),
        ({"kind": "verified"}, 80),
        ({"kind": "verified", "keep": 1}, 20),
        ({"kind": "shortest", "keep": 2}, 40),
        ({"kind": "longest", "keep": 9}, 80),
        ({"kind": "random", "keep": 1}, 20),
        ({"kind": "random", "rows": 33}, 33),
    ],
)
def test_answer_filters(rule: dict[str, Any], rows: int) -> None:
    found = plan(small(parts={"p": part(rows=20)}, answers_per_question=4, answer_filter=rule), "r")
    assert found.rows == {"math": rows}
    assert stage(found, "traces")["requests"] == 80


def test_verified_counts_only_what_can_be_verified() -> None:
    registry = a_registry(
        a_source("s", seed=1),
        a_source("u", seed=2, verifier="none"),
        a_teacher("t", "base"),
        a_recipe("r", ["s", "u"], ["t"], answer_filter={"kind": "verified"}),
    )
    assert plan(registry, "r").rows == {"math": 5}


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 400))
def test_a_limit_on_examples_is_met_exactly(a: int, b: int, limit: int) -> None:
    registry = small(
        parts={
            "x": {"domain": "math", "rows": a, "fill": "repeat", "sources": [{"source": "s"}]},
            "y": {"domain": "puzzle", "rows": b, "fill": "repeat", "sources": [{"source": "u"}]},
        },
        answer_filter={"kind": "random", "rows": limit},
    )
    assert sum(plan(registry, "r").rows.values()) == min(a + b, limit)


def test_reference_answers_once_and_asks_nobody() -> None:
    registry = small(other_teachers=["reference"], answers_per_question=8)
    found = plan(registry, "r", "reference")
    assert found.rows == {"math": 10}
    assert stage(found, "traces")["requests"] == 0
    assert stage(found, "traces")["rows_out"] == 10


def test_several_teachers() -> None:
    registry = a_registry(
        a_source("s"), a_teacher("t", "base"), a_recipe("r", ["s"], ["t", "reference"], answers_per_question=3)
    )
    found = plan(registry, "r")
    assert found.rows_by_teacher == {"t": {"math": 30}, "reference": {"math": 10}}
    assert found.rows == {"math": 30}
    assert stage(found, "traces")["partitions"] == 2
    assert stage(found, "student_model")["rows_out"] == 2


def test_size_that_nobody_knows() -> None:
    origin = {"kind": "hub", "dataset": "a/b"}
    source = a_source("s", origin=origin, columns={"question": "q"}, verifier="none")
    found = plan(a_registry(source, a_teacher("t", "base"), a_recipe("r", ["s"], ["t"])), "r")
    assert found.rows == {"math": 10}
    assert stage(found, "sourced_questions")["rows_out"] is None
    assert any("how large s is" in assumption for assumption in found.assumptions)


def test_a_written_source_is_as_large_as_its_parents_make_it() -> None:
    origin = {"kind": "written", "teacher": "t", "from": {"questions": "s"}, "per_call": 2}
    registry = a_registry(
        a_source("s"),
        a_source("w", origin=origin, verifier="none"),
        a_teacher("t", "base"),
        a_recipe("r", [], ["t"], parts={"p": {"domain": "math", "rows": "all", "sources": [{"source": "w"}]}}),
    )
    found = plan(registry, "r")
    assert found.questions == {"math": 2 * 20}
    assert stage(found, "traces")["requests"] == 2 * 20
    assert not any("how large" in assumption for assumption in found.assumptions)


def test_answers_are_no_longer_than_allowed() -> None:
    found = plan(small(), "r")
    traces = stage(found, "traces")
    assert traces["completion_tokens"] == traces["requests"] * 100


def test_unknown_recipe_and_unwanted_teacher() -> None:
    with pytest.raises(UserError, match="no recipe 'rr'"):
        plan(small(), "rr")
    with pytest.raises(UserError, match="no teacher 'tt'"):
        plan(small(), "r", "tt")
    with pytest.raises(UserError, match="not taught by 'reference'; its teachers are t"):
        plan(small(), "r", "reference")


def test_the_row_count_decides_the_tier() -> None:
    assert plan(small(), "r").training.name == "micro"
    big = small(parts={"p": part(rows=3160, fill="repeat")})
    assert plan(big, "r").training.name == "medium"


def test_what_the_judge_of_a_source_is_asked_stands_at_the_verdicts() -> None:
    files = {
        "origin": {"kind": "files", "paths": ["x.jsonl"]},
        "columns": {"question": "q"},
        "rows": 20,
        "verifier": "judge",
        "judge": {"teacher": "t", "votes": 3},
    }
    registry = a_registry(
        a_source("judged", **files),
        a_source("plain"),
        a_model("m", price={"input": 1.0, "output": 2.0}),
        a_teacher("t", "m", sampling={"max_tokens": 100}),
        a_recipe("r", ["judged", "plain"], ["t"], answers_per_question=2),
    )
    found = stage(plan(registry, "r"), "verdicts")
    assert found["requests"] == 5 * 2 * 3
    assert found["cost"] > 0


def test_rows_after_the_steps_that_know_a_number() -> None:
    score = {"kind": "answer_length", "teacher": "t"}
    steps = [
        {"kind": "clean", "figures": True},
        {"kind": "band", "score": score, "low": 0.25, "high": 0.75},
        {"kind": "threshold", "score": score, "at_least": 1.0},
        {"kind": "stratified", "rows": 6},
    ]
    found = plan(small(parts={"p": part(rows=20, select=steps[:3])}), "r")
    assert found.questions == {"math": 10}
    assert any("`clean` and `threshold` drop nothing" in line for line in found.assumptions)
    assert plan(small(parts={"p": part(rows=20, select=steps)}), "r").questions == {"math": 6}


def test_rows_of_the_recipe_become_questions_with_each_parts_answers() -> None:
    parts = {"p": part(rows=20, ratio=1), "q": part(rows=20, ratio=1, answers_per_question=1)}
    found = plan(small(parts=parts, rows=16, answers_per_question=4), "r")
    assert found.questions == {"math": 2 + 8}
    assert sum(found.rows.values()) == 16


def test_what_declared_sources_cannot_give_is_said() -> None:
    found = plan(small(parts={"p": part(rows=50)}), "r")
    assert any(line.startswith("SHORT") and "s 5, u 5 rows" in line for line in found.assumptions), found.assumptions


def test_threads_of_conversations_are_counted() -> None:
    def asking(**draw: Any) -> Registry:
        more = {"conversations": {"languages": ["en", "pt-br"], **draw}} if draw else {}
        return a_registry(a_source("sums"), a_recipe("r", ["sums"], ["reference"], **more))

    of_parts, some = plan(asking(), "r").rows, asking(rows=50)
    unknown = plan(some, "r")
    assert unknown.rows == {**of_parts, "threads": 50}
    assert "en, pt-br: taken to have threads enough, for none are made yet" in unknown.assumptions
    known = plan(some, "r", threads={"en": 30, "pt-br": 5})
    assert known.rows["threads"] == 35 and stage(known, "training_set")["rows_out"] == sum(known.rows.values())
    assert "SHORT: 50 examples of conversations are asked for, and 35 are there" in known.assumptions
    assert known.training_tokens > plan(some, "r", threads={"en": 3, "pt-br": 0}).training_tokens
    every = plan(asking(rows="all"), "r", threads={"en": 30})
    assert every.rows["threads"] == 30
    assert "nobody knows how many threads pt-br will give: not counted" in every.assumptions
