"""Scores as a recipe says them: one kind one form, names of columns, hashes that stay, and what they demand of the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ot_assets.registry.specs.score import Score, asked_for, with_parts
from schemas.ids import content_hash
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher
from tests.registry.house import SOURCE, House

SCORE: TypeAdapter[Score] = TypeAdapter(Score)
SIDES = {"positives": [{"source": "good"}], "negatives": [{"source": "bad"}]}
FASTTEXT = {"kind": "fasttext", **SIDES}
EMBEDDING = {"kind": "embedding", "model": "mini", **SIDES}
LENGTH = {"kind": "answer_length", "teacher": "x"}


def score(**fields: Any) -> Score:
    return SCORE.validate_python(fields)


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"kind": "random"}, "random.0"),
        ({"kind": "random", "seed": 3}, "random.3"),
        (LENGTH, "answer_length.x"),
        ({**LENGTH, "unit": "tokens"}, "answer_tokens.x"),
        ({**LENGTH, "unit": "tokens", "tokenizer": "q"}, "answer_tokens.x+q"),
        ({"kind": "difficulty", "teacher": "gpt-4o-mini"}, "difficulty.gpt-4o-mini"),
        ({"kind": "ask_llm", "teacher": "gpt-4o-mini"}, "ask_llm.gpt-4o-mini"),
        (FASTTEXT, "fasttext.good-vs-bad"),
        ({**FASTTEXT, "dim": 256, "word_ngrams": 2}, "fasttext.good-vs-bad"),
        (EMBEDDING, "embedding.good-vs-bad+mini"),
        ({"kind": "combined", "of": [LENGTH, {**LENGTH, "teacher": "y"}]}, "mean.answer_length.x+answer_length.y"),
    ],
)
def test_a_column_says_what_it_is(fields: dict[str, Any], column: str) -> None:
    assert score(**fields).column == column


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FASTTEXT, {**FASTTEXT, "dim": 64}),
        (FASTTEXT, {**FASTTEXT, "positives": [{"source": "good", "rows": 5}]}),
        (FASTTEXT, {**FASTTEXT, "positives": [{"source": "good"}, {"source": "better"}]}),
        ({**FASTTEXT, "positives": [{"texts": ["a"]}]}, {**FASTTEXT, "positives": [{"texts": ["b"]}]}),
        (
            {**FASTTEXT, "positives": [{"source": "a-vs-b"}], "negatives": [{"source": "c"}]},
            {**FASTTEXT, "positives": [{"source": "a"}], "negatives": [{"source": "b-vs-c"}]},
        ),
        (EMBEDDING, {**EMBEDDING, "model": "other"}),
        ({"kind": "ask_llm", "teacher": "x"}, {"kind": "ask_llm", "teacher": "x", "prompt": "{question}?"}),
        ({"kind": "difficulty", "teacher": "x"}, {"kind": "difficulty", "teacher": "x", "prompt": "{question}?"}),
        (
            {"kind": "combined", "of": [LENGTH, {"kind": "random"}]},
            {"kind": "combined", "by": "max", "of": [LENGTH, {"kind": "random"}]},
        ),
    ],
)
def test_other_content_is_another_column(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert score(**one).column != score(**other).column


def test_a_column_is_a_file_name_of_bounded_length() -> None:
    long = "a" * 100
    found = score(kind="fasttext", positives=[{"source": long}], negatives=[{"source": f"b{long[1:]}"}]).column
    assert len(found) < 200
    assert "/" not in found


def test_scores_of_before_there_were_other_kinds_keep_their_content() -> None:
    for kind in ("answer_length", "difficulty"):
        old = {"kind": kind, "teacher": "gpt-4.1-mini"}
        assert score(**old).to_dict() == old
        assert score(**old).hash == content_hash(old)
    recipe = a_recipe("r", ["s"], ["reference"], parts={"a": part(LENGTH)})
    (top,) = recipe.slice_for("filtered_set")["select"]["a"]
    assert top == {"kind": "top", "score": LENGTH, "rows": 5}


def part(*scores: dict[str, Any], source: str = "s") -> dict[str, Any]:
    steps = [{"kind": "top", "score": one, "rows": 5} for one in scores]
    return {"domain": "math", "sources": [{"source": source}], "select": steps}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "fasttext", "positives": [{"source": "a"}], "negatives": []}, "negatives"),
        ({"kind": "fasttext", "positives": [{"source": "a"}], "negatives": [{"source": "a"}]}, "nothing can be learnt"),
        ({**FASTTEXT, "positives": [{"source": "a", "texts": ["b"]}]}, "say either source or texts"),
        ({**FASTTEXT, "positives": [{}]}, "say either source or texts"),
        ({**FASTTEXT, "positives": [{"texts": ["b"], "rows": 3}]}, "rows is for a source"),
        ({**LENGTH, "tokenizer": "q"}, "tokenizer is for unit: tokens"),
        ({"kind": "ask_llm", "teacher": "x", "positives": [{"source": "a"}]}, "a source needs rows"),
        ({"kind": "ask_llm", "teacher": "x", "positives": [{"source": "a", "rows": 51}]}, "at most 50 examples"),
        (
            {"kind": "ask_llm", "teacher": "x", "prompt": "{question}", "negatives": [{"texts": ["a"]}]},
            "must hold {negatives}",
        ),
        ({"kind": "ask_llm", "teacher": "x", "prompt": "rate it"}, "must hold {question}"),
        ({"kind": "combined", "of": [LENGTH]}, "at least 2"),
        ({"kind": "combined", "of": [LENGTH, LENGTH]}, "stands twice"),
        ({"kind": "random", "teacher": "x"}, "teacher"),
        ({"kind": "answer_length"}, "teacher"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        score(**fields)


def test_parts_of_a_combined_score_are_scores_too() -> None:
    both = {"kind": "combined", "of": [{**LENGTH, "unit": "tokens"}, {"kind": "difficulty", "teacher": "y"}]}
    registry = a_registry(
        a_source("s"),
        a_source("good"),
        a_model("m"),
        *(a_teacher(key, "m") for key in ("x", "y")),
        a_recipe("r", [], ["reference"], parts={"a": part(both, LENGTH)}),
    )
    columns = [one.column for one in registry.scores_for("s")]
    assert columns == ["answer_tokens.x", "difficulty.y", "mean.answer_tokens.x+difficulty.y", "answer_length.x"]
    assert [one.label for one in asked_for(registry.scores_for("s"))] == ["answer_length.x", "difficulty.y"]
    assert with_parts([score(**both), score(**both)]) == with_parts([score(**both)])


RECIPE = """\
description: A recipe.
parts:
  math:
    domain: math
    sources: [{source: sums}]
    select:
      - kind: top
        rows: 5
        score: %s
