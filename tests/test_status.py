"""Staleness from manifests: exact, all the way down, and blind to nothing at 150 recipes."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ot_assets.graph import KINDS, Need, World
from ot_assets.registry import Registry
from ot_assets.scope import scope
from ot_assets.status import StatusReader
from resources.artifacts import ArtifactStore
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher


def the_registry(**changes: object) -> Registry:
    specs = {
        "aime": a_source("aime"),
        "chem": a_source("chem"),
        "m1": a_model("m1"),
        "m2": a_model("m2"),
        "t1": a_teacher("t1", "m1"),
        "t2": a_teacher("t2", "m2"),
        "math-only": a_recipe("math-only", ["aime"], ["t1", "t2"]),
        "both": a_recipe("both", ["aime", "chem"], ["t1", "t2"]),
    }
    return a_registry(*{**specs, **changes}.values())


def publish(world: World, need: Need, text: str = "") -> None:
    """Makes a partition as a stage would: opens what it needs, writes a row, publishes."""
    kind = KINDS[need.asset]
    with world.store.publication(
        need.asset, need.partition, code_version=kind.code_version, spec=kind.spec(world, need.partition)
    ) as out:
        for upstream in kind.needs(world, need.partition):
            (out.open if upstream.required else out.open_if_there)(upstream.asset, upstream.partition)
        out.write(pl.DataFrame({"row": [f"{need}{text}"]}))
        out.publish()


def make_all(world: World) -> None:
    """Makes what is missing or stale, as `ot run` does, for every recipe."""
    for key in world.registry.recipes:
        for need in scope(world, key).steps():
            if StatusReader(world).own_reasons(need.asset, need.partition).state != "fresh":
                publish(world, need)


def states(world: World, state: str) -> set[str]:
    reader = StatusReader(world)
    found = (reader.status(asset, p) for asset in KINDS for p in world.store.partitions(asset))
    return {s.name for s in found if s.state == state}


@pytest.fixture()
def store(tmp_path: Path) -> ArtifactStore:
    made = ArtifactStore(tmp_path)
    make_all(World(the_registry(), made))
    make_all(World(the_registry(), made))
    return made


def test_everything_is_fresh_after_a_run_and_a_second_run_has_nothing_to_do(store):
    world = World(the_registry(), store)
    assert states(world, "stale") == set()
    assert len(states(world, "fresh")) > 20


def test_editing_a_teacher_makes_its_own_partitions_stale_and_no_others(store):
    world = World(the_registry(t1=a_teacher("t1", "m1", sampling={"temperature": 0.3})), store)
    assert states(world, "stale") == {
        "traces[aime|t1]", "traces[chem|t1]", "verdicts[aime|t1]", "verdicts[chem|t1]",
        "training_set[math-only|t1]", "training_set[both|t1]", "student_model[math-only|t1]", "student_model[both|t1]",
        "eval_responses[math-only|t1]", "eval_responses[both|t1]", "eval_scores[math-only|t1]", "eval_scores[both|t1]",
        "leaderboard",
    }  # fmt: skip


def test_editing_a_source_reaches_only_recipes_that_draw_from_it(store):
    world = World(the_registry(chem=a_source("chem", language="de")), store)
    stale = states(world, "stale")
    assert "sourced_questions[chem]" in stale
    assert "student_model[both|t1]" in stale
    assert not [name for name in stale if "math-only" in name or "[aime" in name]


def test_editing_a_recipes_training_retrains_and_leaves_its_data_alone(store):
    edited = a_recipe(
        "both", ["aime", "chem"], ["t1", "t2"], student={"base": "base", "training": {"learning_rate": 0.001}}
    )
    stale = states(World(the_registry(both=edited), store), "stale")
    assert stale == {
        f"{asset}[both|{t}]" for asset in ("student_model", "eval_responses", "eval_scores") for t in ("t1", "t2")
    } | {"leaderboard"}


def test_the_reason_names_the_field_and_both_values(store):
    world = World(the_registry(t1=a_teacher("t1", "m1", sampling={"temperature": 0.3})), store)
    status = StatusReader(world).status("traces", Need("traces", store.partitions("traces")[0]).partition)
    assert status.reasons == ("spec changed: teacher.sampling.temperature: 1.0 → 0.3",)


def test_a_recipe_that_asks_for_nothing_new_leaves_traces_fresh(store):
    world = World(the_registry(), store)
    for partition in store.partitions("trace_requests"):
        publish(world, Need("trace_requests", partition))
    assert states(world, "stale") == set()


def test_a_step_made_again_with_the_same_content_leaves_everything_below_fresh(store):
    world = World(the_registry(chem=a_source("chem", language="de")), store)
    publish(world, Need("sourced_questions", store.partitions("sourced_questions")[1]))
    assert states(world, "stale") == set()


def test_a_new_artifact_upstream_is_seen_all_the_way_down(store):
    world = World(the_registry(), store)
    first = store.partitions("sourced_questions")[0]
    publish(world, Need("sourced_questions", first), text=" changed")
    stale = states(world, "stale")
    assert {"screened_questions[aime]", "student_model[both|t2]", "leaderboard"} <= stale
    assert "sourced_questions[aime]" not in stale


def test_a_new_code_version_makes_stale(store, monkeypatch):
    from dataclasses import replace

    monkeypatch.setitem(KINDS, "verdicts", replace(KINDS["verdicts"], code_version="next"))
    stale = states(World(the_registry(), store), "stale")
    assert "verdicts[aime|t1]" in stale
    assert "student_model[both|t1]" in stale
    assert "traces[aime|t1]" not in stale


def test_150_recipes_over_one_source_are_all_seen(tmp_path):
    recipes = {f"r{i:03}": a_recipe(f"r{i:03}", ["aime"], ["t1"], benchmarks=[]) for i in range(150)}
    world = World(
        a_registry(a_source("aime"), a_model("m1"), a_teacher("t1", "m1"), *recipes.values()), ArtifactStore(tmp_path)
    )
    made = ("sourced_questions", "benchmark_questions", "screened_questions", "mixed_pool", "filtered_set")
    for key in recipes:
        for need in (need for need in scope(world, key).steps() if need.asset in made):
            if StatusReader(world).own_reasons(need.asset, need.partition).state != "fresh":
                publish(world, need)
    requests = scope(world, "r000").steps()
    request = next(n for n in requests if n.asset == "trace_requests")
    publish(world, request)
    assert StatusReader(world).status(request.asset, request.partition).state == "fresh"
    last = next(n for n in scope(world, "r149").steps() if n.asset == "filtered_set")
    publish(world, last, text=" one more row")
    status = StatusReader(world).status(request.asset, request.partition)
    assert status.state == "stale"
    assert status.reasons == ("filtered_set[r149] changed",)
