"""Sources and benchmarks with bad rows: refused with one message, or kept out one row at a time with a ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.endtoend.failing import failed_run
from tests.endtoend.house import FILES_SOURCE, House, sums
from tests.endtoend.server import Endpoint
from tests.endtoend.steps import make
from tests.resources.training.conftest import build_base

LONG = "Add 1 + 1. " * 100_000


def touch(house: House) -> None:
    """Rows are no part of a spec: a source whose files changed is made again when its spec says so."""
    house.edit("sources/mine", {"language": "de"})


def test_an_empty_source(house: House):
    before = house.artifacts()
    house.rows("mine.jsonl", [])
    touch(house)
    message = failed_run(house, "sourced_questions[mine]")
    assert "mine: the source has no rows" in message
    assert "correct origin in mine.yaml" in message
    assert house.artifacts() == before, "what was there before is still current"
    house.rows("mine.jsonl", sums(8))
    with house.entered():
        assert make(house, "sourced_questions", source="mine") is None


def test_a_file_that_is_not_there(house: House):
    house.edit("sources/mine", {"origin": {"paths": ["no-such-*.jsonl"]}})
    message = failed_run(house, "sourced_questions[mine]")
    assert "no file matches 'no-such-*.jsonl'" in message


def test_a_column_that_is_not_there_names_those_that_are(house: House):
    house.edit("sources/mine", {"columns": {"question": "problm"}})
    message = failed_run(house, "sourced_questions[mine]")
    assert "'problm'" in message
    assert "problem" in message.replace("'problm'", "")


def test_a_hub_data_set_without_the_named_column(house: House, tmp_path: Path):
    folder = tmp_path / "hub/somebody/sums"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums(4)))
    house.env["OT_HUB_MIRROR"] = str(tmp_path / "hub")
    house.edit("sources/mine", {"columns": {"question": "question"}})
    spec = house.read("sources/mine") | {"origin": {"kind": "hub", "dataset": "somebody/sums"}}
    house.write("sources/mine", spec)
    message = failed_run(house, "sourced_questions[mine]")
    assert "somebody/sums" in message
    assert "'question'" in message
    assert "problem" in message
    house.edit("sources/mine", {"columns": {"question": "problem"}})
    with house.entered():
        assert make(house, "sourced_questions", source="mine") is None
    assert house.current("sourced_questions", source="mine").manifest.rows_out == 4


def test_the_hub_without_a_connection(house: House):
    spec = house.read("sources/mine") | {"origin": {"kind": "hub", "dataset": "somebody/sums"}}
    house.write("sources/mine", spec)
    message = failed_run(house, "sourced_questions[mine]")
    assert "HF_HUB_OFFLINE" in message
    assert "OT_HUB_MIRROR" in message


def test_rows_without_text_or_with_too_much_are_dropped_one_by_one(house: House):
    house.rows(
        "mine.jsonl",
        [*sums(3), {"problem": "", "answer": "1"}, {"problem": None, "answer": "1"}, {"problem": LONG, "answer": "2"}],
    )
    touch(house)
    with house.entered():
        assert make(house, "sourced_questions", source="mine") is None
    made = house.current("sourced_questions", source="mine")
    assert made.manifest.dropped == {"no_text": 2, "too_long": 1}
    assert (made.manifest.rows_in, made.manifest.rows_out) == (6, 3)
    said = house.ot("where", "mine", "mine.jsonl:5").out
    assert "too_long" in said
    assert "1,000,000" in said


def test_a_file_of_nothing_but_bad_rows(house: House):
    house.rows("mine.jsonl", [{**sums(1)[0], "problem": ""}, {**sums(1)[0], "problem": LONG}])
    touch(house)
    message = failed_run(house, "sourced_questions[mine]")
    assert "none of the 2 rows is a question" in message
    assert "too_long 1" in message


def test_a_gold_answer_that_its_own_verifier_rejects_is_kept_without_a_verifier(house: House):
    house.rows("mine.jsonl", [*sums(3), {"problem": "What is right?", "answer": "????", "worked": "Hm."}])
    touch(house)
    with house.entered():
        assert make(house, "sourced_questions", source="mine") is None
    made = house.current("sourced_questions", source="mine")
    rows = made.read()
    assert rows.filter(question="What is right?")["verifier"].to_list() == ["none"]
    assert made.manifest.stats["notes"] == {"gold_unverifiable": 1}
    assert "mine.jsonl:3" in made.manifest.stats["examples"][0]


def test_a_benchmark_equal_to_a_source_screens_it_out_whole(house: House):
    house.rows("exam.jsonl", sums(8), folder="benchmarks")
    house.edit("benchmarks/exam", {"language": "de"})
    with house.entered():
        assert make(house, "benchmark_questions", benchmark="exam") is None
        for source in ("mine", "made"):
            assert make(house, "screened_questions", source=source) is None
        message = make(house, "mixed_pool", recipe="sums")
    assert message is not None
    assert "source 'mine' has no questions left" in message
    assert "→" in message
    assert "all 8 were screened out (exam: 8)" in message
    ledger = house.current("screened_questions", source="mine").ledger().collect()
    assert len(ledger) == 8
    assert ledger["lost_to"].null_count() == 0


def test_files_with_the_same_rows_under_two_names_are_asked_once(house: House, server: Endpoint):
    house.rows("copy.jsonl", sums(8))
    house.write("sources/copy", {**FILES_SOURCE, "origin": {"kind": "files", "paths": ["copy.jsonl"]}})
    recipe = house.read("recipes/sums")
    recipe["parts"]["math"] |= {"sources": [{"source": "mine"}, {"source": "copy"}], "rows": 16}
    house.write("recipes/twice", recipe)
    with house.entered():
        for asset in ("sourced_questions", "screened_questions"):
            assert make(house, asset, source="copy") is None
        for asset in ("mixed_pool", "filtered_set"):
            assert make(house, asset, recipe="twice") is None
    filtered = house.current("filtered_set", recipe="twice")
    assert filtered.manifest.rows_out == 8
    assert filtered.ledger().collect()["lost_to"].null_count() == 0
    assert server.bodies == []


def test_a_base_model_without_a_chat_template(house: House, server: Endpoint, tmp_path: Path):
    build_base(tmp_path / "plain", template=None)
    house.write("models/plain", house.read("models/tiny") | {"model": str(tmp_path / "plain")})
    house.edit("recipes/sums", {"student": {"base": "plain"}})
    said = house.ot("run", "sums")
    assert said.code == 1
    assert "Traceback" not in said.text
    for failed in ("training_set[sums|solver]", "baseline_scores[plain]"):
        assert f"failed: {failed}" in said.out
    assert said.out.count("no chat template") == 2
    assert "chat_template.jinja" in said.out
    assert server.bodies == []


@pytest.mark.parametrize(
    ("asset", "keys", "lacks"),
    [
        ("traces", {"source": "mine", "teacher": "solver"}, "trace_requests for mine"),
        ("training_set", {"recipe": "sums", "teacher": "solver"}, "filtered_set for sums"),
        ("student_model", {"recipe": "sums", "teacher": "solver"}, "training_set for sums|solver"),
    ],
)
def test_a_partition_asked_for_before_what_it_needs(new_house: House, asset: str, keys: dict[str, str], lacks: str):
    with new_house.entered():
        message = make(new_house, asset, **keys)
    assert message is not None
    assert f"needs {lacks}, which has not been made" in message
    assert "→ materialize" in message
    assert "ot run" in message
