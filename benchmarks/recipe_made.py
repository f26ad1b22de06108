"""A recipe of any size from files, for `bench_recipe.py`: sources, a benchmark, a scripted teacher, a base that only
counts tokens.

What belongs here: writing the registry folder and its data, and the rule by which the teacher answers. Four sources, of
40, 30, 20 and 10 % of the questions, two as JSON lines and two as Parquet. A tenth of the questions are near copies of
others, a fifth of the smallest source are rows of the largest, one question in a thousand is a copy of a benchmark's
item or holds one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from counting_base import counting_base
from questions_made import questions

SHARES = {"first": 0.4, "second": 0.3, "third": 0.2, "fourth": 0.1}
AS_PARQUET = ("second", "third", "more")
ANSWERS = 16
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_COLUMNS = {"question": "question", "gold": "answer"}


def answer(request: Any) -> str:
    """Some reasoning of the usual shape and an answer, the same for the same request."""
    text = request.messages[-1].content
    thought = f"Let me see. {text[:400]} Now I try way {request.sample_index}. "
    return f"<think>\n{thought * 2}\n</think>\n\nThe answer is {len(text) + request.sample_index % 3}."


def build(folder: Path, size: int, items: int, dedup: str) -> None:
    """Writes the registry and all data of a recipe of `size` questions."""
    registry = folder / "registry"
    for section in ("sources", "models", "teachers", "benchmarks", "recipes"):
        (registry / section).mkdir(parents=True, exist_ok=True)
    exam = list(questions(items, seed=99, copies=0))
    _rows(registry / "benchmarks", "exam", iter(exam))
    made = _with_copies(questions(size, seed=1), exam)
    some: list[str] = []
    for key, share in SHARES.items():
        rows = round(size * share)
        own = islice(made, rows)
        if key == "fourth":
            own = (some[place % len(some)] if place % 5 == 0 else text for place, text in enumerate(own))
        if key == "first":
            own = _kept(own, some, rows // 20)
        _rows(registry / "sources", key, own)
        _write(registry / "sources" / key, _source(key))
    _write(registry / "benchmarks" / "exam", {**_source("exam"), "role": "dev", "repeats": 1})
    _write(registry / "models" / "script", {"engine": "scripted", "model": "script", "licence": "Apache-2.0",
                                            "options": {"rule": "recipe_made:answer"}})  # fmt: skip
    base = counting_base(folder / "counter", _TEMPLATE)
    _write(registry / "models" / "counter", {"engine": "transformers", "model": str(base),
                                             "licence": "MIT", "dtype": "float32"})  # fmt: skip
    sampling = {"temperature": 1.0, "max_tokens": 4096}
    _write(registry / "teachers" / "script", {"description": "By a rule.", "model": "script", "sampling": sampling})
    write_recipe(folder, list(SHARES), size, dedup)


def write_recipe(folder: Path, sources: list[str], size: int, dedup: str) -> None:
    """The recipe over these sources: every row, deduplicated, a tenth of the first size drawn, sixteen answers each."""
    select: list[dict[str, Any]] = [{"kind": "dedup", "method": dedup}, {"kind": "random", "rows": max(1, size // 10)}]
    part = {"domain": "math", "sources": [{"source": key} for key in sources], "rows": "all", "select": select}
    spec = {
        "description": "Made by a benchmark.",
        "parts": {"all": part},
        "answers_per_question": ANSWERS,
        "teachers": ["script"],
        "student": {"base": "counter"},
        "screen_against": ["exam"],
    }
    _write(folder / "registry" / "recipes" / "big", spec)


def add_source(folder: Path, size: int, rows: int, dedup: str) -> None:
    """One more source of `rows` questions, a tenth of them near copies of each other, and the recipe with it."""
    _rows(folder / "registry" / "sources", "more", questions(rows, seed=2))
    _write(folder / "registry" / "sources" / "more", _source("more"))
    write_recipe(folder, [*SHARES, "more"], size, dedup)


def files(folder: Path) -> list[Path]:
    """The data files of the sources, in order."""
    return [_place(folder / "registry" / "sources", key) for key in SHARES]


def _with_copies(made: Iterator[str], exam: list[str]) -> Iterator[str]:
    draw = random.Random(5)
    for text in made:
        chance = draw.random()
        if chance < 0.0005:
            yield draw.choice(exam)
        elif chance < 0.001:
            yield f"They asked: {draw.choice(exam)} What do you say?"
        else:
            yield text


def _kept(made: Iterator[str], some: list[str], most: int) -> Iterator[str]:
    for text in made:
        if len(some) < max(1, most):
            some.append(text)
        yield text


def _source(key: str) -> dict[str, Any]:
    return {
        "description": "Made by a benchmark.", "domain": "math", "licence": "Apache-2.0", "verifier": "exact",
        "origin": {"kind": "files", "paths": [_place(Path(), key).name]}, "columns": _COLUMNS,
    }  # fmt: skip


def _place(folder: Path, key: str) -> Path:
    return folder / f"{key}.{'parquet' if key in AS_PARQUET else 'jsonl'}"


def _rows(folder: Path, key: str, texts: Iterator[str]) -> None:
    place = _place(folder, key)
    if key in AS_PARQUET:
        every = list(texts)
        pl.DataFrame({"question": every, "answer": [str(len(text)) for text in every]}).write_parquet(place)
        return
    with place.open("w") as out:
        for text in texts:
            out.write(json.dumps({"question": text, "answer": str(len(text))}) + "\n")


def _write(place: Path, spec: dict[str, Any]) -> None:
    place.with_name(place.name + ".yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
