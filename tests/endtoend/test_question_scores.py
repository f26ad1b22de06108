"""Scores through Dagster: every kind is made, is shared, chooses rows, and only what is new is scored."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ot_assets.graph import World
from ot_assets.registry import registry
from ot_assets.status import StatusReader
from resources.artifacts import Partition
from resources.generation.reply import Reply
from resources.generation.request import Request
from resources.responses.store import ResponseStore
from tests.endtoend.house import House, sums
from tests.endtoend.stale import stale_in_dagster
from tests.endtoend.steps import make

WORDS = ("apple", "brick", "cloud", "drum", "eagle", "fern", "gold", "hill")
ASKED: list[str] = []
"""Prompts that reached a scripted model in this process."""


def rates(request: Request) -> str | Reply:
    """Longer sums are longer answers, harder and better; a question about 13 gets no figure."""
    prompt = request.messages[-1].content
    ASKED.append(prompt)
    found = re.findall(r"What is (\d+) \+ (\d+)", prompt)
    value = int(found[-1][0]) if found else 1
    if value == 13:
        return "I would rather not say."
    if request.response_format is not None:
        return json.dumps({"reason": "3 steps in all.", "score": 1 + value % 100})
    return str(1 + value % 10) if "integer from 1 to 10" in prompt else "word " * value


def stories(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    words = [" ".join(WORDS[(n * k + k) % 8] for k in range(1, 9)) for n in range(first, first + count)]
    return [
        {"problem": f"Story {n}: {text}. What does the drum say?", "answer": "boom"} for n, text in enumerate(words)
    ]


def source(file: str) -> dict[str, Any]:
    return {
        "description": "Texts of ours.",
        "domain": "math",
        "licence": "CC-BY-4.0",
        "origin": {"kind": "files", "paths": [file]},
        "columns": {"question": "problem", "gold": "answer"},
        "verifier": "exact",
    }


FASTTEXT = {"kind": "fasttext", "positives": [{"source": "more-sums"}], "negatives": [{"source": "stories"}],
            "min_count": 1, "epochs": 60, "buckets": 1000, "dim": 16}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "random": {"kind": "random", "seed": 7},
    "answer_length": {"kind": "answer_length", "teacher": "rater"},
    "tokens": {"kind": "answer_length", "teacher": "rater", "unit": "tokens"},
    "difficulty": {"kind": "difficulty", "teacher": "rater"},
    "ask_llm": {"kind": "ask_llm", "teacher": "rater", "positives": [{"source": "more-sums", "rows": 2}],
                "negatives": [{"texts": ["Is it?"]}]},
    "fasttext": FASTTEXT,
    "combined": {"kind": "combined", "by": "max", "of": [{"kind": "difficulty", "teacher": "rater"}, {"kind": "random"}]},
}  # fmt: skip
NAMES = {name: f"{name}." for name in KINDS} | {"tokens": "answer_tokens.", "random": "random.7", "combined": "max."}


def part(score: dict[str, Any], of: str = "sums") -> dict[str, Any]:
    """A part that keeps the four highest."""
    return {"domain": "math", "sources": [{"source": of}], "select": [{"kind": "top", "score": score, "rows": 4}]}


def recipe(house: House, *kinds: str, key: str = "chosen") -> None:
    """A recipe with a part for each kind of score."""
    house.write(f"recipes/{key}", {
        "description": "Chosen by scores.",
        "parts": {name.replace("_", "-"): part(KINDS[name]) for name in kinds},
        "teachers": ["rater"],
        "screen_against": ["exam"],
        "student": {"base": "base"},
    })  # fmt: skip


def screen(house: House, *sources: str) -> None:
    for name in sources:
        for asset in ("sourced_questions", "screened_questions"):
            assert make(house, asset, source=name) is None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Sums, more sums and stories, screened; and the scores of the sums by every kind. Look, and change nothing."""
    ASKED.clear()
    house = House(tmp_path_factory.mktemp("scores") / "house")
    house.write("models/rater", {"engine": "scripted", "model": "rater", "licence": "MIT",
                                 "options": {"rule": f"{__name__}:rates"}})  # fmt: skip
    house.write("models/base", {"engine": "scripted", "model": "base", "licence": "MIT"})
    house.write("teachers/rater", {"description": "Rates.", "model": "rater", "sampling": {"max_tokens": 512}})
    for name, rows in (("sums", sums(12)), ("more-sums", sums(12, first=40)), ("stories", stories(12))):
        house.rows(f"{name}.jsonl", rows)
        house.write(f"sources/{name}", source(f"{name}.jsonl"))
    house.rows("exam.jsonl", [{"problem": "Who was the first to cross the sea?", "answer": "Ann"}], folder="benchmarks")
    house.write("benchmarks/exam", {**source("exam.jsonl"), "role": "dev", "repeats": 1})
    recipe(house, *KINDS)
    with house.entered():
        assert make(house, "benchmark_questions", benchmark="exam") is None
        screen(house, "sums", "more-sums", "stories")
        assert make(house, "question_scores", source="sums") is None
        for asset in ("mixed_pool", "filtered_set"):
            assert make(house, asset, recipe="chosen") is None
    return house


