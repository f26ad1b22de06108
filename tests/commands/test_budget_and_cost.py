"""Budgets, bills, estimates and the pilot over a small house: what a person types, and what comes of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.responses.store import ResponseStore
from tests.endtoend.house import House, build, generated
from tests.endtoend.server import Endpoint, endpoint
from tests.endtoend.steps import make

TRACES = 24
USD_EACH = (20 * 1.0 + 10 * 2.0) / 1e6
"""The endpoint states 20 tokens in and 10 out of every reply; the model's price is 1 and 2 USD a million."""


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as state:
        yield state


@pytest.fixture
def mine(house: House, server: Endpoint) -> House:
    """A copy of the made house, its endpoint ours."""
    house.env["SOLVER_URL"] = server.url
    return house


@pytest.fixture
def anew(mine: House) -> House:
    """The same with a teacher that must answer anew; what it answered before stays in the store."""
    mine.edit("teachers/solver", {"sampling": {"temperature": 0.2}})
    return mine


def spent(house: House) -> tuple[int, int]:
    """Replies and tokens of the traces in the store."""
    with ResponseStore(f"sqlite:///{house.home / 'responses.sqlite'}", create=False) as store:
        rows = [row.reply for row in store.rows(purpose="traces")]
    return len(rows), sum((r.prompt_tokens or 0) + (r.completion_tokens or 0) for r in rows)


def evaluated(house: House) -> int:
    """Tokens of everything else that is stored: benchmarks answered by the student and by models."""
    with ResponseStore(f"sqlite:///{house.home / 'responses.sqlite'}", create=False) as store:
        rows = [row.reply for row in store.rows() if not row.purpose.startswith("traces")]
    return sum((r.prompt_tokens or 0) + (r.completion_tokens or 0) for r in rows)


def test_a_run_stops_before_its_budget_and_a_second_one_too(anew: House, server: Endpoint):
    limit = evaluated(anew) + spent(anew)[1] + 900
    said = anew.ot("run", "sums", "--budget-tokens", str(limit), "--quiet")
    assert said.code == 1
    assert "budget of recipe sums" in said.text
    assert "everything that came is stored and stays" in said.text
    assert "--budget-tokens N" in said.text
    assert "Traceback" not in said.text
    replies, tokens = spent(anew)
    assert len(server.answered) == replies - TRACES
    assert tokens + evaluated(anew) <= limit
    assert 0 < replies - TRACES < TRACES
    assert anew.ot("run", "sums", "--budget-tokens", str(limit), "--quiet").code == 1
    assert spent(anew)[1] + evaluated(anew) <= limit, "a second run does not start at zero"


def test_a_budget_of_zero_asks_nothing(anew: House, server: Endpoint):
    anew.edit("recipes/sums", {"budget": {"usd": 0}})
    said = anew.ot("run", "sums", "--quiet")
    assert said.code == 1
    assert "of $0.00 is spent ($0.00 of it now)" in said.text
    assert server.bodies == []


def test_a_budget_of_zero_serves_what_is_stored(mine: House, server: Endpoint):
    assert mine.ot("run", "sums", "--budget-usd", "0").code == 0
    with mine.entered():
        for source in ("made", "mine"):
            assert make(mine, "traces", source=source, teacher="solver") is None
    assert server.bodies == []


def test_a_teacher_keeps_to_its_own_budget(mine: House, server: Endpoint):
    mine.edit("teachers/solver", {"sampling": {"temperature": 0.2}, "budget": {"tokens": 1_500}})
    with mine.entered():
        said = make(mine, "traces", source="made", teacher="solver")
    assert said is not None
    assert "budget of teacher solver" in said
    assert "teachers/solver.yaml" in said
    assert len(server.answered) * 30 + TRACES * 30 <= 1_500


def test_money_cannot_be_limited_without_prices(mine: House, server: Endpoint):
    solver = mine.read("models/solver")
    del solver["price"]
    mine.write("models/solver", solver)
    said = mine.ot("run", "sums", "--budget-usd", "5")
    assert said.code == 1
    assert "model solver states no price" in said.err
    assert "models/solver.yaml" in said.err
    assert server.bodies == []


@pytest.mark.parametrize("limit", ["--budget-usd=-1", "--budget-tokens=-5", "--budget-hours=x"])
def test_a_limit_that_is_none_is_wrong_usage(empty: House, limit: str):
    assert empty.ot("run", "sums", limit).code == 2


def test_a_budget_makes_nothing_stale(mine: House):
    mine.edit("recipes/sums", {"budget": {"usd": 100, "tokens": 10_000_000, "hours": 50}})
    mine.edit("teachers/solver", {"budget": {"usd": 100}})
    mine.edit("models/solver", {"speed": 50})
    states = mine.ot("status", "sums", "--json").json
    assert {state["state"] for state in states} == {"fresh"}