teachers: [tutor]
student: {base: tiny, max_tokens: 512}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: fasttext, positives: [{source: som}], negatives: [{source: sums}]}", "no source 'som'"),
        ("{kind: fasttext, positives: [{source: exam}], negatives: [{source: sums}]}", "'exam' is a benchmark"),
        ("{kind: embedding, model: tony, positives: [{texts: [a]}], negatives: [{texts: [b]}]}", "no model 'tony'"),
        ("{kind: embedding, model: tiny, positives: [{texts: [a]}], negatives: [{texts: [b]}]}", "no weights on this"),
        ("{kind: difficulty, teacher: plain}", "a score needs a teacher of kind: model"),
        ("{kind: combined, of: [{kind: random}, {kind: difficulty, teacher: tuter}]}", "no teacher 'tuter'"),
        ("{kind: combined, of: [{kind: random}, {kind: difficulty, teacher: plain}]}", "a score needs a teacher"),
        ("{kind: fastext, positives: [{texts: [a]}], negatives: [{texts: [b]}]}", "did you mean 'fasttext'"),
        ("{kind: difficulty, teacher: tutor, rubric: x}", "unknown field"),
    ],
)
def test_slips_are_told_at_their_place(tmp_path: Path, text: str, said: str) -> None:
    house = House(tmp_path).furnish()
    house.write("teachers/plain.yaml", "description: Worked solutions.\nkind: reference\n")
    house.write("recipes/first.yaml", RECIPE % text)
    problem = house.only()
    assert said in str(problem)
    assert "recipes/first.yaml:9" in str(problem)


def test_a_source_that_is_scored_by_its_own_questions_is_warned_of(tmp_path: Path) -> None:
    house = House(tmp_path).furnish()
    house.write(
        "recipes/first.yaml", RECIPE % "{kind: fasttext, positives: [{source: sums}], negatives: [{texts: [b]}]}"
    )
    (warning,) = [one for one in house.load().warnings if "by themselves" in str(one)]
    assert "'sums' is drawn from too" in str(warning)


def test_a_source_that_its_part_leaves_out_is_scored_by_nobody(tmp_path: Path) -> None:
    house = House(tmp_path).furnish()
    house.write("sources/other.yaml", SOURCE.replace("{seed}", "2"))
    text = RECIPE % "{kind: fasttext, positives: [{source: sums}], negatives: [{texts: [b]}]}"
    drawn = "sources: [{source: other}, {source: sums}]\n    top: 1"
    house.write("recipes/first.yaml", text.replace("sources: [{source: sums}]", drawn))
    assert not [one for one in house.load().warnings if "by themselves" in str(one)]
