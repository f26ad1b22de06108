"""Answer filters through the whole house: a judge behind HTTP, a classifier on traces, equal sizes, and what makes stale."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.endtoend.house import House
from tests.endtoend.server import Answer, Endpoint, completion
from tests.endtoend.steps import make

AT = {"recipe": "sums", "teacher": "solver"}


def judging(body: dict[str, Any]) -> Answer | None:
    """Calls an answer correct that states an even sum; other requests are answered as ever."""
    if "response_format" not in body:
        return None
    said = {"reasoning": "I added them.", "correct": even(body["messages"][-1]["content"])}
    return 200, completion(json.dumps(said), body["model"])


def even(text: str) -> bool:
    found = re.findall(r"boxed\{(-?\d+)\}", text)
    return bool(found) and int(found[-1]) % 2 == 0


def with_filter(house: House, *steps: dict[str, Any]) -> House:
    house.write(
        "teachers/judge",
        {"description": "Judges.", "model": "solver", "sampling": {"temperature": 0.0, "max_tokens": 99}},
    )
    recipe = house.read("recipes/sums")
    house.write("recipes/sums", {**recipe, "answer_filter": list(steps)})
    return house


def test_a_judge_chooses_and_the_rest_is_cut_to_size(house: House, server: Endpoint) -> None:
    server.behaviour = judging
    with_filter(house, {"kind": "judge_verify", "judge": "judge"}, {"kind": "cut_to", "rows": 5})
    assert house.ot("check").code == 0
    plan = house.ot("plan", "sums", "--json").json
    traces, judged = (next(s for s in plan["stages"] if s["stage"] == name) for name in ("traces", "training_set"))
    assert (judged["requests"], judged["note"]) == (traces["requests"], "judge")
    with house.entered():
        assert make(house, "training_set", **AT) is None
    made = house.current("training_set", **AT)
    answers = [row[0]["content"] for row in made.read().get_column("completion").to_list()]
    assert len(answers) == 5
    assert all(even(text) for text in answers)
    ledger = made.ledger().collect()
    assert set(ledger["rule"]) == {"judged_wrong", "not_drawn"}
    assert made.manifest.rows_in == 5 + len(ledger)
    asked = len(server.prompts())
    assert 0 < asked <= made.manifest.rows_in  # two samples that say the same are judged once
    steps = made.manifest.stats["answer_filter"]
    assert [(step["kind"], step["rows_out"]) for step in steps][1] == ("cut_to", 5)

    with_filter(house, {"kind": "judge_verify", "judge": "judge"}, {"kind": "cut_to", "rows": 4})
    with house.entered():
        assert make(house, "training_set", **AT) is None
    assert len(server.prompts()) == asked
    assert set(house.current("training_set", **AT).read()["trace_id"]) < set(made.read()["trace_id"])


def test_a_judge_that_changes_makes_the_training_set_stale(house: House, server: Endpoint) -> None:
    server.behaviour = judging
    with_filter(house, {"kind": "judge_verify", "judge": "judge"})
    with house.entered():
        assert make(house, "training_set", **AT) is None
    before = house.current("training_set", **AT).manifest.spec
    house.edit("teachers/judge", {"sampling": {"temperature": 0.5}})
    stale = house.ot("status", "sums").text
    assert "training_set" in stale
    assert before["judges"]["judge"]["sampling"]["temperature"] == 0.0


def test_a_classifier_learns_from_traces_and_files(house: House) -> None:
    house.rows("bad.jsonl", [{"text": f"Sure, my friend, number {n} is great!"} for n in range(30)], folder="recipes")
    sides = {
        "positives": [{"source": "mine", "teacher": "solver"}],
        "negatives": [{"files": ["bad.jsonl"]}],
    }
    small = {"dim": 8, "min_count": 1, "buckets": 1_000, "epochs": 20, "learning_rate": 0.5}
    with_filter(house, {"kind": "fasttext", **sides, **small, "rows": 6})
    with house.entered():
        assert make(house, "training_set", **AT) is None
    made = house.current("training_set", **AT)
    assert made.manifest.rows_out == 6
    assert made.manifest.stats["answer_filter"][0]["samples"]["negatives"] == 30
    assert list(made.manifest.spec["samples"]) == ["bad.jsonl"]


def test_too_few_rows_are_told_in_one_message(house: House) -> None:
    with_filter(house, {"kind": "verified"}, {"kind": "cut_to", "rows": 500})
    with house.entered():
        said = make(house, "training_set", **AT)
    assert said is not None
    assert "cut_to wants 500 examples" in said
    assert "short: keep" in said
