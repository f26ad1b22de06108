"""Written sources in whole runs: parents first, staleness, kills, faults of the endpoint, lineage."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import polars as pl
import pytest

from ot_assets.graph import Need, World, source
from ot_assets.lineage.report import fate_text
from ot_assets.lineage.where import where
from ot_assets.lineage.written import descendants
from ot_assets.planning import plan
from ot_assets.registry import registry
from ot_assets.scope import scope
from ot_assets.status import StatusReader
from resources.artifacts import Partition
from tests.endtoend.house import House
from tests.endtoend.server import Endpoint
from tests.sourcing.written.writers import SEEDS, TOPICS, make, prompt_of, publish, says, written

GROWN = {"from": {"questions": "mine"}, "method": "harder"}
RECIPE = {
    "description": "r",
    "parts": {"s": {"domain": "science", "sources": [{"source": "again"}], "rows": 3}},
    "teachers": ["writer"],
    "student": {"base": "base"},
    "benchmarks": ["exam"],
    "screen_against": ["exam"],
}


def world(house: House) -> World:
    registry.cache_clear()
    return World(registry(), house.store)


def chained(house: House) -> None:
    """Mine -> new -> again, and a recipe that draws from the last."""
    house.write("sources/new", written(**GROWN))
    house.write("sources/again", written(**{"from": {"questions": "new"}, "method": "rewritten"}))
    house.write("models/base", {"engine": "scripted", "model": "base", "licence": "MIT"})
    house.write("recipes/r", RECIPE)


def test_a_run_makes_parents_before_what_is_written_from_them(house: House) -> None:
    chained(house)
    steps = scope(world(house), "r").steps()
    names = [str(step) for step in steps]
    way = [
        f"{asset}[{key}]" for key in ("mine", "new", "again") for asset in ("sourced_questions", "screened_questions")
    ]
    assert [name for name in names if name in way] == way
    assert names.index("benchmark_questions[exam]") < names.index("screened_questions[mine]")
    assert names.index("screened_questions[again]") < names.index("mixed_pool[r]")


def test_stale_when_its_parent_or_its_teacher_changed(house: House) -> None:
    publish(house, **GROWN)
    assert StatusReader(world(house)).status("sourced_questions", source("new")).state == "fresh"
    house.edit("teachers/writer", {"sampling": {"temperature": 0.5}})
    assert "teachers.writer" in StatusReader(world(house)).status("sourced_questions", source("new")).reasons[0]
    house.edit("teachers/writer", {"sampling": {"temperature": 0.9}})
    house.rows("mine.jsonl", [{"problem": text} for text in SEEDS[:-1]])
    assert make(house, "sourced_questions", source="mine") is None
    assert make(house, "screened_questions", source="mine") is None
    reasons = StatusReader(world(house)).status("sourced_questions", source("new")).reasons
    assert reasons == ("screened_questions[mine] changed",)


def test_a_missing_parent_says_what_to_make(house: House) -> None:
    house.write("sources/other", {**house.read("sources/mine"), "origin": {"kind": "files", "paths": ["*.jsonl"]}})
    house.write("sources/new", written(**{"from": {"questions": "other"}}))
    said = make(house, "sourced_questions", source="new") or ""
    assert "screened_questions for other, which has not been made" in said


def test_what_was_paid_stays_when_the_endpoint_goes_down(house: House, server: Endpoint) -> None:
    down = True

    def behave(body: dict[str, Any]) -> Any:
        if down and "Optics" in prompt_of(body):
            return 503, {"error": {"message": "busy"}}
        return says(lambda _: None)(body)

    server.behaviour = behave
    house.write("sources/new", written(**{"from": {"topics": TOPICS}}))
    said = make(house, "sourced_questions", source="new") or ""
    assert "2 of 4 calls got no reply" in said and "run the same again" in said
    assert house.store.current("sourced_questions", Partition({"source": "new"})) is None
    down = False
    publish(house, **{"from": {"topics": TOPICS}})
    assert max(server.times_answered().values()) == 1 and len(server.answered) == 4


def test_a_call_that_fails_for_good_is_missing(house: House, server: Endpoint) -> None:
    server.behaviour = lambda body: (
        (400, {"error": {"message": "refused by policy"}})
        if "Friction" in prompt_of(body)
        else says(lambda _: None)(body)
    )
    made = publish(house, **{"from": {"topics": TOPICS}})
    line = made.ledger().collect().row(0, named=True)
    assert len(made.read()) == 3 and line["rule"] == "no_reply" and "refused by policy" in line["note"]


@pytest.mark.slow
def test_killed_in_the_middle_nothing_is_paid_twice(house: House, server: Endpoint) -> None:
    chained(house)
    server.seconds = 0.3
    run = house.start("run", "r")
    while len(server.answered) < 3 and run.poll() is None:
        pass
    run.kill()
    run.communicate()
    server.seconds = 0.0
    for key in ("mine", "new", "again"):
        for asset in ("sourced_questions", "screened_questions"):
            assert make(house, asset, source=key) is None
    paid = Counter({json.dumps(body, sort_keys=True): 0 for body in server.bodies})
    paid.update(json.dumps(body, sort_keys=True) for body in server.answered)
    twice = [body for body, times in paid.items() if times > 1]
    assert len(twice) <= 4, "at most what was under way when the run was killed"
    assert house.current("sourced_questions", source="again").manifest.rows_out == len(SEEDS)


def test_where_a_written_row_comes_from_and_what_became_of_its_seed(house: House) -> None:
    publish(house, **GROWN)
    assert make(house, "screened_questions", source="new") is None
    made = publish(house, "again", **{"from": {"questions": "new"}, "method": "rewritten"})
    row = made.read().row(0, named=True)
    fate = where(house.store, "again", row["source_row"])
    above = fate.written_from[0]
    assert (above.kind, above.source, len(above.parents)) == ("question", "new", 1)
    seed = above.parents[0]
    assert seed.source == "mine" and seed.question in SEEDS and not seed.parents and not seed.reason
    assert "written from question mine mine.jsonl:" in fate_text(fate)
    down = where(house.store, "mine", str(seed.source_row))
    assert [one.source for one in down.descendants] == ["new"]
    assert "written from it: new" in fate_text(down)


def test_every_question_that_was_written_from_a_row_is_found_once(house: House) -> None:
    made = publish(house, **{"from": {"questions": "mine", "seeds": 2}}, per_call=60, rows=60, near=None)
    parents = made.read("parents")
    rows = parents["parent_row"].unique().to_list()
    assert len(parents) == 120 and len(rows) == 2
    found = descendants(house.store, "mine", rows)
    assert [one.question_id for one in found] == made.read()["question_id"].to_list()
    down = where(house.store, "mine", rows[0])
    assert {one.question_id for one in down.descendants} == set(made.read()["question_id"])


def test_the_plan_counts_what_writing_asks(house: House) -> None:
    chained(house)
    house.edit("sources/mine", {"rows": 6})
    house.edit("sources/new", {"origin": {"per_call": 2}})
    stage = next(one for one in plan(world(house).registry, "r").stages if one.stage == "sourced_questions")
    assert [(call.where, call.requests) for call in stage.calls] == [("new", 6), ("again", 12)]
    assert stage.rows_out == 6 + 12 + 12 and stage.cost > 0
    house.edit("sources/new", {"origin": {"most_calls": 4}})
    stage = next(one for one in plan(world(house).registry, "r").stages if one.stage == "sourced_questions")
    assert [(call.where, call.requests) for call in stage.calls] == [("new", 4), ("again", 8)]
    house.write("sources/few", written(**{"from": {"topics": TOPICS}}, per_call=3, most_calls=2))
    assert world(house).registry.source("few").size == 6


def test_a_budget_stops_the_writing(house: House, server: Endpoint) -> None:
    house.edit("teachers/writer", {"budget": {"tokens": 3_350}})
    house.write("sources/new", written(**{"from": {"topics": TOPICS}}))
    said = make(house, "sourced_questions", source="new") or ""
    assert "budget of teacher writer" in said and 0 < len(server.answered) < 4
    house.edit("teachers/writer", {"budget": {"tokens": 100_000}})
    publish(house, **{"from": {"topics": TOPICS}})
    assert len(server.answered) == 4


def test_what_is_left_out_at_screening_is_no_parent(house: House) -> None:
    """An item of a benchmark must not come back in other words."""
    house.rows("exam.jsonl", [{"problem": SEEDS[0], "answer": "1", "worked": ""}], folder="benchmarks")
    house.edit("benchmarks/exam", {"screen": {"similarity": 75}})
    assert make(house, "benchmark_questions", benchmark="exam") is None
    assert make(house, "screened_questions", source="mine") is None
    made = publish(house, **GROWN)
    shown = made.read("parents")["parent"]
    mine = house.current("sourced_questions", source="mine").read()
    leaked = mine.filter(pl.col("question") == SEEDS[0])["question_id"].item()
    assert leaked not in shown.to_list() and len(shown) == len(SEEDS) - 1


def test_needs_of_a_written_source(house: House) -> None:
    chained(house)
    from ot_assets.graph import KINDS

    assert KINDS["sourced_questions"].needs(world(house), source("again")) == (
        Need("screened_questions", source("new")),
    )
    assert KINDS["sourced_questions"].needs(world(house), source("mine")) == ()


@pytest.mark.slow
def test_a_small_real_model_writes_lines(house: House) -> None:
    """SmolLM2-135M cannot write JSON; a line each it can."""
    small = {"model": "smollm2-135m-instruct", "sampling": {"temperature": 0.0, "max_tokens": 60}}
    house.write("teachers/small", {"description": "Small.", "reasoning": None, **small})
    origin = {"from": {"questions": "mine"}, "method": "rewritten", "reply": "lines", "teacher": "small", "near": None}
    made = publish(house, **origin)
    mine = house.current("screened_questions", source="mine").read("")["question_id"]
    parents = made.read("parents")
    assert set(parents["question_id"]) == set(made.read()["question_id"])
    assert 1 <= parents["parent"].n_unique() <= len(SEEDS) and set(parents["parent"]) <= set(mine)
    assert made.manifest.stats["asked"]["new"] >= len(SEEDS)
    again = publish(house, **origin)
    assert again.manifest.content_hash == made.manifest.content_hash
