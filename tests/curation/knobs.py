"""A small house in which every knob of a recipe is turned once: its data, and a scripted model that plays all parts.

`questions` turns the knobs of sourcing, mixing and selection, one part each; `ratio` those that only a whole recipe
has; `answers` all answer filters, one step each; `strict` and `brief` what is about teachers, verification and the form
of an example.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from resources.generation.request import Request
from tests.endtoend.house import House
from tests.report.small import make_up_to_training, source_spec, tokenizer_only, without_suites

THINGS = (
    *("lamps", "anchors", "pillows", "violins", "ladders", "kettles", "helmets", "carpets", "puzzles", "saddles"),
    *("blankets", "compasses", "hammers", "mirrors", "baskets", "candles", "drums", "easels", "flutes", "globes"),
    *(
        "harps",
        "icons",
        "jackets",
        "kites",
        "lanterns",
        "magnets",
        "needles",
        "oars",
        "paddles",
        "quilts",
        "ropes",
        "sails",
    ),
)
CITIES = ("Aden", "Bergen", "Cadiz", "Dakar", "Esbjerg", "Fukuoka", "Genoa", "Havana")
TRAIN = "A locomotive pulls {} wagons over the northern bridge while seventeen sleepy goats watch it from a meadow and chew."
BAD = "This one the judge will not have."


def question(number: int, count: int | None = None) -> str:
    first, second = THINGS[number % 32], THINGS[(number * 7 + 3) % 32]
    crates = f"{count or number + 2} crates of {first}, 5 boxes of {second}"
    return f"Ship {first} leaves {CITIES[number % 8]}: {crates}. How many crates?"


def row(text: str, gold: str = "1") -> dict[str, Any]:
    return {"problem": text, "answer": gold, "worked": f"It is {gold}."}


def plain(first: int, last: int) -> list[dict[str, Any]]:
    return [row(question(n), str(n + 2)) for n in range(first, last)]


A = [
    *plain(0, 16),
    row(TRAIN.format(41)),
    row(f"Read this: {TRAIN.format(52)} How many wagons? Explain it to a child, please."),
    row(TRAIN.format(63).replace("sleepy goats", "sleepy goat")),
    row(TRAIN.format(74).replace("northern", "southern")),
]
"""Sixteen plain questions, and four that are like items: exact, inside another text, one letter off, one word off."""
B = [row(question(0).replace(" ", "  ")), row(question(1).upper()), row(question(2, 9)), *plain(16, 25)]
"""Copies of rows of A by spacing, case and another number; and nine of its own."""
C = plain(25, 28)
SHOWN = [row("What is in the figure below? See https://school.org/figure.png for it.")]


def answer(request: Request) -> str:
    """Plays the teacher, the rater and the judges, by what it is asked."""
    text = request.messages[-1].content
    if "<problem>" in text:
        if "numbered" in text:
            return json.dumps({"reasoning": "The first will do.", "best": [1]})
        return json.dumps({"reasoning": "I look for a phrase.", "correct": BAD not in text})
    found = re.findall(r"(\d+) crates of", text)
    count = int(found[-1]) if found else 1
    if "integer from 1 to 10" in text:
        return str(min(count, 10))
    if "from 1 to 100" in text:
        return json.dumps({"reason": "So many crates.", "score": min(2 * count, 100)})
    return _said(request.sample_index, count)


def _said(index: int, count: int) -> str:
    """Answer 2 is wrong, 3 never ends, 4 is French, 5 one long paragraph, 7 has no code, 8 is what the judge rejects."""
    words = " ".join(["I count the crates once more and once more to be sure."] * (index + 1))
    if index == 3:
        return f"<think>\n{words}"
    if index == 4:
        words = (
            "Je compte les caisses une par une, puis je vérifie encore une fois que le total est bien celui du bateau."
        )
    if index == 5:
        words = "I count them again and again. " * 60
    code = "" if index == 7 else "\n\n```python\nprint(crates)\n```"
    bad = BAD if index == 8 else ""
    return f"<think>\n{words}\n</think>\n\n{bad}{code}\n\nThe answer is {count + (index == 2)}"


def part(*select: dict[str, Any], sources: str = "ab", **more: Any) -> dict[str, Any]:
    return {"domain": "math", "sources": [{"source": key} for key in sources], "select": list(select), **more}


def top(score: dict[str, Any], rows: int = 4) -> dict[str, Any]:
    return part({"kind": "top", "score": score, "rows": rows}, sources="a")


def dedup(method: str, **more: Any) -> dict[str, Any]:
    return part({"kind": "dedup", "method": method, **more})


def cut(kind: str, rows: int, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "rows": rows, **more}


_LIKE = {"positives": [{"source": "a"}], "negatives": [{"source": "c"}]}
PARTS: dict[str, dict[str, Any]] = {
    "sources-one": part(sources="a"),
    "sources-two": part(sources="ac"),
    "mix-top-2": part(sources="abc", top=2, rows=12),
    "mix-shares": {"domain": "math", "rows": 10, "sources": [{"source": "a", "share": 0.7}, {"source": "b", "share": 0.3}]},
    "mix-temperature": part(sources="ac", rows=9, temperature=1.0),
    "fill-none": part(sources="c", rows=7),
    "fill-repeat": part(sources="c", rows=7, fill="repeat"),
    "rows-3": part(sources="a", rows=3),
    "rows-10": part(sources="a", rows=10),
    "seed-1": part(cut("random", 4), sources="a", seed=1),
    "seed-2": part(cut("random", 4), sources="a", seed=2),
    "by-random": top({"kind": "random", "seed": 3}),
    "by-length": top({"kind": "answer_length", "teacher": "rater"}),
    "by-difficulty": top({"kind": "difficulty", "teacher": "rater"}),
    "by-worth": top({"kind": "ask_llm", "teacher": "rater"}),
    "by-fasttext": top({"kind": "fasttext", "dim": 8, "min_count": 1, "buckets": 100, **_LIKE}),
    "bottom": part(cut("bottom", 4, score={"kind": "difficulty", "teacher": "rater"}), sources="a"),
    "band": part({"kind": "band", "score": {"kind": "random", "seed": 3}, "low": 0.5}, sources="a"),
    "threshold": part(
        {"kind": "threshold", "score": {"kind": "difficulty", "teacher": "rater"}, "at_least": 10}, sources="a"),
    "stratified": part({"kind": "stratified", "rows": 6, "quotas": "equal"}),
    "clean": part({"kind": "clean", "links": True, "figures": True}, sources="d"),
    "dedup-none": dedup("none"),
    "dedup-exact": dedup("exact"),
    "dedup-fuzzy": dedup("fuzzy"),
    "dedup-numbers": dedup("numbers"),
    "dedup-minhash": dedup("minhash"),
    "answers-3": part(cut("random", 2), sources="a", answers_per_question=3),
}  # fmt: skip

FILTERS: tuple[dict[str, Any], ...] = (
    {"kind": "closed_reasoning"},
    {"kind": "non_english"},
    {"kind": "long_paragraph", "words": 200},
    {"kind": "code_language", "languages": ["python"]},
    {"kind": "judge_verify", "judge": "rater"},
    {"kind": "majority"},
    {"kind": "fasttext", "keep": 5, "dim": 8, "min_count": 1, "buckets": 100,
     "positives": [{"files": ["good.jsonl"]}], "negatives": [{"files": ["poor.jsonl"]}]},
    {"kind": "longest", "keep": 4},
    {"kind": "shortest", "keep": 3},
    {"kind": "random", "keep": 2},
    {"kind": "judge_pick", "judge": "rater"},
    {"kind": "cut_to", "rows": 2},
)  # fmt: skip
"""In this order each drops something of twelve answers to three questions."""

TEACHERS = {
    "solver": {"sampling": {"temperature": 0.6, "top_p": 0.9, "max_tokens": 4_000}},
    "cool": {"sampling": {"temperature": 0.0, "max_tokens": 4_000}},
    "rater": {"reasoning": None, "sampling": {"temperature": 0.0, "max_tokens": 400}},
}


def _recipe(**fields: Any) -> dict[str, Any]:
    return {"description": "Knobs.", "teachers": ["reference"], "student": {"base": "tiny"}, "seed": 5,
            "screen_against": ["exam-gram", "exam-near"], **fields}  # fmt: skip


def build_knobs(path: Path) -> House:
    """The house, nothing made yet."""
    house = House(path)
    for key, rows in {"a": A, "b": B, "c": C, "d": [*SHOWN, *plain(28, 30)]}.items():
        house.rows(f"{key}.jsonl", rows)
        house.write(f"sources/{key}", source_spec(f"{key}.jsonl", domain="math" if key == "a" else "science"))
    screens = {"gram": {"ngram": 9, "similarity": None}, "near": {"ngram": None, "similarity": 90}, "other": {}}
    for (key, screen), number in zip(screens.items(), ("41", "63", "85"), strict=True):
        # Each benchmark has an item of its own, so that a hit says which setting found it.
        item = TRAIN.format(number) if key != "other" else "Nothing here is like anything that a source asks at all."
        house.rows(f"{key}.jsonl", [row(item)], folder="benchmarks")
        spec = source_spec(f"{key}.jsonl", role="dev", repeats=0, screen=screen)
        house.write(f"benchmarks/exam-{key}", spec)
    house.write(
        "models/tiny", {"engine": "transformers", "model": str(tokenizer_only(path / "base")), "licence": "MIT"}
    )
    script = {"engine": "scripted", "model": "script", "licence": "Apache-2.0"}
    house.write("models/script", {**script, "options": {"rule": "tests.curation.knobs:answer"}})
    for key, fields in TEACHERS.items():
        house.write(f"teachers/{key}", {"description": "By a rule.", "model": "script", **fields})
    house.rows("good.jsonl", [{"text": "count crates once more"} for _ in range(5)], folder="recipes")
    house.rows("poor.jsonl", [{"text": "goats watch bridges"} for _ in range(5)], folder="recipes")
    three = {"all": part(cut("top", 3, score={"kind": "difficulty", "teacher": "rater"}), sources="a")}
    house.write("recipes/questions", _recipe(parts=PARTS))
    house.write(
        "recipes/ratio",
        _recipe(
            rows=12,
            answers_per_question=2,
            parts={
                "major": part({"kind": "random"}, sources="a", ratio=2),
                "minor": part({"kind": "random"}, sources="c", ratio=1),
            },
        ),
    )
    house.write(
        "recipes/answers",
        _recipe(parts=three, answers_per_question=12, teachers=["solver"], answer_filter=list(FILTERS)),
    )
    house.write(
        "recipes/strict",
        _recipe(
            parts=three,
            answers_per_question=4,
            teachers=["cool"],
            answer_filter=[{"kind": "verified"}, {"kind": "cut_to", "rows": 4}],
            student={
                "base": "tiny",
                "think": None,
                "system_prompt": "Answer only.",
                "prompt": "Q: {question}",
                "training": {"tier": "small", "epochs": 2},
            },
        ),
    )
    house.write(
        "recipes/brief",
        _recipe(
            parts=three,
            teachers=["solver"],
            screen_against=["exam-gram", "exam-near", "exam-other"],
            student={"base": "tiny", "max_tokens": 300, "too_long": "drop"},
        ),
    )
    return house  # fmt: skip


def make_knobs(house: House) -> None:
    """Makes the questions of all recipes, and the training sets of those that are about answers."""
    answers = ("trace_requests", "traces", "verdicts", "training_set")
    with without_suites():
        for recipe, without in (
            ("brief", ()), ("questions", answers), ("ratio", answers), ("answers", ()), ("strict", ()),
        ):  # fmt: skip
            done = make_up_to_training(house, recipe, without=without)
            assert done.ok, [(str(step.need), step.reasons) for step in done.steps if step.outcome == "failed"]
