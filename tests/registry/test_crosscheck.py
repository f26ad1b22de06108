"""What specs demand of each other."""

from __future__ import annotations

import pytest

from tests.registry.house import BENCHMARK, RECIPE, SOURCE, TEACHER, House


def recipe(old: str, new: str) -> str:
    assert old in RECIPE
    return RECIPE.replace(old, new)


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (recipe("source: sums", "source: sum"), "parts.math.sources[0].source", ["no source 'sum'", "'sums'"]),
        (recipe("[tutor]", "[tuttor]"), "teachers[0]", ["no teacher 'tuttor'", "'tutor'"]),
        (recipe("[tutor]", "[tutor, tutor]"), "teachers[1]", ["stands twice"]),
        (recipe("base: tiny", "base: tny"), "student.base", ["no model 'tny'", "'tiny'"]),
        (recipe("benchmarks: [exam]", "benchmarks: [exam, exm]"), "benchmarks[1]", ["no benchmark 'exm'"]),
        (RECIPE + "screen_against: [exm]\n", "screen_against[0]", ["no benchmark 'exm'"]),
        (RECIPE + "other_teachers: [nobody]\n", "other_teachers[0]", ["no teacher 'nobody'"]),
        (recipe("choose_on: [exam]", "choose_on: [final]"), "choose_on[0]", ["held out", "allowed: exam"]),
        (recipe("benchmarks: [exam]", "benchmarks: []"), "choose_on[0]", ["not among the recipe's benchmarks"]),
        (recipe("benchmarks: [exam]", "benchmarks: [exam, shield]"), "benchmarks[1]", ["never run"]),
        (recipe("max_tokens: 512", "max_tokens: 10_000"), "student.max_tokens", ["10,000", "8,192"]),
        (
            recipe(
                "rows: 100", "rows: 100\n    select: [{kind: top, score: {kind: difficulty, teacher: tutr}, rows: 9}]"
            ),
            "parts.math.select[0].score.teacher",
            ["no teacher 'tutr'"],
        ),
        (
            recipe("rows: 100", "rows: 9\n    select: [{kind: top, score: {kind: difficulty, teacher: own}, rows: 9}]"),
            "parts.math.select[0].score.teacher",
            ["kind: model"],
        ),
    ],
)
def test_recipe(house: House, text: str, field: str, words: list[str]) -> None:
    house.write("benchmarks/final.yaml", BENCHMARK.replace("role: dev", "role: held_out").replace("999", "998"))
    house.write("benchmarks/shield.yaml", BENCHMARK.replace("repeats: 2", "repeats: 0").replace("999", "997"))
    house.write("teachers/own.yaml", "description: Own.\nkind: reference\n")
    path = house.write("recipes/first.yaml", text)
    problem = house.only()
    assert (problem.file, problem.field) == (path, field)
    for word in words:
        assert word in problem.message
    assert text.splitlines()[problem.line - 1].strip() != ""


def test_two_sources_with_the_same_rows(house: House) -> None:
    house.write("sources/copy.yaml", SOURCE.replace("{seed}", "1").replace("Sums.", "Other words."))
    problem = house.only()
    assert problem.field == "origin"
    assert "same rows as source 'copy'" in problem.message


def test_other_seed_means_other_rows(house: House) -> None:
    house.write("sources/copy.yaml", SOURCE.replace("{seed}", "2"))
    assert house.problems() == ()


def test_same_file_by_relative_path_differs_by_folder_only(house: House) -> None:
    text = (
        "description: x\ndomain: math\nlicence: MIT\norigin: {kind: files, paths: [a.jsonl]}\ncolumns: {question: q}\n"
    )
    house.write("sources/one.yaml", text)
    house.write("sources/two.yaml", text.replace("[a.jsonl]", "[a.jsonl, a.jsonl]"))
    assert "same rows" in house.only().message


def test_other_condition_means_other_rows(house: House) -> None:
    text = "description: x\ndomain: math\nlicence: MIT\norigin: {kind: hub, dataset: a/b}\ncolumns: {question: q}\n"
    house.write("sources/one.yaml", text + "where: {level: 1}\n")
    house.write("sources/two.yaml", text + "where: {level: [2, 3]}\n")
    assert house.problems() == ()


def test_benchmark_equal_to_a_source_is_warned_of(house: House) -> None:
    house.write("benchmarks/exam.yaml", BENCHMARK.replace("size: 50, seed: 999", "size: 200, seed: 1"))
    (warning,) = house.load().warnings
    assert "screened out whole" in warning.message


def test_verified_needs_a_verifier(house: House) -> None:
    house.write("sources/sums.yaml", SOURCE.replace("{seed}", "1").replace("verifier: procedural", "verifier: none"))
    house.write("recipes/first.yaml", RECIPE + "answer_filter: {kind: verified}\n")
    assert "no source has a verifier" in house.only().message


def test_verified_warns_of_sources_without_verifier(house: House) -> None:
    house.write("sources/mute.yaml", SOURCE.replace("{seed}", "2").replace("verifier: procedural", "verifier: none"))
    house.write(
        "recipes/first.yaml",
        recipe("- source: sums", "- source: sums\n      - source: mute") + "answer_filter: {kind: verified}\n",
    )
    (warning,) = house.load().warnings
    assert "no answer to mute can be verified" in warning.message


def test_reference_without_solutions(house: House) -> None:
    house.write("teachers/own.yaml", "description: Own.\nkind: reference\n")
    house.write("recipes/first.yaml", recipe("[tutor]", "[own]"))
    assert house.problems() == ()
    house.write("sources/sums.yaml", SOURCE.replace("{seed}", "1").replace("worked: true", "worked: false"))
    assert house.problems() == ()  # a gold answer alone is an answer
    bare = "origin: {kind: files, paths: [rows.jsonl]}\ncolumns: {question: text}\n"
    house.write("sources/sums.yaml", f"description: Bare.\ndomain: math\nlicence: MIT\n{bare}")
    assert "neither worked solutions nor gold answers" in house.only().message


def test_filter_that_drops_nothing_is_warned_of(house: House) -> None:
    house.write("recipes/first.yaml", RECIPE + "answers_per_question: 4\nanswer_filter: {kind: longest, keep: 4}\n")
    (warning,) = house.load().warnings
    assert "drops none" in warning.message


def test_endpoint_is_not_trained(house: House) -> None:
    house.write("models/far.yaml", "engine: openai\nmodel: far\nlicence: MIT\nbase_url: http://localhost/v1\n")
    house.write("recipes/first.yaml", recipe("base: tiny", "base: far"))
    assert "no weights to train" in house.only().message


def test_broken_file_is_not_reported_as_unknown(house: House) -> None:
    house.write("teachers/tutor.yaml", TEACHER + "colour: red\n")
    assert house.only().field == "colour"


def test_run_but_not_screened_is_warned_of(house: House) -> None:
    house.write("recipes/first.yaml", RECIPE + "screen_against: []\n")
    (warning,) = house.load().warnings
    assert "may be trained on" in warning.message