def test_cost_says_what_was_bought_and_what_a_kept_row_took(made: House):
    said = made.ot("cost", "sums", "--json").json
    assets = {line["asset"]: line for line in said["assets"]}
    assert assets["traces"]["replies"] == TRACES
    assert assets["traces"]["usd"] == pytest.approx(TRACES * USD_EACH)
    assert assets["eval_responses"]["usd"] is None, "a student has no price: not known, not 0"
    assert said["used_traces"]["usd"] == pytest.approx(TRACES * USD_EACH)
    kept = made.current("training_set", recipe="sums", teacher="solver").manifest.rows_out
    assert said["kept_rows"] == kept > 0
    assert said["per_kept_row"]["usd_per_kept_row"] == pytest.approx(TRACES * USD_EACH / kept)
    assert said["per_kept_row"]["tokens_per_kept_row"] == pytest.approx(TRACES * 30 / kept)
    places = {(line["asset"], line["partition"]) for line in said["partitions"]}
    assert {("traces", "mine|solver"), ("traces", "made|solver"), ("baseline_scores", "solver")} <= places
    assert sum(part["kept_rows"] for part in said["parts"]) == kept
    assert {line["source"] for line in said["sources"]} == {"mine", "made"}
    assert [line["teacher"] for line in said["teachers"]] == ["solver"]


def test_a_trace_that_another_recipe_wants_counts_for_each(mine: House):
    fewer = mine.read("recipes/sums") | {"answers_per_question": 1}
    mine.write("recipes/fewer", fewer)
    with mine.entered():
        for asset in ("mixed_pool", "filtered_set"):
            assert make(mine, asset, recipe="fewer") is None
    said = mine.ot("cost", "fewer", "--json").json
    assert {line["asset"]: line["replies"] for line in said["assets"]}["traces"] == TRACES
    assert said["used_traces"]["replies"] == TRACES / 2
    assert said["used_traces"]["usd"] == pytest.approx(TRACES / 2 * USD_EACH)
    assert said["per_kept_row"]["usd_per_kept_row"] is None, "nothing is kept yet"


def test_cost_is_readable_and_works_before_anything_is_made(mine: House):
    said = mine.ot("cost", "sums").out
    assert "A kept row: $" in said
    assert "not known" in said
    shutil.rmtree(mine.home)
    assert "Training rows: 0" in mine.ot("cost", "sums").out


def test_a_plan_learns_from_what_is_stored(made: House):
    said = made.ot("plan", "sums", "--json").json
    calls = [call for stage in said["stages"] for call in stage["calls"] if stage["stage"] == "traces"]
    assert [call["basis"] for call in calls] == ["stored n=12", "stored n=12"]
    traces = next(stage for stage in said["stages"] if stage["stage"] == "traces")
    assert traces["tokens"] == TRACES * 30
    assert traces["cost"] == pytest.approx(TRACES * USD_EACH, abs=0.01)
    assert traces["estimate"]["cost"]["complete"] is True
    assert traces["estimate"]["wall_hours"]["expected"] > 0
    students = next(stage for stage in said["stages"] if stage["stage"] == "eval_responses")
    assert students["estimate"] is not None


def test_a_pilot_asks_a_few_and_they_are_not_bought_twice(anew: House, server: Endpoint):
    said = anew.ot("plan", "sums", "--pilot", "5", "--json").json
    calls = [call for stage in said["stages"] for call in stage["calls"] if stage["stage"] == "traces"]
    assert [call["basis"] for call in calls] == ["pilot n=17", "pilot n=17"]
    assert len(server.answered) == 10
    again = anew.ot("plan", "sums", "--pilot", "5", "--json").json
    assert len(server.answered) == 10
    assert again["tokens"] == said["tokens"]
    with anew.entered():
        for source in ("made", "mine"):
            assert make(anew, "traces", source=source, teacher="solver") is None
    assert len(server.answered) == TRACES, "what the pilot bought is used"


def test_the_pilot_keeps_to_the_budget(anew: House, server: Endpoint):
    anew.edit("recipes/sums", {"budget": {"tokens": 0}})
    said = anew.ot("plan", "sums", "--pilot", "5")
    assert said.code == 1
    assert "budget of recipe sums" in said.err
    assert server.bodies == []


def test_a_pilot_writes_no_source_that_only_gives_examples(tmp_path: Path, server: Endpoint):
    house = build(tmp_path, tmp_path / "no-base", server.url)
    origin = {"kind": "written", "teacher": "solver", "from": {"questions": "mine"}}
    house.write("sources/tales", generated(1, seed=1) | {"origin": origin, "verifier": "none"})
    score = {"kind": "fasttext", "positives": [{"source": "tales"}], "negatives": [{"source": "made"}]}
    house.edit("recipes/sums", {"parts": {"math": {"select": [{"kind": "top", "score": score, "rows": 6}]}}})
    said = house.ot("plan", "sums", "--pilot", "5")
    assert said.code == 1
    assert "source tales is written by a model" in said.err
    assert server.bodies == []
