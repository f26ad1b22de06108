"""Answer filters in the registry: what may be said, what is refused and where, and that old recipes keep their slices."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ot_assets.registry import RecipeSpec
from ot_assets.registry.specs.answer_filter import AnswerFilter, CutTo, FastText, Majority, steps_of
from ot_assets.registry.specs.recipe import AnswerFilter as ReExported
from tests.factories import a_recipe
from tests.registry.house import RECIPE, SOURCE, House

SAMPLES = "positives: [{files: [good.jsonl]}], negatives: [{files: [bad.jsonl]}], rows: 5"


def recipe(spec: Any) -> RecipeSpec:
    return a_recipe("r", ["s"], ["t"], answer_filter=spec)


@pytest.mark.parametrize(
    ("spec", "slice_"),
    [
        ({}, {"kind": "none", "keep": None, "rows": None, "seed": 42}),
        ({"kind": "verified"}, {"kind": "verified", "keep": None, "rows": None, "seed": 42}),
        ({"kind": "longest", "keep": 3}, {"kind": "longest", "keep": 3, "rows": None, "seed": 42}),
        ({"kind": "random", "rows": 5, "seed": 1}, {"kind": "random", "keep": None, "rows": 5, "seed": 1}),
    ],
)
def test_one_filter_has_the_slice_that_it_always_had(spec: Any, slice_: Any) -> None:
    """What manifests of before hold: another key here would make every training set stale."""
    assert recipe(spec).slice_for("training_set")["answer_filter"] == slice_
    assert recipe(spec).to_dict()["answer_filter"] == {**slice_, "seed": spec.get("seed")}


def test_the_slice_hash_of_before_there_were_chains() -> None:
    known = {
        "keep": "d4ebcf0c8b289b36810ecdbc630e405b1b63284112e7c82152b74fa5e086070a",
        "longest": "bbd5b1cce61ae7cac504639afb145856b36a396a7e9c2162aa1a0409e2e3f01b",
    }
    assert recipe({"keep": 2}).slice_hash("training_set") == known["keep"]
    assert recipe({"kind": "longest", "keep": 3}).slice_hash("training_set") == known["longest"]


def test_a_chain_has_its_steps_with_their_seeds() -> None:
    found = recipe([{"kind": "majority"}, {"kind": "random", "keep": 1}, {"kind": "cut_to", "rows": 9, "seed": 5}])
    assert [type(step) for step in found.answer_steps] == [Majority, AnswerFilter, CutTo]
    slices = found.slice_for("training_set")["answer_filter"]
    assert [step.get("seed") for step in slices] == [None, 42, 5]
    assert "seed" not in slices[0]
    assert RecipeSpec.model_validate_json(found.model_dump_json()) == found
    assert not found.verified
    assert recipe([{"kind": "closed_reasoning"}, {"kind": "verified"}]).verified
    assert ReExported is AnswerFilter
    assert steps_of(found.answer_filter) == found.answer_steps


def test_a_filter_touches_only_the_training_set() -> None:
    one, other = recipe({"kind": "none"}), recipe([{"kind": "majority"}, {"kind": "cut_to", "rows": 9}])
    assert one.slice_hash("training_set") != other.slice_hash("training_set")
    for asset in ("mixed_pool", "filtered_set", "trace_requests", "student_model", "eval_responses"):
        assert one.slice_hash(asset) == other.slice_hash(asset)


def test_the_paper_s_numbers_are_the_defaults() -> None:
    samples = {"positives": [{"files": ["a"]}], "negatives": [{"files": ["b"]}]}
    found = FastText.model_validate({"kind": "fasttext", **samples, "rows": 1})
    assert (found.dim, found.epochs, found.learning_rate, found.word_ngrams, found.min_count) == (256, 3, 0.1, 2, 3)
    (step,) = recipe({"kind": "long_paragraph"}).answer_steps
    assert step.to_dict() == {"kind": "long_paragraph", "words": 750, "text": "full"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ([{"kind": "cut_to", "rows": 5}, {"kind": "none"}], "cut_to must be the last step, not step 1 of 2"),
        ([], "at least 1 item"),
        ({"kind": "fasttext", "positives": [{"files": ["a"]}], "negatives": [{"files": ["b"]}]}, "needs rows"),
        ({"kind": "fasttext", "positives": [{}], "negatives": [{"files": ["b"]}], "rows": 1}, "say either files"),
        (
            {"kind": "fasttext", "positives": [{"source": "s"}], "negatives": [{"files": ["b"]}], "rows": 1},
            "source and teacher go together",
        ),
        ({"kind": "judge_verify", "judge": "t", "prompt": "{question}"}, "must hold {answer}"),
        ({"kind": "judge_pick", "judge": "t", "prompt": "{answers}"}, "must hold {question}"),
        ({"kind": "judge_verify"}, "Field required"),
        ({"kind": "language", "languages": []}, "at least 1 item"),
        ({"kind": "language", "languages": ["English"]}, "pattern"),
        ({"kind": "majority", "share": 1}, "less than 1"),
        ({"kind": "longest"}, "needs keep"),
        ({"kind": "cut_to"}, "Field required"),
    ],
)
def test_what_makes_no_sense(spec: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        recipe(spec)


def written(house: House, text: str, *, answers: int = 4) -> None:
    for name in ("good", "bad"):
        house.write(f"recipes/{name}.jsonl", '{"text": "x"}\n')
    house.write("teachers/own.yaml", "description: Own.\nkind: reference\n")
    house.write("recipes/first.yaml", f"{RECIPE}answers_per_question: {answers}\nanswer_filter:{text}\n")


@pytest.mark.parametrize(
    ("text", "field", "words", "line"),
    [
        (" {kind: judge_verify, judge: tutr}", "answer_filter.judge", ["no teacher 'tutr'", "'tutor'"], 0),
        (
            "\n  - {kind: none}\n  - {kind: judge_pick, judge: tutr}",
            "answer_filter[1].judge",
            ["no teacher 'tutr'"],
            2,
        ),
        (" {kind: judge_verify, judge: own}", "answer_filter.judge", ["kind: model", "'own'"], 0),
        (
            "\n  - {kind: language, languages: [en, eng]}",
            "answer_filter[0].languages[1]",
            ["'eng'", "cannot be told"],
            1,
        ),
        (
            f" {{kind: fasttext, {SAMPLES.replace('good', 'god')}}}",
            "answer_filter.positives[0].files[0]",
            ["god.jsonl"],
            0,
        ),
        (
            " {kind: fasttext, positives: [{source: sum, teacher: tutor}], negatives: [{files: [bad.jsonl]}], rows: 5}",
            "answer_filter.positives[0].source",
            ["no source 'sum'"],
            0,
        ),
        (
            "\n  - {kind: fasttext, positives: [{files: [bad.jsonl]}], negatives: [{source: sums, teacher: own}], rows: 5}",
            "answer_filter[0].negatives[0].source",
            ["no recipe asks own for answers to sums"],
            1,
        ),
        (
            " {kind: fasttext, positives: [{files: [bad.jsonl]}], negatives: [{files: [bad.jsonl]}], rows: 5}",
            "answer_filter.negatives[0]",
            ["stands among the positives too"],
            0,
        ),
        (" {kind: majorty}", "answer_filter", ["'majorty'", "'majority'"], 0),
        (" {kind: majority, shre: 0.5}", "answer_filter.shre", ["unknown field", "'share'"], 0),
        ("\n  - {kind: verified}\n  - {kind: cut_to}", "answer_filter[1].rows", ["How many examples"], 2),
        ("\n  - {kind: cut_to, rows: 5}\n  - {kind: verified}", "answer_filter", ["must be the last step"], 0),
        (" verified", "answer_filter", ["says its kind"], 0),
    ],
)
def test_ot_check_names_the_place(house: House, text: str, field: str, words: list[str], line: int) -> None:
    written(house, text)
    problem = house.only()
    first = len(RECIPE.splitlines()) + 2
    assert (problem.field, problem.line) == (field, first + line)
    for word in words:
        assert word in problem.message


def test_a_sound_filter_has_no_problems(house: House) -> None:
    written(
        house,
        f"\n  - {{kind: closed_reasoning}}\n  - {{kind: fasttext, {SAMPLES}}}"
        "\n  - {kind: judge_verify, judge: tutor, votes: 3}"
        "\n  - {kind: majority}\n  - {kind: judge_pick, judge: tutor, keep: 2}\n  - {kind: cut_to, rows: 50}",
    )
    assert house.problems() == ()
    found = house.load()
    assert found.recipe("first").judges == ("tutor",)
    assert sorted(found.sample_files("first")) == ["bad.jsonl", "good.jsonl"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n  - {kind: majority}\n  - {kind: judge_pick, judge: tutor, keep: 4}", "drops none"),
        (" {kind: judge_verify, judge: cold, votes: 3}", "its 3 votes will be one and the same"),
    ],
)
def test_warnings(house: House, text: str, words: str) -> None:
    house.write("teachers/cold.yaml", "description: Cold.\nmodel: tiny\nsampling: {temperature: 0, max_tokens: 9}\n")
    written(house, text)
    (warning,) = house.load().warnings
    assert words in warning.message


def test_majority_needs_answers_that_are_read(house: House) -> None:
    house.write("sources/sums.yaml", SOURCE.replace("{seed}", "1").replace("verifier: procedural", "verifier: none"))
    written(house, " {kind: majority}")
    assert "no source has a verifier that reads answers" in house.only().message
