"""An artifact keeps its own lineage, whatever happens above it later and to Dagster's runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.endtoend.house import House, sums
from tests.endtoend.steps import instance_of, make

STUDENT = ("lineage", "student_model", "--recipe", "sums", "--teacher", "solver")


def ids(tree: dict[str, Any]) -> dict[str, str]:
    """`asset[partition]` -> artifact id, of a whole tree."""
    found = {f"{tree['asset']}[{'|'.join(tree['partition'].values()) or '-'}]": tree["artifact"]}
    for node in tree["inputs"]:
        found |= ids(node)
    return found


@pytest.mark.slow
def test_an_old_student_keeps_its_lineage_after_everything_above_it_changed(house: House):
    before = house.ot(*STUDENT, "--json").json
    example = house.current("training_set", recipe="sums", teacher="solver").read()["example_id"][0]
    path = house.ot(*STUDENT, "--row", example, "--json").json
    house.rows("mine.jsonl", sums(8, first=30))
    house.edit("sources/mine", {"language": "de"})
    with house.entered():
        for asset, keys in (
            ("sourced_questions", {"source": "mine"}),
            ("screened_questions", {"source": "mine"}),
            ("mixed_pool", {"recipe": "sums"}),
            ("filtered_set", {"recipe": "sums"}),
            ("trace_requests", {"source": "mine"}),
            ("traces", {"source": "mine", "teacher": "solver"}),
            ("verdicts", {"source": "mine", "teacher": "solver"}),
            ("training_set", {"recipe": "sums", "teacher": "solver"}),
        ):
            assert make(house, asset, **keys) is None
    assert house.ot(*STUDENT, "--json").json == before
    now = house.artifacts()
    was = ids(before)
    for key in ("sourced_questions[mine]", "traces[mine|solver]", "training_set[sums|solver]"):
        assert was[key] != now[key], "above the student everything is new"
    assert was["sourced_questions[made]"] == now["sourced_questions[made]"]
    assert house.ot(*STUDENT, "--row", example, "--json").json == path, "the row's path leads through the old versions"
    new = house.ot("lineage", "training_set", "--recipe", "sums", "--teacher", "solver", "--json").json
    assert ids(new) == {key: now[key] for key in ids(new)}
    old = house.ot("lineage", "training_set", "--recipe", "sums", "--teacher", "solver", "--artifact",
                   was["training_set[sums|solver]"], "--json").json  # fmt: skip
    assert old == next(node for node in before["inputs"] if node["asset"] == "training_set")
    assert house.ot("gc", "--delete", "--grace-hours", "0").code == 0
    assert house.ot(*STUDENT, "--json").json == before, "what a current student was made from is not collected"


def test_lineage_outlives_the_runs_of_dagster(house: House):
    before = house.ot(*STUDENT, "--json").json
    with house.entered(), instance_of(house) as instance:
        for run in instance.get_runs():
            instance.delete_run(run.run_id)
        assert instance.get_runs() == []
    assert house.ot(*STUDENT, "--json").json == before
    assert json.dumps(before).count("run_id") == 0
    states = house.ot("status", "sums", "--json").json
    assert {state["state"] for state in states} == {"fresh"}
    report = house.ot("run", "sums", "--json").json
    assert (report["made"], report["fresh"]) == (0, 20)
