"""Each slip gets one message that names file, line, field, value and what is allowed."""

from __future__ import annotations

import pytest

from tests.registry.house import BENCHMARK, MODEL, RECIPE, SOURCE, TEACHER, House

SUMS = SOURCE.replace("{seed}", "1")

SLIPS = {
    "unknown field": ("sources/sums.yaml", SUMS + "verifer: math\n", 11, "verifer", ["unknown field", "'verifier'"]),
    "unknown nested field": (
        "teachers/tutor.yaml",
        TEACHER.replace("temperature", "temprature"),
        3,
        "sampling.temprature",
        ["unknown field", "'temperature'"],
    ),
    "unknown value": (
        "sources/sums.yaml",
        SUMS.replace("domain: math", "domain: maths"),
        2,
        "domain",
        ["'maths'", "did you mean 'math'", "science"],
    ),
    "unknown kind": (
        "sources/sums.yaml",
        SUMS.replace("kind: procedural", "kind: procedual"),
        4,
        "origin",
        ["'procedual'", "did you mean 'procedural'", "hub, files, procedural, wheel"],
    ),
    "missing kind": (
        "sources/sums.yaml",
        SUMS.replace("  kind: procedural\n", ""),
        4,
        "origin",
        ["says its kind", "hub, files"],
    ),
    "missing field": ("models/tiny.yaml", MODEL.replace("licence: Apache-2.0\n", ""), 1, "licence", ["is missing"]),
    "too large": (
        "teachers/tutor.yaml",
        TEACHER.replace("0.7", "2.5"),
        3,
        "sampling.temperature",
        ["less than or equal to 2", "2.5"],
    ),
    "text for a number": (
        "recipes/first.yaml",
        RECIPE.replace("512", '"512"'),
        11,
        "student.max_tokens",
        ["a whole number", "'512'"],
    ),
    "number for text": (
        "models/tiny.yaml",
        MODEL.replace("tiny", "1.5"),
        2,
        "model",
        ["must be text (put it in quotes)", "1.5"],
    ),
    "list for mapping": (
        "recipes/first.yaml",
        RECIPE.replace("student:\n  base: tiny\n  max_tokens: 512\n", "student: [a]\n"),
        9,
        "student",
        ["must be a mapping", "['a']"],
    ),
    "either of two": (
        "recipes/first.yaml",
        RECIPE.replace("rows: 100", "rows: many"),
        7,
        "parts.math.rows",
        ["a whole number", "Allowed: all"],
    ),
    "bad licence": (
        "sources/sums.yaml",
        SUMS.replace("MIT", "cc-by-4"),
        3,
        "licence",
        ["'cc-by-4'", "did you mean 'CC-BY-4.0'", "unknown"],
    ),
    "bad language": ("sources/sums.yaml", SUMS + "language: english\n", 11, "language", ["'english'", "BCP-47"]),
    "prompt without question": (
        "teachers/tutor.yaml",
        TEACHER + "prompt: Answer!\n",
        4,
        "prompt",
        ["{question}", "'Answer!'"],
    ),
    "shares": (
        "recipes/first.yaml",
        RECIPE.replace("- source: sums", "- {source: sums, share: 0.5}"),
        3,
        "parts.math",
        ["must sum to 1, not 0.5"],
    ),
    "step that grows": (
        "recipes/first.yaml",
        RECIPE.replace("rows: 100", "rows: 100\n    select: [{kind: random, rows: 200}]"),
        3,
        "parts.math",
        ["step 1 keeps 200 rows", "at most 100"],
    ),
    "zero rows": (
        "recipes/first.yaml",
        RECIPE.replace("rows: 100", "rows: 0"),
        7,
        "parts.math.rows",
        ["greater than 0"],
    ),
    "broken syntax": ("sources/sums.yaml", "description: [a\ndomain: math\n", 2, "", ["not valid YAML"]),
    "tab": ("sources/sums.yaml", "origin:\n\tkind: hub\n", 2, "", ["not valid YAML"]),
    "key twice": ("models/tiny.yaml", MODEL + "context: 4096\n", 5, "context", ["stands twice", "line 4"]),
    "empty": ("sources/sums.yaml", "# nothing\n", 1, "", ["is empty"]),
    "list for spec": ("sources/sums.yaml", "- a\n- b\n", 1, "", ["must be a mapping", "a list"]),
    "not UTF-8": ("models/tiny.yaml", MODEL.encode() + b"description: caf\xe9\n", 5, "", ["not UTF-8", "0xe9"]),
    "other key": ("models/tiny.yaml", "key: small\n" + MODEL, 1, "key", ["'small'", "'tiny'"]),
    "tag": (
        "models/tiny.yaml",
        MODEL + "description: !!python/name:os.system x\n",
        5,
        "description",
        ["the tag", "not supported"],
    ),
    "alias in a circle": (
        "models/tiny.yaml",
        MODEL + "options: &a {more: *a}\n",
        5,
        "options.more",
        ["refers to the value around it"],
    ),
    "infinite": (
        "teachers/tutor.yaml",
        TEACHER.replace("0.7", "1e999"),
        3,
        "sampling.temperature",
        ["not a finite number"],
    ),
    "context": ("teachers/tutor.yaml", TEACHER.replace("256", "9000"), 3, "sampling.max_tokens", ["9,000", "8,192"]),
    "verifier without gold": (
        "sources/sums.yaml",
        "description: x\ndomain: math\nlicence: MIT\norigin: {kind: hub, dataset: a/b}\ncolumns: {question: q}\n"
        "verifier: math\n",
        1,
        "",
        ["verifier: math needs columns.gold"],
    ),
    "endpoint without address": ("models/tiny.yaml", MODEL.replace("scripted", "openai"), 1, "", ["needs base_url"]),
    "secret for a name": (
        "models/tiny.yaml",
        MODEL.replace("scripted", "openai") + "base_url: http://x\napi_key_env: sk-123\n",
        6,
        "api_key_env",
        ["name of an environment variable"],
    ),
    "role": (
        "benchmarks/exam.yaml",
        BENCHMARK.replace("role: dev", "role: heldout"),
        2,
        "role",
        ["did you mean 'held_out'"],
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slip_is_named(house: House, slip: str) -> None:
    name, text, line, field, words = SLIPS[slip]
    path = house.write(name, text)
    found = [p for p in house.problems() if p.file == path and p.field == field and p.severity == "error"]
    assert found, [str(p) for p in house.problems()]
    assert found[0].line == line, str(found[0])
    for word in words:
        assert word in found[0].message
    assert f"{path.name}:{line}: " in str(found[0])


def test_every_error_at_once(house: House) -> None:
    house.write("sources/sums.yaml", SUMS.replace("math", "maths").replace("MIT", "mti"))
    house.write("models/tiny.yaml", MODEL + "colour: red\n")
    house.write("teachers/other.yaml", TEACHER.replace("model: tiny", "model: tinny"))
    house.write("recipes/first.yaml", RECIPE.replace("[tutor]", "[tutro]").replace("rows: 100", "rows: lots"))
    fields = {(p.file.name, p.field) for p in house.problems()}
    assert fields >= {
        ("sums.yaml", "domain"),
        ("sums.yaml", "licence"),
        ("tiny.yaml", "colour"),
        ("other.yaml", "model"),
        ("first.yaml", "teachers[0]"),
        ("first.yaml", "parts.math.rows"),
    }


def test_yaml_1_2_types(house: House) -> None:
    """`no` is Norwegian, 1e-5 a number, 2024-01-01 a text, 180_000 a number."""
    house.write("sources/sums.yaml", SUMS + "language: no\nrows: 180_000\nhomepage: 2024-01-01\n")
    house.write("recipes/first.yaml", RECIPE.replace("  max_tokens", "  training: {learning_rate: 1e-5}\n  max_tokens"))
    registry = house.load()
    assert registry.sources["sums"].language == "no"
    assert registry.sources["sums"].rows == 180_000
    assert registry.sources["sums"].homepage == "2024-01-01"
    assert registry.recipes["first"].student.training.learning_rate == 1e-5


def test_aliases_without_end_are_stopped(house: House) -> None:
    layers = "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    house.write("models/tiny.yaml", MODEL + "options:\n  a0: &a0 x\n" + layers)
    assert any("aliases without end" in p.message for p in house.problems())


def test_nested_without_end_is_stopped(house: House) -> None:
    house.write("models/tiny.yaml", MODEL + "options: {a: " + "[" * 5000 + "]" * 5000 + "}\n")
    assert any(p.file.name == "tiny.yaml" for p in house.problems())