@pytest.fixture
def house(made: House, tmp_path: Path) -> House:
    copy = made.copy(tmp_path / "house")
    ASKED.clear()
    return copy


def stats(house: House, of: str = "sums") -> dict[str, Any]:
    return house.current("question_scores", source=of).manifest.stats


def test_every_kind_is_a_column_and_characters_and_tokens_are_one_reply(made: House):
    columns = [name for name in made.current("question_scores", source="sums").read().columns if name != "question_id"]
    assert [name.rpartition(".")[0] if name.count(".") > 1 else name for name in columns] == [
        "random.7", "answer_length.rater", "answer_tokens.rater", "difficulty.rater", "ask_llm.rater",
        "fasttext.more-sums-vs-stories", "random.0", "max.difficulty.rater+random",
    ]  # fmt: skip
    with ResponseStore(f"sqlite:///{made.home / 'responses.sqlite'}", create=False) as store:
        assert sum(1 for _ in store.rows()) == 36, "length, difficulty and worth of twelve questions"


@pytest.mark.parametrize("kind", list(KINDS))
def test_top_by_each_kind_keeps_the_highest(made: House, kind: str):
    scores = made.current("question_scores", source="sums").read()
    filtered = made.current("filtered_set", recipe="chosen")
    (column,) = [name for name in scores.columns if name.startswith(NAMES[kind])]
    kept = set(filtered.read().filter(pl.col("part") == kind.replace("_", "-")).get_column("question_id"))
    ranked = scores.sort(column, "question_id", descending=[True, False], nulls_last=True)
    assert kept == set(ranked.get_column("question_id").head(4))
    assert len(kept) == 4
    assert scores.get_column(column).n_unique() > 1
    refused = kind in ("difficulty", "ask_llm", "combined")
    assert scores.get_column(column).null_count() == refused, "13 gets no figure, and what is missing comes last"
    why = {"combined": {"a part is missing": 1}}.get(kind, {"unparsable": 1} if refused else {})
    assert stats(made)["unscored"][column] == why


def test_rows_without_a_score_are_told_apart_in_the_ledger(made: House):
    rules = made.current("filtered_set", recipe="chosen").ledger().collect().get_column("rule").to_list()
    assert rules.count("no_score") == 3


def test_a_score_that_is_added_leaves_the_others_alone(house: House):
    before = house.current("question_scores", source="sums").read()
    house.write(
        "recipes/other", {**house.read("recipes/chosen"), "parts": {"other": part({"kind": "random", "seed": 9})}}
    )
    with house.entered():
        assert make(house, "question_scores", source="sums") is None
    after = house.current("question_scores", source="sums").read()
    assert after.select(before.columns).equals(before)
    assert after.columns == [*before.columns, "random.9"]
    assert ASKED == [], "a reply without a figure is stored too"
    figures = stats(house)["scorers"]
    assert [figures[name]["scored"] for name in before.columns[1:-1]] == [0, 0, 0, 1, 1, 0, 0]
    assert figures["random.9"]["scored"] == 12


