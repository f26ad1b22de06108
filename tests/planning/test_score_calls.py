"""What scores are planned to ask: each request once, examples in every prompt, sources that only give examples."""

from __future__ import annotations

from typing import Any

from ot_assets.planning import plan
from ot_assets.registry import Registry
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher

LENGTH = {"kind": "answer_length", "teacher": "rater"}


def of(*scores: dict[str, Any]) -> Registry:
    steps = [{"kind": "top", "score": score, "rows": 5} for score in scores]
    return a_registry(
        a_source("s"),
        a_source("good", question_tokens=30),
        a_model("m"),
        a_teacher("rater", "m"),
        a_recipe(
            "r", [], ["reference"], parts={"a": {"domain": "math", "sources": [{"source": "s"}], "select": steps}}
        ),
    )


def stage(registry: Registry, name: str) -> dict[str, Any]:
    (found,) = [one.to_json() for one in plan(registry, "r").stages if one.stage == name]
    return found


def test_characters_and_tokens_of_one_teacher_are_asked_once():
    both = {"kind": "combined", "of": [{**LENGTH, "unit": "tokens"}, {"kind": "difficulty", "teacher": "rater"}]}
    assert stage(of(LENGTH, both), "question_scores")["requests"] == 2 * 20


def test_examples_stand_in_every_prompt():
    plain = stage(of({"kind": "ask_llm", "teacher": "rater"}), "question_scores")
    shown = {"kind": "ask_llm", "teacher": "rater", "positives": [{"source": "good", "rows": 4}]}
    assert stage(of(shown), "question_scores")["prompt_tokens"] - plain["prompt_tokens"] == 20 * 4 * 30


def test_local_scores_ask_nobody_and_their_examples_are_sourced():
    registry = of({"kind": "fasttext", "positives": [{"source": "good"}], "negatives": [{"texts": ["bad"]}]})
    assert stage(registry, "question_scores")["requests"] == 0
    assert stage(registry, "sourced_questions")["partitions"] == 2
    assert stage(registry, "sourced_questions")["rows_in"] == 40
    assert stage(registry, "mixed_pool")["rows_in"] == 20
