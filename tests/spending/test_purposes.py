"""Labels of stored replies: read, and given to the recipes and teachers that they belong to."""

from __future__ import annotations

from pathlib import Path

import pytest

from ot_assets.registry import Registry
from ot_assets.registry.specs.budget import BudgetSpec
from ot_assets.spending.limits import RunBudget, budgeted, require_prices, within
from ot_assets.spending.purposes import Purpose
from ot_assets.spending.stored import busy_hours, merged, spent_by_purpose
from resources.errors import UserError
from resources.generation.reply import Reply
from resources.responses.store import Meta, ResponseStore
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher
from tests.resources.generation.making import asked

TOP = [{"kind": "top", "score": {"kind": "answer_length", "teacher": "scorer"}, "rows": 5}]
PART = {"domain": "math", "rows": 10, "sources": [{"source": "s"}], "select": TOP}


@pytest.fixture
def registry() -> Registry:
    return a_registry(
        a_source("s", seed=1),
        a_source("u", seed=2),
        a_model("m", price={"input": 1.0, "output": 2.0}),
        a_model("free"),
        a_teacher("t", "m"),
        a_teacher("scorer", "m"),
        a_teacher("nobody", "free"),
        a_recipe("r", ["s"], ["t"], parts={"p": PART}, other_teachers="any", benchmarks=[]),
    )


@pytest.fixture
def store(tmp_path: Path) -> ResponseStore:
    return ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite")


@pytest.mark.parametrize(
    ("text", "asset", "partition", "source", "teacher"),
    [
        ("traces s|t", "traces", "s|t", "s", "t"),
        ("score answer_length.gpt-4.1-mini s", "question_scores", "s", "s", "gpt-4.1-mini"),
        ("score answer_length.scorer", "question_scores", "every source", None, "scorer"),
        ("eval_responses r|t dev", "eval_responses", "r|t", None, None),
        ("baseline_scores m dev", "baseline_scores", "m", None, None),
        ("verdicts s|t by judge", "verdicts", "s|t", "s", "judge"),
        ("training_set r|t pick by judge", "training_set", "r|t", "r", "judge"),
        ("", "", "", None, None),
        ("something else entirely", "something", "else", None, None),
    ],
)
def test_labels(text: str, asset: str, partition: str, source: str | None, teacher: str | None) -> None:
    read = Purpose.read(text)
    assert (read.asset, read.partition, read.source, read.teacher) == (asset, partition, source, teacher)


@pytest.mark.parametrize(
    ("text", "mine"),
    [
        ("traces s|t", True),
        ("traces u|t", False),
        ("traces s|other", False),
        ("score answer_length.scorer s", True),
        ("score answer_length.scorer", True),
        ("score answer_length.scorer u", False),
        ("score difficulty.scorer s", False),
        ("eval_responses r|t dev", True),
        ("eval_responses q|t dev", False),
        ("verdicts s|t by judge", True),
        ("baseline_scores m dev", False),
        ("x", False),
    ],
)
def test_what_belongs_to_a_recipe(registry: Registry, text: str, mine: bool) -> None:
    assert Purpose.read(text).belongs(registry, "r", ("t",)) is mine


def put(store: ResponseStore, purpose: str, count: int, cost: float | None, model: str = "m") -> None:
    request = asked().model_copy(update={"model": f"{model}:{model}"})
    rows = [
        (
            request.model_copy(update={"sample_index": sum(purpose.encode()) * 1_000 + n}),
            Reply.make("x", prompt_tokens=100, completion_tokens=50, cost=cost, seconds=1.0),
            Meta(purpose),
        )
        for n in range(count)
    ]
    store.put_many(rows)


def test_usage_counts_priced_and_unpriced_apart(store: ResponseStore) -> None:
    put(store, "traces s|t", 3, 0.25)
    put(store, "traces u|t", 2, None)
    usage = {one.purpose.text: one for one in spent_by_purpose(store)}
    assert (usage["traces s|t"].usd, usage["traces s|t"].unpriced, usage["traces s|t"].tokens) == (0.75, 0, 450)
    assert (usage["traces u|t"].usd, usage["traces u|t"].unpriced_completion) == (0.0, 100)


