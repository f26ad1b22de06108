"""What a plan knows of answer filters: rows that are left at most, and what judges are asked."""

from __future__ import annotations

from typing import Any

import pytest

from ot_assets.planning import plan
from ot_assets.planning.answer_filters import judge_requests, kept_answers, most_rows
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher


def filters(spec: Any) -> Any:
    return a_recipe("r", ["s"], ["t"], answer_filter=spec).answer_filter


@pytest.mark.parametrize(
    ("spec", "kept", "rows"),
    [
        ({"kind": "none"}, 8, None),
        (
            [{"kind": "majority"}, {"kind": "longest", "keep": 3}, {"kind": "judge_pick", "judge": "j", "keep": 2}],
            2,
            None,
        ),
        ([{"kind": "random", "rows": 50}, {"kind": "cut_to", "rows": 40}], 8, 40),
    ],
)
def test_what_is_left_at_most(spec: Any, kept: int, rows: int | None) -> None:
    assert kept_answers(filters(spec), 8) == kept
    assert most_rows(filters(spec)) == rows


def test_what_judges_are_asked() -> None:
    spec = [
        {"kind": "longest", "keep": 4},
        {"kind": "judge_verify", "judge": "j", "votes": 3},
        {"kind": "judge_pick", "judge": "k", "keep": 2},
        {"kind": "judge_verify", "judge": "k"},
    ]
    found = judge_requests(filters(spec), 10, 8)
    assert [(one.judge, one.requests, one.answers_shown) for one in found] == [
        ("j", 120, 1),
        ("k", 10, 4),
        ("k", 20, 1),
    ]
    assert judge_requests(filters({"kind": "judge_pick", "judge": "k", "keep": 8}), 10, 8) == ()
    assert judge_requests(filters({"kind": "none"}), 10, 8) == ()


def test_a_plan_counts_and_prices_them() -> None:
    registry = a_registry(
        a_source("s", seed=1),
        a_model("m", price={"input": 1.0, "output": 2.0}),
        a_teacher("t", "m", sampling={"max_tokens": 100}),
        a_teacher("j", "m", estimate={"completion_tokens": 50}),
        a_recipe(
            "r",
            ["s"],
            ["t"],
            answers_per_question=4,
            answer_filter=[{"kind": "judge_verify", "judge": "j", "votes": 2}, {"kind": "cut_to", "rows": 30}],
        ),
    )
    found = plan(registry, "r")
    stage = next(one for one in found.stages if one.stage == "training_set")
    assert stage.requests == 10 * 4 * 2
    assert stage.completion_tokens == 80 * 50
    assert stage.cost == pytest.approx((stage.prompt_tokens + 2 * stage.completion_tokens) / 1e6)
    assert stage.note == "j"
    assert found.rows == {"math": 30}
    assert any("`judge_verify`" in line for line in found.assumptions)
