"""An edit reaches exactly what hangs on it: in `ot status`, in what `ot run` makes, in what is asked, and in Dagster's view."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endtoend.house import House, generated
from tests.endtoend.server import Endpoint
from tests.endtoend.stale import stale_in_dagster
from tests.endtoend.steps import make, materialize

BELOW_TRACES = ("training_set", "student_model", "eval_responses", "eval_scores")


def states(house: House, state: str, *arguments: str) -> set[str]:
    said = house.ot("status", *arguments, "--json").json
    return {name(s) for s in said if s["state"] == state}


def name(said: dict[str, Any]) -> str:
    return f"{said['asset']}[{'|'.join(said['partition'].values()) or '-'}]"


def of_solver(*assets: str) -> set[str]:
    return {f"{asset}[sums|solver]" for asset in assets}


SOLVER_TRACES = {f"{asset}[{s}|solver]" for asset in ("traces", "verdicts") for s in ("mine", "made")}


@pytest.mark.slow
def test_a_new_teacher_makes_only_its_own_partitions(house: House, server: Endpoint):
    before = house.artifacts()
    cool = {"temperature": 0.1, "max_tokens": 64, "seed": 7}
    house.write("teachers/cool", {"description": "Cooler.", "model": "solver", "sampling": cool})
    assert states(house, "stale") == set(), "a teacher that was never asked makes nothing stale"
    assert stale_in_dagster(house) == set()
    report = house.ot("run", "sums", "--teacher", "cool", "--json").json
    made = {name(step) for step in report["steps"] if step["outcome"] == "made"}
    assert made == (
        {f"{asset}[{s}|cool]" for asset in ("traces", "verdicts") for s in ("mine", "made")}
        | {f"{asset}[sums|cool]" for asset in BELOW_TRACES}
        | {"leaderboard[-]"}
    )
    assert len(server.bodies) == 24
    assert {body["temperature"] for body in server.bodies} == {0.1}
    after = house.artifacts()
    assert {key for key in before if after[key] != before[key]} == {"leaderboard[-]"}
    board = house.ot("leaderboard", "--json").json
    assert {s["model"] for s in board["scores"]} == {"sums × solver", "sums × cool", "solver", "tiny"}
    assert states(house, "stale") == set()


def test_a_teachers_temperature_asks_again_for_its_traces_and_nothing_else(house: House, server: Endpoint):
    house.edit("teachers/solver", {"sampling": {"temperature": 0.9}})
    assert states(house, "stale") == SOLVER_TRACES | of_solver(*BELOW_TRACES) | {"leaderboard[-]"}
    assert stale_in_dagster(house) == {"traces[mine|solver]", "traces[made|solver]"}
    with house.entered():
        assert make(house, "traces", source="mine", teacher="solver") is None
    assert len(server.bodies) == 12
    assert {body["temperature"] for body in server.bodies} == {0.9}
    (reason,) = [s["reasons"] for s in house.ot("status", "sums", "--json").json if name(s) == "traces[made|solver]"]
    assert reason == ["spec changed: teacher.sampling.temperature: 0.5 → 0.9"]


def test_a_price_asks_nothing_and_leaves_what_was_paid(house: House, server: Endpoint):
    old = house.current("traces", source="mine", teacher="solver").read()
    house.edit("models/solver", {"price": {"input": 10.0, "output": 20.0}})
    assert {"traces[mine|solver]", "traces[made|solver]"} <= states(house, "stale")
    assert not {key for key in states(house, "stale") if key.startswith(("baseline_scores", "trace_requests"))}
    with house.entered():
        assert make(house, "traces", source="mine", teacher="solver") is None
    assert server.bodies == []
    new = house.current("traces", source="mine", teacher="solver").read()
    assert new.equals(old), "a row keeps what was really paid"
    assert not {key for key in states(house, "stale") if key.startswith("traces[mine")}


def test_more_answers_ask_only_for_the_missing_ones(house: House, server: Endpoint):
    before = house.current("traces", source="mine", teacher="solver").read()
    house.edit("recipes/sums", {"answers_per_question": 4})
    with house.entered():
        for asset, keys in (
            ("filtered_set", {"recipe": "sums"}),
            ("trace_requests", {"source": "mine"}),
            ("traces", {"source": "mine", "teacher": "solver"}),
        ):
            assert make(house, asset, **keys) is None
    assert len(server.bodies) == 12, "6 questions, 2 more answers each"
    after = house.current("traces", source="mine", teacher="solver").read()
    assert len(after) == 24
    assert set(before["trace_id"]) < set(after["trace_id"])


@pytest.mark.slow
def test_a_learning_rate_retrains_and_leaves_the_data_alone(house: House, server: Endpoint):
    before = house.artifacts()
    house.edit("recipes/sums", {"student": {"training": {"learning_rate": 0.01}}})
    wanted = of_solver("student_model", "eval_responses", "eval_scores") | {"leaderboard[-]"}
    assert states(house, "stale") == wanted
    report = house.ot("run", "sums", "--json").json
    made = {name(step) for step in report["steps"] if step["outcome"] == "made"}
    assert {"student_model[sums|solver]"} <= made <= wanted
    assert server.bodies == []
    after = house.artifacts()
    assert {key for key in before if after[key] != before[key]} <= wanted
    assert after["student_model[sums|solver]"] != before["student_model[sums|solver]"]
    assert states(house, "stale") == set()


def test_another_recipe_over_the_same_rows_leaves_traces_as_they_are(house: House, server: Endpoint):
    before = house.artifacts()
    recipe = house.read("recipes/sums")
    recipe["answers_per_question"] = 1
    recipe["description"] = "The same questions, fewer answers."
    house.write("recipes/fewer", recipe)
    assert states(house, "stale") == set(), "a recipe that was not run yet changes nothing"
    with house.entered():
        assert make(house, "mixed_pool", recipe="fewer") is None
        assert make(house, "filtered_set", recipe="fewer") is None
        for source in ("mine", "made"):
            assert make(house, "trace_requests", source=source) is None
    after = house.artifacts()
    changed = {key for key in before if after[key] != before[key]}
    assert changed == {"trace_requests[mine]", "trace_requests[made]"}, "their inputs are other ones now"
    assert not {key for key in states(house, "stale") if key.startswith("traces")}
    assert not {key for key in stale_in_dagster(house) if key.startswith(("traces", "verdicts", "training_set"))}
    report = house.ot("status", "fewer", "--json").json
    assert {name(s) for s in report if s["state"] != "fresh"} == {
        f"{asset}[fewer|solver]" for asset in BELOW_TRACES
    } | (states(house, "stale"))
    with house.entered():
        result = materialize(house, "traces", source="mine", teacher="solver")
    assert result.success
    assert server.bodies == []


def test_each_spec_makes_exactly_its_own_partitions_stale_in_dagsters_view(house: House):
    house.edit("sources/mine", {"language": "de"})
    assert stale_in_dagster(house) == {"sourced_questions[mine]", "verdicts[mine|solver]"}, "a source names its judge"
    house.edit("benchmarks/exam", {"repeats": 3})
    assert stale_in_dagster(house) == {"sourced_questions[mine]", "verdicts[mine|solver]", "benchmark_questions[exam]"}
    house.write("sources/more", generated(5, seed=77))
    house.write("benchmarks/other", {**house.read("benchmarks/exam"), "description": "No more of them.",
                                     "origin": {**generated(3, seed=1)["origin"], "worked": False}, "columns": {},
                                     "verifier": "procedural"})  # fmt: skip
    assert stale_in_dagster(house) == {"sourced_questions[mine]", "verdicts[mine|solver]", "benchmark_questions[exam]"}
    house.edit("recipes/sums", {"seed": 7})
    assert stale_in_dagster(house) == {
        "sourced_questions[mine]", "verdicts[mine|solver]", "benchmark_questions[exam]", "mixed_pool[sums]",
        "filtered_set[sums]", "training_set[sums|solver]", "student_model[sums|solver]",
    }  # fmt: skip


def test_keys_keep_their_places_when_others_are_added(house: House):
    """Partitions are told apart by place where Dagster resolves ranges, so a new key comes last whatever its name."""
    house.write("sources/aaa", generated(5, seed=77))
    house.write("teachers/aaa", house.read("teachers/solver"))
    with house.entered():
        from ot_assets.registry import registry

        assert list(registry().sources)[-3:] == ["made", "mine", "aaa"]
        assert list(registry().teachers)[-2:] == ["solver", "aaa"]


def test_the_model_behind_a_teacher_makes_the_teachers_traces_stale(house: House):
    house.edit("models/solver", {"revision": "v2"})
    traces = {"traces[mine|solver]", "traces[made|solver]"}
    assert traces <= states(house, "stale")
    assert stale_in_dagster(house) == traces | {"baseline_scores[solver]"}