def test_only_new_rows_are_scored_and_it_is_as_if_all_were(house: House):
    house.rows("sums.jsonl", sums(14))
    with house.entered():
        screen(house, "sums")
        assert make(house, "question_scores", source="sums") is None
        assert len(ASKED) == 6, "two rows; length, difficulty and worth"
        first = house.current("question_scores", source="sums").manifest
        figures = {
            name: facts["scored"] for name, facts in first.stats["scorers"].items() if not name.startswith("max.")
        }
        assert figures == {name: 3 if name.startswith(("difficulty", "ask_llm")) else 2 for name in figures}
        shutil.rmtree(house.home / "artifacts" / "question_scores")
        shutil.rmtree(house.home / "scorers")
        assert make(house, "question_scores", source="sums") is None
    anew = house.current("question_scores", source="sums").manifest
    assert anew.stats["scorers"]["random.7"]["scored"] == 14
    assert anew.content_hash == first.content_hash
    assert len(ASKED) == 6, "every reply was stored"


def test_a_question_that_is_worded_otherwise_is_asked_anew(house: House):
    rows = sums(12)
    rows[0]["problem"] += "  "
    rows[1]["problem"] = rows[1]["problem"].replace(" ", "  ")
    house.rows("sums.jsonl", rows)
    with house.entered():
        screen(house, "sums")
        assert make(house, "question_scores", source="sums") is None
    texts = house.current("screened_questions", source="sums").read().get_column("question")
    assert stats(house)["scorers"]["answer_length.rater"]["scored"] == sum("  " in text for text in texts)


def test_new_examples_score_everything_anew_and_only_that_score(house: House):
    house.rows("stories.jsonl", stories(15))
    with house.entered():
        screen(house, "stories")
        assert state(house, "sums") == "stale"
        assert make(house, "question_scores", source="sums") is None
        assert state(house, "sums") == "fresh"
    scored = {name.partition(".")[0]: facts["scored"] for name, facts in stats(house)["scorers"].items()}
    assert (scored["fasttext"], scored["answer_length"], scored["ask_llm"]) == (12, 0, 1)


def state(house: House, of: str) -> str:
    registry.cache_clear()
    return StatusReader(World(registry(), house.store)).status("question_scores", Partition({"source": of})).state


def test_edges_reach_the_sources_whose_scores_have_examples_of_another(house: House):
    with house.entered():
        assert make(house, "question_scores", source="stories") is None
    assert not {key for key in stale_in_dagster(house) if key.startswith("question_scores")}
    house.rows("more-sums.jsonl", sums(3, first=70))
    with house.entered():
        screen(house, "more-sums")
    assert {key for key in stale_in_dagster(house) if key.startswith("question_scores")} == {"question_scores[sums]"}
    needs = {f"{s['asset']}[{'|'.join(s['partition'].values())}]" for s in house.ot("status", "chosen", "--json").json}
    assert {"sourced_questions[stories]", "screened_questions[more-sums]"} <= needs, "a run makes the examples too"


def test_a_model_that_says_nothing_of_use_is_an_error_that_quotes_it(house: House):
    house.edit("models/rater", {"options": {"rule": "echo"}, "revision": "2"})
    recipe(house, "difficulty")
    before = house.current("question_scores", source="sums").artifact_id
    with house.entered():
        said = make(house, "question_scores", source="sums")
    assert said is not None
    assert "score difficulty.rater: not one of 12 questions got a figure (unparsable: 12)" in said
    assert "Rate how difficult" in said
    assert house.current("question_scores", source="sums").artifact_id == before


def test_a_model_that_fails_on_some_is_an_error_that_loses_nothing(house: House):
    house.edit("models/rater", {"options": {"timeout_every": 4}, "revision": "2"})
    recipe(house, "answer_length")
    before = house.current("question_scores", source="sums").artifact_id
    with house.entered():
        said = make(house, "question_scores", source="sums")
        assert said is not None
        assert "score answer_length.rater: 3 of 12 requests got no reply, the first because: no reply within" in said
        assert house.current("question_scores", source="sums").artifact_id == before
        house.edit("models/rater", {"options": {"timeout_every": None}})
        ASKED.clear()
        assert make(house, "question_scores", source="sums") is None
    assert len(ASKED) == 3, "only what did not come"
    assert stats(house)["unscored"] == {"answer_length.rater": {}}
