"""A house with a written source, and an endpoint that writes like a model: it reads the prompt and answers in JSON."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from ot_assets.curation.assets import screened_questions
from ot_assets.partitions import Partitions
from ot_assets.registry import registry
from ot_assets.running import dagster_key, failure_message
from ot_assets.sourcing.assets import benchmark_questions, sourced_questions
from resources.artifacts import Artifact, Partition
from resources.handles import Services
from tests.endtoend.house import FILES_SOURCE, House, http_model, sums
from tests.endtoend.server import Answer, completion

WORDS = [
    *("river", "bridge", "market", "teacher", "garden", "planet", "engine", "bottle", "window", "letter", "carpet"),
    *("orange", "violin", "hammer", "basket", "candle", "dragon", "feather", "glacier", "harbour", "island", "jacket"),
    *("kettle", "lantern", "meadow", "needle", "orchard", "pencil", "quarry", "ribbon", "saddle", "temple", "wagon"),
]
TEACHER = {"description": "Writes.", "model": "writer", "reasoning": None,
           "sampling": {"temperature": 0.9, "max_tokens": 2000, "seed": 1}}  # fmt: skip
TOPICS = {"Mechanics": ["Friction", "Pulleys"], "Optics": ["Lenses", {"Waves": ["Diffraction"]}]}


def invented(body: dict[str, Any], number: int) -> str:
    """A question that nobody asked before, always the same for the same request."""
    seen = json.dumps(body["messages"], sort_keys=True) + str(body.get("seed"))
    dice = random.Random(hashlib.sha256(f"{seen}{number}".encode()).hexdigest())
    some = dice.sample(WORDS, 7)
    place = f"meet at the {some[2]} near the {some[3]}"
    return f"A {some[0]} and a {some[1]} {place}: how many {some[4]}s fit into {some[5]} {some[6]}s?"


def wanted(prompt: str) -> int:
    """How many questions a prompt asks for."""
    found = re.search(r"Write (one question|\d+ questions)", prompt)
    return 1 if not found or found[1].startswith("one") else int(found[1].split()[0])


def as_json(*questions: str, **more: Any) -> str:
    return json.dumps({"questions": [{"question": text, **more} for text in questions]}, ensure_ascii=False)


def writes(body: dict[str, Any]) -> str:
    """What the endpoint replies: as many invented questions as were asked for."""
    return as_json(*(invented(body, n) for n in range(wanted(body["messages"][-1]["content"]))))


def says(text: Callable[[dict[str, Any]], str | None], finish: str = "stop") -> Callable[[dict[str, Any]], Answer]:
    """A behaviour of the endpoint: replies with this text; where it is None, as a writer does."""

    def behave(body: dict[str, Any]) -> Answer:
        said = text(body)
        answer = completion(writes(body) if said is None else said, body["model"])
        if said is not None:
            answer["choices"][0]["finish_reason"] = finish
        return 200, answer

    return behave


def make(house: House, asset: str, **keys: str) -> str | None:
    """Materializes one partition in this process; the message of what went wrong, or None. Call it inside `house.entered()`."""
    registry.cache_clear()
    body = {"sourced_questions": sourced_questions, "benchmark_questions": benchmark_questions,
            "screened_questions": screened_questions}[asset]  # fmt: skip
    result = dg.materialize(
        [body.build(Partitions(registry()))],
        partition_key=dagster_key(Partition(keys)),
        resources={"services": Services()},
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    return None if result.success else failure_message(result)


def publish(house: House, key: str = "new", /, **origin: Any) -> Artifact:
    """The written source with this origin, made."""
    house.write(f"sources/{key}", written(**origin))
    fault = make(house, "sourced_questions", source=key)
    assert fault is None, fault
    made = house.current("sourced_questions", source=key)
    assert made.manifest.rows_in == made.manifest.rows_out + len(made.ledger().collect())
    return made


def rules(made: Artifact) -> dict[str, int]:
    """Rows in the ledger by rule."""
    return dict(made.ledger().collect().group_by("rule").len().iter_rows())


def prompt_of(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


SEEDS = [
    "A train leaves at nine and runs 60 km an hour; when does it reach the town 150 km away?",
    "Eva shares 24 apples among 6 baskets. How many lie in each?",
    "Which number multiplied by itself gives 169?",
    "The sum of two neighbours on the number line is 41. Which is the smaller one?",
    "A rectangle of area 48 has one side of 6. How long is the other side?",
    "How many minutes are there in three and a half hours?",
]


def build(path: Path) -> House:
    """A house with seed questions, a benchmark and a writer, and nothing made yet."""
    path.mkdir()
    house = House(path)
    house.rows("mine.jsonl", [{"problem": text, "answer": "1", "worked": ""} for text in SEEDS])
    house.write("sources/mine", {**FILES_SOURCE, "verifier": "none", "columns": {"question": "problem"}})
    house.write("models/writer", {**http_model("SOLVER_URL"), "output_licence": "other:writer terms"})
    house.write("teachers/writer", TEACHER)
    house.rows("exam.jsonl", sums(3, first=60), folder="benchmarks")
    exam = {"origin": {"kind": "files", "paths": ["exam.jsonl"]}, "role": "dev", "repeats": 1}
    house.write(
        "benchmarks/exam",
        {**FILES_SOURCE, **exam, "description": "Sums.", "screen": {"ngram": None, "similarity": None}},
    )
    return house


def written(**origin: Any) -> dict[str, Any]:
    """A source that the writer writes; `verifier` and `domain` may be given with the origin's fields."""
    own: dict[str, Any] = {
        name: origin.pop(name) for name in ("verifier", "verifier_args", "language") if name in origin
    }
    return {
        "description": "Written.",
        "domain": "science",
        "licence": "CC0-1.0",
        "origin": {"kind": "written", "teacher": "writer", **origin},
        **own,
    }
