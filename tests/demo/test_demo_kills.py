"""kill -9 at ten random moments of `ot run demo`: nothing is lost, nothing is bought twice, nothing is damaged."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from resources.artifacts import ArtifactStore, Partition
from tests.demo.home import GIVEN, DemoHome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture
def killed(demo: DemoHome) -> DemoHome:
    if not demo.asked:
        pytest.skip(f"{GIVEN} is set: how that demo was made is not known")
    return demo


def test_no_stored_answer_is_generated_again(killed: DemoHome):
    assert len(killed.asked) == 11
    for before, asked in zip(killed.stored_before, killed.asked, strict=True):
        assert not asked & before
    assert killed.stored_keys() == set().union(*killed.asked, *killed.stored_before) & killed.stored_keys()


def test_some_kills_came_while_answers_were_being_stored(killed: DemoHome):
    growing = [len(keys) for keys in killed.stored_before]
    assert growing == sorted(growing)
    assert len(set(growing)) > 4


def test_no_artifact_is_damaged(demo: DemoHome):
    store = ArtifactStore(demo.path / "artifacts")
    checked = 0
    for asset in store.assets():
        for partition in store.partitions(asset):
            artifact = store.current(asset, partition)
            assert artifact is not None
            assert artifact.verify() == []
            checked += 1
    assert checked > 30


def test_a_second_run_does_nothing(demo: DemoHome):
    report = demo.json("run", "demo")
    assert report["made"] == 0
    assert report["failed"] == 0
    assert report["fresh"] > 40


def test_what_killed_runs_left_is_collected(demo: DemoHome):
    done = demo.ot("gc", "--delete", "--grace-hours", "0")
    assert done.returncode == 0, done.stderr
    left = list((demo.path / "artifacts").rglob(".tmp-*"))
    assert left == []
    assert demo.json("run", "demo")["made"] == 0


def test_the_reference_student_beats_its_base_on_arithmetic(demo: DemoHome):
    board = demo.json("leaderboard")
    pairs = {
        (c["a"], c["b"]): c
        for c in board["comparisons"]
        if c["benchmark"] == "arithmetic" and {c["a"], c["b"]} == {"demo × reference", "smollm2-135m-instruct"}
    }
    ((a, _b), found) = next(iter(pairs.items()))
    difference = found["difference"] if a == "demo × reference" else -found["difference"]
    assert difference > 0.1
    assert found["p_adjusted"] < 0.05
    assert set(board["scores"][0]) == {
        "model", "recipe", "teacher", "benchmark", "score", "se", "questions", "repeats", "missing",
    }  # fmt: skip


def test_no_benchmark_question_is_in_a_training_set(demo: DemoHome):
    store = ArtifactStore(demo.path / "artifacts")
    asked: set[str] = set()
    for partition in store.partitions("benchmark_questions"):
        artifact = store.current("benchmark_questions", partition)
        assert artifact is not None
        asked |= set(artifact.scan().select("question_id").collect()["question_id"])
    for partition in store.partitions("training_set"):
        artifact = store.current("training_set", partition)
        assert artifact is not None
        assert not asked & set(artifact.scan().select("question_id").collect()["question_id"])


def test_lineage_names_every_source(demo: DemoHome):
    tree = demo.json("lineage", "student_model", "--recipe", "demo", "--teacher", "reference")
    assert set(tree) >= {
        "asset", "partition", "artifact", "content_hash", "spec_hash", "commit", "rows_in", "rows_out", "dropped",
        "licences", "inputs",
    }  # fmt: skip
    found: set[str] = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if node["asset"] == "sourced_questions":
            found.add(node["partition"]["source"])
        stack.extend(node["inputs"])
    from ot_assets.registry import load_registry

    assert found == set(load_registry().recipe("demo").sources)


def test_the_paths_of_100_random_examples_check_out_against_the_files(demo: DemoHome):
    from ot_assets.lineage.rows import example_path

    store = ArtifactStore(demo.path / "artifacts")
    training = store.current("training_set", Partition({"recipe": "demo", "teacher": "reference"}))
    assert training is not None
    rows = training.read()
    picked = random.Random(3).sample(range(len(rows)), min(100, len(rows)))
    for place in picked:
        row = rows.row(place, named=True)
        path = example_path(store, "demo", "reference", row["example_id"])
        assert path.source == row["source"]
        assert path.source_row == row["source_row"]
        sourced = store.current("sourced_questions", Partition({"source": row["source"]}))
        assert sourced is not None
        origin = sourced.scan().filter(pl.col("question_id") == row["question_id"]).collect()
        assert origin["source_row"].to_list() == [row["source_row"]]
        assert origin["question"][0] in row["prompt"][-1]["content"]


def test_the_card_stands_in_the_students_folder_and_opens_with_front_matter(demo: DemoHome):
    import yaml

    store = ArtifactStore(demo.path / "artifacts")
    student = store.current("student_model", Partition({"recipe": "demo", "teacher": "reference"}))
    assert student is not None
    text = student.file("README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["base_model"]
    assert front["license"]
    assert (student.folder() / "model.safetensors").exists()


def test_lineage_outlives_dagsters_runs(demo: DemoHome, tmp_path: Path):
    demo = demo.copy(tmp_path / "ot")
    before = demo.json("lineage", "student_model", "--recipe", "demo", "--teacher", "reference")
    code = "import dagster as dg; i = dg.DagsterInstance.get(); [i.delete_run(r.run_id) for r in i.get_runs(limit=5)]"
    env = demo.env | {"DAGSTER_HOME": str(demo.path / "dagster")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True)
    assert demo.json("lineage", "student_model", "--recipe", "demo", "--teacher", "reference") == before
