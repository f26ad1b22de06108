"""A small recipe, made from its sources to its training set in seconds: no model but a scripted one, no student.

`mine` and `other` hold what a page must show as text and what steps must catch: markup, right-to-left and mathematical
text, a very long question, duplicates within and across sources, copies of the benchmark's items, rows without text.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg

from benchmarks.counting_base import counting_base
from ot_assets.definitions import build_definitions
from ot_assets.graph import World
from ot_assets.registry import registry
from ot_assets.running import Runner, RunReport
from ot_assets.scope import scope
from resources.artifacts import ArtifactStore
from resources.generation.request import Request
from resources.home import Home
from tests.endtoend.house import House
from tests.endtoend.steps import instance_of
from tests.resources.training.conftest import TEMPLATE

LAST = ("student_model", "eval_responses", "eval_scores", "baseline_scores", "leaderboard")
"""Stages that a report says nothing of; making them takes a model."""

EVIL = "<script>document.title = 'taken'</script> & <b>What</b> is 1 + 1?"
ARABIC = "ما هو مجموع 12 و 30؟ اكتب الجواب كعدد صحيح."
MATHS = r"Evaluate $\int_0^1 x^2\,dx$ and say whether ∑ₙ 1/n² = π²/6 ⇒ ∃ε > 0."
LONG = "How many words are here? " + "word " * 2_000
EXAM = [
    f"A train leaves town {n} at noon with {n + 3} wagons and meets {n * 7} cows on its way north; how many legs is that?"
    for n in range(8)
]

_COLUMNS = {"question": "problem", "gold": "answer", "solution": "worked"}


def row(problem: str | None, answer: str = "2", **more: Any) -> dict[str, Any]:
    return {"problem": problem, "answer": answer, "worked": f"It is {answer}.", **more}


def sums(first: int, count: int) -> list[dict[str, Any]]:
    return [
        row(f"What do {n} apples and {3 * n} pears make together?", str(4 * n)) for n in range(first, first + count)
    ]


def mine() -> list[dict[str, Any]]:
    again = [row(f"What do 1 apples  and {3} pears make together?", "4") for _ in range(2)]
    copies = [row(text, "4") for text in EXAM[:3]] + [row(f"So they say: {EXAM[4]}", "4")]
    special = [row(EVIL), row(ARABIC, "42"), row(MATHS, "1/3"), row(LONG, "2000")]
    return [*sums(1, 30), *again, *special, *copies, row(None), row("")]


def other() -> list[dict[str, Any]]:
    return [*sums(25, 20)]


def answer(request: Request) -> str:
    """Thinks, and is right half of the time about sums."""
    numbers = [int(word) for word in request.messages[-1].content.split() if word.isdigit()]
    said = sum(numbers) if request.sample_index % 2 == 0 else 0
    return f"<think>\nI add them up <b>slowly</b>.\n</think>\n\nThe answer is {said}"


@functools.cache
def tokenizer_only(folder: Path) -> Path:
    """A base that can count tokens and nothing else."""
    return counting_base(folder, TEMPLATE)


def source_spec(file: str, **more: Any) -> dict[str, Any]:
    return {
        "description": "Sums in words.", "domain": "math", "licence": "CC-BY-4.0",
        "origin": {"kind": "files", "paths": [file]}, "columns": _COLUMNS, "verifier": "math", **more,
    }  # fmt: skip


def recipe_spec(**more: Any) -> dict[str, Any]:
    return {
        "description": "Sums, for a look at every stage.",
        "parts": {"math": part()},
        "answers_per_question": 2,
        "teachers": ["solver"],
        "other_teachers": "any",
        "student": {"base": "tiny", "max_tokens": 20_000},
        "screen_against": ["exam"],
        "seed": 7,
        **more,
    }


def part(*select: dict[str, Any], **more: Any) -> dict[str, Any]:
    steps = list(select) or [{"kind": "dedup", "method": "exact"}, {"kind": "random", "rows": 40}]
    return {"domain": "math", "sources": [{"source": "mine"}, {"source": "other"}], "select": steps, **more}


def build_small(path: Path, base: Path) -> House:
    """The house with the recipe `small`, nothing made yet."""
    house = House(path)
    house.rows("mine.jsonl", mine())
    house.rows("other.jsonl", other())
    house.write("sources/mine", source_spec("mine.jsonl"))
    house.write("sources/other", source_spec("other.jsonl", licence="MIT", domain="science"))
    house.write("models/tiny", {"engine": "transformers", "model": str(base), "licence": "MIT", "dtype": "float32"})
    house.write("models/script", {
        "engine": "scripted", "model": "script", "licence": "Apache-2.0", "price": {"input": 1.0, "output": 2.0},
        "options": {"rule": "tests.report.small:answer"},
    })  # fmt: skip
    house.write("teachers/solver", {"description": "Adds.", "model": "script", "sampling": {"max_tokens": 64}})
    house.rows("exam.jsonl", [row(text) for text in EXAM], folder="benchmarks")
    house.write("benchmarks/exam", {**source_spec("exam.jsonl"), "description": "Trains.", "role": "dev", "repeats": 1})
    house.write("recipes/small", recipe_spec())
    return house


def make_up_to_training(
    house: House, recipe: str, teachers: Iterable[str] = (), *, without: tuple[str, ...] = ()
) -> RunReport:
    """Makes what is missing or stale up to the training set. Enters the house itself."""
    with house.entered(), instance_of(house) as instance:
        registry.cache_clear()
        world = World(registry(), ArtifactStore(Home.from_env().artifacts))
        steps = scope(world, recipe, tuple(teachers)).steps()
        steps = [step for step in steps if step.asset not in (*LAST, *without)]
        return Runner(world, build_definitions(world.registry), instance, house.home / "locks").run(steps)


@contextmanager
def without_suites() -> Iterator[None]:
    """Leaves out the expectation suites, which have tests of their own and take most of a small step's time."""
    passed = dg.AssetCheckResult(check_name="suite", passed=True)
    with patch("ot_assets.materialized._suite_check", return_value=passed):
        yield