def test_hours_are_the_time_in_which_something_was_on_its_way(store: ResponseStore) -> None:
    assert merged([(5, 6), (0, 2), (1, 3), (3, 4)]) == [(0, 4), (5, 6)]
    assert busy_hours(store, []) == 0
    put(store, "traces s|t", 50, 0.1)
    assert 1.0 / 3600 <= busy_hours(store, ["traces s|t"]) < 20.0 / 3600
    assert busy_hours(store, ["traces u|t"]) == 0


def request_of(model: str) -> list[object]:
    return [asked().model_copy(update={"model": f"{model}:{model}"})]


def test_without_a_budget_nothing_is_limited_and_nothing_read(registry: Registry, store: ResponseStore) -> None:
    requests = iter(request_of("m"))
    same, budget = budgeted(registry, store, "traces s|t", requests)  # type: ignore[arg-type]
    assert same is requests
    assert budget is None


def test_a_run_starts_with_what_was_spent(registry: Registry, store: ResponseStore) -> None:
    put(store, "traces s|t", 3, 0.25)
    put(store, "traces u|t", 3, 0.25)
    with within(RunBudget("r", ("t",), BudgetSpec(usd=0.76))):
        same, budget = budgeted(registry, store, "traces s|t", request_of("m"))  # type: ignore[arg-type]
        assert budget is not None
        first = next(iter(same))
        assert budget.admit(first)
    with within(RunBudget("r", ("t",), BudgetSpec(usd=0.7501))):
        same, budget = budgeted(registry, store, "traces s|t", request_of("m"))  # type: ignore[arg-type]
        assert budget is not None
        assert not budget.admit(next(iter(same)))
        assert "$0.75 of $0.7501 is spent" in str(budget.stopped(4))


def test_replies_from_before_a_price_was_stated_count_at_todays(registry: Registry, store: ResponseStore) -> None:
    put(store, "traces s|t", 10_000 // 100, None)
    with within(RunBudget("r", ("t",), BudgetSpec(usd=0.02))):
        _, budget = budgeted(registry, store, "traces s|t", request_of("m"))  # type: ignore[arg-type]
    assert budget is not None
    assert not budget.admit(asked())
    assert "$0.02 of $0.02 is spent" in budget.why


def test_the_command_line_stands_in_for_the_recipe() -> None:
    said = BudgetSpec(usd=1.0).over(BudgetSpec(usd=9.0, tokens=5))
    assert (said.usd, said.tokens, said.hours) == (1.0, 5, None)
    assert BudgetSpec(usd=0.0).over(BudgetSpec(usd=9.0)).usd == 0.0, "0 is a limit"


def test_prices_are_asked_for_before_anything_else(registry: Registry, store: ResponseStore) -> None:
    require_prices(registry, RunBudget("r", ("t",), BudgetSpec(usd=1)))
    require_prices(registry, RunBudget("r", ("nobody",), BudgetSpec(tokens=1)))
    with pytest.raises(UserError, match="model free states no price"):
        require_prices(registry, RunBudget("r", ("nobody",), BudgetSpec(usd=1)))


def test_a_written_source_that_only_gives_examples_belongs_to_the_recipe() -> None:
    score = {"kind": "fasttext", "positives": [{"source": "w"}], "negatives": [{"texts": ["bad"]}]}
    registry = a_registry(
        a_source("s"),
        a_source("w", origin={"kind": "written", "teacher": "nobody", "from": {"questions": "s"}}, verifier="none"),
        a_model("free"),
        a_teacher("nobody", "free"),
        a_recipe(
            "r", ["s"], ["reference"], parts={"p": {**PART, "select": [{"kind": "top", "score": score, "rows": 5}]}}
        ),
    )
    assert Purpose.read("write w questions by nobody").belongs(registry, "r", ("reference",))
    with pytest.raises(UserError, match="model free states no price"):
        require_prices(registry, RunBudget("r", ("reference",), BudgetSpec(usd=1)))
