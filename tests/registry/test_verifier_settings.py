"""What a source may say of its verifier: settings, a judge; and what `ot check` says of slips in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.house import BENCHMARK, SOURCE, House

BASE = (
    "description: x\ndomain: math\nlicence: MIT\norigin: {kind: hub, dataset: a/b}\n"
    "columns: {question: q, gold: a, options: o}\n"
)

SLIPS = {
    "pattern missing": ("verifier: regex\n", "", "pattern is needed"),
    "pattern broken": ("verifier: regex\nverifier_args: {pattern: '(a'}\n", "", "no regular expression"),
    "unknown setting": ("verifier: exact\nverifier_args: {cases: keep}\n", "", "'cases' is no setting of exact"),
    "wrong value": ("verifier: majority\nverifier_args: {least: 0}\n", "", "1 or more"),
    "no settings": ("verifier: math\nverifier_args: {least: 2}\n", "", "math takes no settings; exact, regex, majority do"),
    "no judge": ("verifier: judge\n", "", "needs judge: {teacher"),
    "judge for nothing": ("verifier: math\njudge: {teacher: tutor}\n", "", "is for verifier: judge"),
    "judge unknown": ("verifier: judge\njudge: {teacher: tutr}\n", "judge.teacher", "no teacher 'tutr', did you mean 'tutor'"),
    "judge is the reference": (
        "verifier: judge\njudge: {teacher: reference}\n", "judge.teacher", "needs a teacher of kind: model",
    ),
    "prompt without answer": (
        "verifier: judge\njudge: {teacher: tutor, prompt: 'Is {question} good?'}\n", "judge.prompt", "must hold {answer}",
    ),
    "no votes": ("verifier: judge\njudge: {teacher: tutor, votes: 0}\n", "judge.votes", "greater than or equal to 1"),
}  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path).furnish()
    made.write("teachers/reference.yaml", "description: The source's own.\nkind: reference\n")
    return made


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_named(house: House, slip: str) -> None:
    said, field, message = SLIPS[slip]
    path = house.write("sources/other.yaml", BASE + said)
    found = [p for p in house.problems() if p.file == path and p.severity == "error"]
    assert [p.field for p in found] == [field], [str(p) for p in found]
    assert message in found[0].message.replace("; did", ", did").replace(" (did", ", did")


@pytest.mark.parametrize("verifier", ["judge", "majority"])
def test_a_benchmark_is_judged_answer_by_answer(house: House, verifier: str) -> None:
    house.write("benchmarks/exam.yaml", BENCHMARK.replace("verifier: procedural", f"verifier: {verifier}"))
    assert "needs one that judges each answer alone" in house.only().message


def test_good_ones_load_and_only_what_changes_the_questions_is_their_content(house: House) -> None:
    house.write("sources/other.yaml", BASE + "verifier: judge\njudge: {teacher: tutor, votes: 3}\n")
    house.write(
        "sources/years.yaml", BASE.replace("a/b", "a/c") + "verifier: regex\nverifier_args: {pattern: '[0-9]{4}'}\n"
    )
    before = house.load()
    assert before.source("other").judge is not None
    house.write("sources/other.yaml", BASE + "verifier: judge\njudge: {teacher: tutor, votes: 5}\n")
    after = house.load()
    assert after.source("other").content_hash == before.source("other").content_hash
    assert "verifier_args" not in after.source("other").content()
    assert after.source("years").content()["verifier_args"] == {"pattern": "[0-9]{4}"}


def test_a_pattern_may_stand_in_the_rows(house: House) -> None:
    columns = "columns: {question: q, verifier_args: v}\n"
    house.write("sources/other.yaml", BASE.partition("columns")[0] + columns + "verifier: regex\n")
    assert house.load().source("other").verifier == "regex"


def test_old_sources_keep_their_content(house: House) -> None:
    house.write("sources/sums.yaml", SOURCE.replace("{seed}", "1"))
    fields = {"key", "domain", "licence", "language", "origin", "where", "columns", "question_template", "verifier"}
    assert set(house.load().source("sums").content()) == fields
