"""Help of every command, and how commands end."""

from __future__ import annotations

import re

import pytest
import typer.main

from ot_assets.cli import app
from tests.endtoend.house import House

PLAIN = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
GROUPS = {
    "responses": ("stats", "show", "export"),
    "conversations": ("fold", "report", "export", "points"),
    "crowd": ("invite",),
}
COMMANDS = [[name] for name in PLAIN if name not in GROUPS] + [
    [group, n] for group, names in GROUPS.items() for n in names
]


def test_the_commands_are_those_that_the_readme_names():
    named = (
        "check doctor plan run status lineage where leaderboard traces responses docs gc serve ui cost report ladder "
        "conversations contribute crowd tree"
    )
    assert set(PLAIN) == set(named.split())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example_that_can_be_typed(empty: House, command: list[str]):
    said = empty.ot(*command, "--help")
    assert said.code == 0
    example = re.search(r"Example: (.+)", said.out)
    assert example
    assert " ".join(["ot", *command]) in example[1]


@pytest.mark.parametrize(
    "wrong", [["frobnicate"], ["run"], ["run", "a", "--nope"], ["ui", "--port", "0"], ["gc", "--grace-hours", "x"]]
)
def test_wrong_usage_ends_with_2(empty: House, wrong: list[str]):
    said = empty.ot(*wrong)
    assert said.code == 2
    assert "Traceback" not in said.text


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["plan", "sumz"], "no recipe 'sumz'; did you mean 'sums'?"),
        (["run", "sumz"], "no recipe 'sumz'; did you mean 'sums'?"),
        (["run", "sums", "--teacher", "solvr"], "no teacher 'solvr'; did you mean 'solver'?"),
        (["status", "sumz"], "did you mean 'sums'?"),
        (["traces", "sums", "solvr"], "did you mean 'solver'?"),
        (["traces", "sums", "solver", "--source", "chain-sum"], "its sources: mine, made"),
        (["traces", "sums", "reference"], "ot run sums --teacher reference"),
        (["lineage", "student"], "student_model"),
        (["lineage", "student_model", "--recipe", "sums"], "--recipe KEY --teacher KEY"),
        (["lineage", "student_model", "--recipe", "sums", "--teacher", "reference"], "sums|solver"),
        (["lineage", "traces", "--source", "mine", "--teacher", "solver", "--row", "e1"], "training_set or student_model"),
        (["where", "mine", "nope"], "mine.jsonl:"),
        (["where", "mien", "mine.jsonl:1"], "mine"),
        (["responses", "show", "zz"], "64 hex digits"),
        (["responses", "export", "replies.txt"], ".jsonl or .parquet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_mistake_ends_with_1_and_one_message_that_says_what_to_do(made: House, command: list[str], told: str):
    said = made.ot(*command)
    assert said.code == 1
    assert told in said.err
    assert "→" in said.err
    assert said.out == ""
    assert "Traceback" not in said.text


@pytest.mark.parametrize("command", [["leaderboard"], ["traces", "demo", "reference"], ["where", "chain-sum", "1"],
                                     ["responses", "stats"], ["lineage", "leaderboard"]], ids=" ".join)  # fmt: skip
def test_before_anything_is_made_each_says_so(empty: House, command: list[str]):
    said = empty.ot(*command)
    assert said.code == 1
    assert "→" in said.err
    assert "Traceback" not in said.text


def test_status_and_gc_of_an_empty_house_are_no_errors(empty: House):
    assert "nothing is made yet" in empty.ot("status").out
    assert empty.ot("status", "--json").json == []
    assert empty.ot("gc").code == 0
    assert not (empty.home).exists(), "looking creates nothing"
