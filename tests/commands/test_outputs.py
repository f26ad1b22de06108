"""What commands print over a house in which everything is made: shapes that programs read, and words that people read."""

from __future__ import annotations

import json
import re
from typing import Any

import polars as pl
import pytest

from tests.endtoend.house import House

NODE = {
    "asset", "partition", "artifact", "content_hash", "spec_hash", "commit", "rows_in", "rows_out", "dropped", "licences",
    "inputs",
}  # fmt: skip
STUDENT = ("student_model", "--recipe", "sums", "--teacher", "solver")


def nodes(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [tree, *(below for node in tree["inputs"] for below in nodes(node))]


def test_check_json(made: House):
    said = made.ot("check", "--json").json
    assert said["ok"] is True
    assert said["errors"] == said["warnings"] == []
    assert said["counts"]["recipes"] > 4


def test_plan_json_has_the_fields_of_the_contract(made: House):
    said = made.ot("plan", "sums", "--json").json
    assert said["recipe"] == "sums"
    assert said["answers_per_question"] == 2
    assert said["requests"] == 24
    assert said["tokens"] > 0
    assert set(said["rows"]) == {"math"}
    stages = [stage["stage"] for stage in said["stages"]]
    assert stages[0] == "sourced_questions"
    assert stages[-1] == "leaderboard"


def test_a_benchmark_of_unknown_size_is_not_planned_as_empty(made: House):
    plan = made.ot("plan", "sums", "--json").json
    responses = next(stage for stage in plan["stages"] if stage["stage"] == "eval_responses")
    assert responses["rows_in"] is None
    assert any("exam" in line for line in plan["assumptions"])


def test_status_says_that_all_is_fresh(made: House):
    states = made.ot("status", "sums", "--json").json
    assert {state["state"] for state in states} == {"fresh"}
    assert len(states) == 20
    assert set(states[0]) == {"asset", "partition", "state", "artifact", "reasons"}
    assert "20 fresh" in made.ot("status").out


def test_status_of_a_wider_recipe_names_what_is_missing(made: House):
    said = made.ot("status", "demo", "--json").json
    assert {s["state"] for s in said} == {"missing"} | ({"fresh", "stale"} & {s["state"] for s in said})


def test_leaderboard_json(made: House):
    board = made.ot("leaderboard", "--json").json
    assert {s["model"] for s in board["scores"]} == {"sums × solver", "solver", "tiny"}
    for score in board["scores"]:
        assert set(score) == {
            "model", "recipe", "teacher", "benchmark", "score", "se", "questions", "repeats", "missing",
        }  # fmt: skip
        assert (score["questions"], score["repeats"], score["missing"]) == (6, 2, 0)
    for pair in board["comparisons"]:
        assert set(pair) == {
            "a", "b", "benchmark", "difference", "ci_low", "ci_high", "p", "p_adjusted", "smallest_detectable",
        }  # fmt: skip
        assert pair["ci_low"] <= pair["difference"] <= pair["ci_high"]
    assert len(board["comparisons"]) == 3


def test_leaderboard_is_readable(made: House):
    said = made.ot("leaderboard").out
    assert "sums × solver" in said
    assert "exam" in said


def test_lineage_json_holds_the_contracts_fields_at_every_node(made: House):
    tree = made.ot("lineage", *STUDENT, "--json").json
    found = nodes(tree)
    assert all(set(node) == NODE for node in found)
    assert {n["partition"]["source"] for n in found if n["asset"] == "sourced_questions"} == {"mine", "made"}
    assert {"MIT", "CC-BY-4.0"} <= set(re.split(r" \+ |, ", ", ".join(tree["licences"])))
    pool = next(n for n in found if n["asset"] == "mixed_pool")
    assert pool["rows_in"] == pool["rows_out"] + sum(pool["dropped"].values())


def test_lineage_is_drawn_as_tree_mermaid_and_page(made: House, tmp_path):
    said = made.ot("lineage", *STUDENT).out
    assert said.index("student_model") < said.index("training_set") < said.index("sourced_questions")
    brief = made.ot("lineage", *STUDENT, "--brief").out
    assert len(brief.splitlines()) < len(said.splitlines())
    mermaid = made.ot("lineage", *STUDENT, "--mermaid").out
    assert mermaid.startswith("flowchart LR\n")
    assert mermaid.count("-->") > 10
    page = tmp_path / "lineage.html"
    assert made.ot("lineage", *STUDENT, "--html", str(page)).code == 0
    assert "sourced_questions" in page.read_text()


def test_a_page_that_cannot_be_written_is_one_message(made: House, tmp_path):
    said = made.ot("lineage", *STUDENT, "--html", str(tmp_path / "no-such-folder" / "lineage.html"))
    assert said.code == 1
    assert "no-such-folder" in said.err
    assert "Traceback" not in said.text


def test_a_training_row_is_followed_to_its_source_row_and_back(made: House):
    training = made.current("training_set", recipe="sums", teacher="solver").read()
    for row in training.sample(4, seed=1).iter_rows(named=True):
        path = made.ot("lineage", *STUDENT, "--row", row["example_id"], "--json").json
        assert path["source"] == row["source"]
        assert path["source_row"] == row["source_row"]
        assert made.ot("lineage", *STUDENT, "--row", row["example_id"][:12]).code == 0
        fate = made.ot("where", row["source"], row["source_row"], "--json").json
        assert row["example_id"] in json.dumps(fate)


def test_where_says_which_step_dropped_a_row_and_why(made: House):
    wrong = made.current("training_set", recipe="sums", teacher="solver").ledger().collect()
    assert set(wrong["rule"]) == {"wrong"}
    row = wrong.row(0, named=True)
    said = made.ot("where", row["source"], row["source_row"]).out
    assert "wrong" in said
    unused = made.current("mixed_pool", recipe="sums").ledger().collect().row(0, named=True)
    assert "not_drawn" in made.ot("where", unused["source"], unused["source_row"]).out


def test_traces_are_readable_and_can_be_narrowed(made: House):
    said = made.ot("traces", "sums", "solver", "--source", "mine", "--limit", "2").out
    assert "What is" in said
    assert "make" in said
    assert "boxed" in said
    assert "gold" in said
    wrong = made.ot("traces", "sums", "solver", "--verdict", "wrong", "--limit", "0", "--json").json
    assert wrong
    assert {row["verdict"] for row in wrong} == {"wrong"}
    assert {"question", "reasoning", "answer", "gold", "source_row"} <= set(wrong[0])


@pytest.mark.parametrize("narrow", [["--verdict", "wrogn"], ["--limit", "-1"]], ids=" ".join)
def test_traces_refuses_what_cannot_be_meant(made: House, narrow: list[str]):
    said = made.ot("traces", "sums", "solver", *narrow)
    assert said.code in (1, 2)
    assert narrow[0].strip("-") in said.err


def test_responses_are_counted_shown_and_exported(made: House, tmp_path):
    stats = made.ot("responses", "stats", "--json").json
    assert sum(row["replies"] for row in stats) == 60
    assert "traces mine|solver" in made.ot("responses", "stats").out
    key = made.current("traces", source="mine", teacher="solver").read()["response_key"][0]
    shown = made.ot("responses", "show", key[:16], "--json").json
    assert shown["request"]["messages"][-1]["content"].startswith("What is")
    assert shown["raw_reply"]["choices"]
    assert "boxed" in made.ot("responses", "show", key).out
    for name in ("replies.jsonl", "replies.parquet"):
        assert "36" in made.ot("responses", "export", str(tmp_path / name), "--model", "solver").out
    assert len(pl.read_parquet(tmp_path / "replies.parquet")) == 36
    assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == 36
    assert "12" in made.ot("responses", "export", str(tmp_path / "some.jsonl"), "--purpose", "traces mine").out
    nothing = made.ot("responses", "export", str(tmp_path / "none.jsonl"), "--model", "solvr")
    assert nothing.code == 1
    assert "solver:solver" in nothing.err
    assert not (tmp_path / "none.jsonl").exists()


def test_docs_are_a_page_on_this_machine(house: House):
    said = house.ot("docs", "--no-open")
    assert said.code == 0
    page = said.out.strip()
    assert page.endswith("index.html")
    assert str(house.home) in page


def test_gc_says_then_removes_and_current_artifacts_stay(house: House):
    before = house.artifacts()
    house.rows("mine.jsonl", [{"problem": "What is 1 + 1?", "answer": "2", "worked": "2"}])
    (house.home / "artifacts/sourced_questions/source=mine/.tmp-left").mkdir()
    house.edit("sources/mine", {"language": "de"})
    with house.entered():
        from tests.endtoend.steps import make

        assert make(house, "sourced_questions", source="mine") is None
    old = before["sourced_questions[mine]"]
    dry = house.ot("gc", "--grace-hours", "0", "--json").json
    assert any(".tmp-left" in item["path"] for item in dry["items"])
    assert (house.home / "artifacts/sourced_questions/source=mine/.tmp-left").exists()
    assert "would be removed" in house.ot("gc", "--grace-hours", "0").out
    assert house.ot("gc", "--delete", "--grace-hours", "0").code == 0
    assert not (house.home / "artifacts/sourced_questions/source=mine/.tmp-left").exists()
    assert house.problems() == []
    # The old source is still what the screened questions were made from: their lineage must not lose it.
    assert house.store.find(old) is not None
    assert "0 would be removed" in house.ot("gc", "--grace-hours", "0").out


def test_json_is_the_only_thing_on_standard_output(made: House):
    for command in (["status"], ["leaderboard"], ["plan", "sums"], ["check"], ["gc"], ["run", "sums"]):
        said = made.ot(*command, "--json")
        assert said.code == 0
        json.loads(said.out)
