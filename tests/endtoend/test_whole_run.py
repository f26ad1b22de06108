"""A whole recipe, from sources to the leaderboard: what is there afterwards, and what is not."""

from __future__ import annotations

import json
from collections import Counter

import dagster as dg
import polars as pl

from ot_assets.graph import KINDS
from tests.endtoend.house import SECRET, House
from tests.endtoend.made import Made
from tests.endtoend.stale import stale_in_dagster
from tests.endtoend.steps import instance_of


def test_the_first_run_makes_everything_and_says_so(made: Made):
    assert made.said.code == 0, made.said.text
    assert "20 made, 0 fresh" in made.said.out
    assert made.said.err == "", "nothing but what `ot run` says reaches the terminal"
    of_people = {name for name, kind in KINDS.items() if kind.dims == ("language",)} | {"question_scores"}
    for asset in set(KINDS) - of_people:
        assert f"{asset}" in made.said.out


def test_each_answer_was_asked_for_once(made: Made):
    """12 questions with 2 answers, 6 exam questions with 2 answers."""
    assert len(made.asked) == 36
    assert max(Counter(json.dumps(body, sort_keys=True) for body in made.asked).values()) == 1


def test_run_again_makes_nothing_and_asks_nothing(house: House, server):
    report = house.ot("run", "sums", "--json").json
    assert (report["made"], report["failed"], report["fresh"]) == (0, 0, 20)
    assert server.bodies == []
    assert "0 made, 20 fresh" in house.ot("run", "sums").out


def test_rows_in_are_rows_out_and_rows_in_the_ledger(made: Made):
    counted = set()
    for asset in made.house.store.assets():
        for partition in made.house.store.partitions(asset):
            artifact = made.house.store.current(asset, partition)
            assert artifact is not None
            manifest, ledger = artifact.manifest, artifact.ledger().collect()
            if manifest.rows_in is None:
                continue
            counted.add(asset)
            assert manifest.rows_in == manifest.rows_out + len(ledger), f"{asset} {partition}"
            assert manifest.dropped == dict(ledger["rule"].value_counts().iter_rows())
            assert manifest.rows_out == len(artifact.read())
    assert counted >= {
        "sourced_questions", "benchmark_questions", "screened_questions", "mixed_pool", "filtered_set", "traces", "verdicts",
        "training_set",
    }  # fmt: skip


def test_rows_in_are_what_came_from_above(made: Made):
    house = made.house
    pool, filtered = house.current("mixed_pool", recipe="sums"), house.current("filtered_set", recipe="sums")
    assert filtered.manifest.rows_in == pool.manifest.rows_out
    traces = [house.current("traces", source=s, teacher="solver").manifest.rows_out for s in ("mine", "made")]
    assert house.current("training_set", recipe="sums", teacher="solver").manifest.rows_in == sum(traces)


def test_nothing_is_damaged(made: Made):
    assert made.house.problems() == []


def test_dagster_has_a_run_and_the_content_hash_of_each_partition(made: Made):
    with made.house.entered(), instance_of(made.house) as instance:
        runs = instance.get_runs()
        assert len(runs) == 20
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        for asset in KINDS:
            for partition in made.house.store.partitions(asset):
                key = "|".join(key for _, key in sorted(partition.as_dict().items())) or None
                records = instance.fetch_materializations(
                    dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[key] if key else None), limit=1
                ).records
                event = records[0].asset_materialization
                assert event is not None
                current = made.house.store.current(asset, partition)
                assert current is not None
                assert (event.tags or {})["dagster/data_version"] == current.manifest.content_hash
                assert event.metadata["artifact"].value == current.artifact_id


def test_dagsters_one_hop_view_is_fresh_too(house: House):
    assert stale_in_dagster(house, observe=False) == set()


def test_the_student_stands_with_card_log_and_weights(made: Made):
    student = made.house.current("student_model", recipe="sums", teacher="solver")
    names = {file.path for file in student.manifest.files}
    assert {"model.safetensors", "config.json", "tokenizer.json", "training_log.jsonl", "README.md"} <= names
    card = student.file("README.md").read_text()
    assert card.startswith("---\n")
    assert "mine" in card
    assert "CC-BY-4.0" in card


def test_no_exam_question_was_taught(made: Made):
    exam = set(made.house.current("benchmark_questions", benchmark="exam").read()["question_id"])
    taught = made.house.current("training_set", recipe="sums", teacher="solver").read()
    assert len(taught)
    assert not exam & set(taught["question_id"])


def test_the_key_was_sent_and_is_written_nowhere(made: Made):
    """Raw files, unpacked replies, rows of every table, and Dagster's events."""
    assert made.keys_sent == {f"Bearer {SECRET}"}
    needle = SECRET.encode()
    files = [file for file in made.house.home.rglob("*") if file.is_file()]
    assert len(files) > 100
    assert [str(file) for file in files if needle in file.read_bytes()] == []
    export = made.house.path / "all.jsonl"
    assert made.house.ot("responses", "export", str(export)).code == 0
    assert needle not in export.read_bytes()
    for asset in made.house.store.assets():
        for partition in made.house.store.partitions(asset):
            artifact = made.house.store.current(asset, partition)
            assert artifact is not None
            for table in artifact.manifest.tables:
                rows = artifact.scan(table).collect()
                assert SECRET not in json.dumps(rows.to_dicts(), default=str)
    assert SECRET not in made.said.text


def test_verdicts_are_right(made: Made):
    """The endpoint says for itself which sums it gets wrong; the verifiers must say the same."""
    traces = made.house.current("traces", source="mine", teacher="solver").read()
    verdicts = made.house.current("verdicts", source="mine", teacher="solver").read()
    questions = made.house.current("screened_questions", source="mine").read().select("question_id", "gold")
    rows = traces.join(verdicts, on="trace_id").join(questions, on="question_id")
    said = rows["answer"].str.extract(r"boxed\{(\d+)\}", 1)
    assert ((said == rows["gold"]) == (rows["verdict"] == "correct")).all()
    assert rows.filter(pl.col("verdict") == "wrong").height > 0
