"""`ot ladder` and `ot check RECIPE`: rungs as files, and a recipe with nothing left open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ot_assets.cli import app
from ot_assets.registry import load_registry, registry
from resources.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty registry folder of a user; the process' registry is read anew before and after."""
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("OT_REGISTRY", str(mine))
    monkeypatch.setenv("OT_HOME", str(tmp_path / "home"))
    registry.cache_clear()
    yield mine  # type: ignore[misc]
    registry.cache_clear()


def ot(*words: str) -> str:
    said = CliRunner().invoke(app, words)
    if isinstance(said.exception, UserError):
        raise said.exception
    assert said.exit_code == 0, said.output
    return said.stdout


def test_rungs_are_recipes_that_differ_in_rows_alone(folder: Path) -> None:
    said = json.loads(ot("ladder", "openthoughts3", "3.16k", "31.6k", "1M", "--json"))
    assert [(one["recipe"], one["rows"]) for one in said] == [
        ("openthoughts3-3.16k", 3_160),
        ("openthoughts3-31.6k", 31_600),
        ("openthoughts3-1m", 1_000_000),
    ]
    assert said[1]["questions"] == {"math": 1_399, "code": 411, "science": 164}
    found = load_registry(folder).recipes
    base, small, large = (found[f"openthoughts3{end}"] for end in ("", "-3.16k", "-1m"))
    assert small.student == base.student
    for asset in ("mixed_pool", "student_model"):
        assert {**small.slice_for(asset), "key": ""} == {**large.slice_for(asset), "key": ""}
    assert small.slice_for("filtered_set") != large.slice_for("filtered_set")
    ot("ladder", "openthoughts3", "3.16k")


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (["5x"], "'5x' is not a number of rows"),
        (["0"], "'0' is not a number of rows"),
        (["5M"], "no rung of 5,000,000 rows: rows: 5,000,000 asks for 221,354 questions of part math"),
        (["16"], "less than one question with 16 answers"),
    ],
)
def test_rungs_that_cannot_be_write_nothing(folder: Path, sizes: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ot("ladder", "openthoughts3", "1k", *sizes)
    assert list(folder.iterdir()) == []


def test_a_file_that_says_something_else_is_not_overwritten(folder: Path) -> None:
    ot("ladder", "openthoughts3", "1k")
    file = folder / "recipes" / "openthoughts3-1k.yaml"
    file.write_text(file.read_text() + "seed: 1\n")
    with pytest.raises(UserError, match="says something else"):
        ot("ladder", "openthoughts3", "1k")


def test_without_a_registry_folder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OT_REGISTRY", raising=False)
    with pytest.raises(UserError, match="set OT_REGISTRY, or name one with --folder"):
        ot("ladder", "openthoughts3", "1k")


def test_check_shows_a_recipe_worked_out(folder: Path) -> None:
    ot("ladder", "openthoughts3", "31.6k")
    registry.cache_clear()
    shown = yaml.safe_load(ot("check", "openthoughts3-31.6k"))
    assert shown["base"] == "openthoughts3"
    math = shown["parts"]["math"]
    assert math["select"][-1] == {"kind": "random", "rows": 1_399, "seed": None}
    assert math["seed"] == shown["seed"] == 42
    assert json.loads(ot("check", "openthoughts3-31.6k", "--json")) == shown
