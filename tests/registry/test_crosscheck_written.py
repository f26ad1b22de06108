"""What `ot check` says of sources that a model writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.house import House

WRITTEN = """\
description: Written.
domain: math
licence: MIT
origin:
  kind: written
  teacher: tutor
  from: {from}
{more}"""


def write(house: House, key: str, parents: str, *more: str, source: str = "") -> None:
    own = "".join(f"  {line}\n" for line in more)
    house.write(f"sources/{key}.yaml", WRITTEN.replace("{from}", parents).replace("{more}", own) + source)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path).furnish()


def test_every_kind_of_parent(house: House) -> None:
    write(house, "new", "{questions: sums, seeds: 3}", "rows: 50", "per_call: 4")
    write(house, "hard", "{questions: new}", "method: harder")
    write(house, "tree", "{topics: {Physics: [Waves, Optics]}, expand: 3}")
    write(house, "people", "{personas: [a baker, a sailor], about: fractions}", "reply: lines")
    write(house, "books", "{documents: [books/*.pdf], refine: tutor}", source="verifier: exact\n")
    assert house.problems() == ()
    found = house.load()
    assert found.with_parents(["hard", "tree"]) == ("sums", "new", "hard", "tree")
    assert [found.source(key).size for key in ("new", "hard", "tree", "people", "books")] == [50, None, 6, 2, None]


@pytest.mark.parametrize(
    ("parents", "more", "field", "words"),
    [
        ("{}", (), "origin.from", "names one of questions, documents, topics, personas"),
        ("{questions: sums, topics: [a]}", (), "origin.from", "names one of"),
        ("{topics: [a], seeds: 2}", (), "origin.from", "from.seeds belongs to questions"),
        ("{topics: [a, a]}", (), "origin.from.topics", "'a' stands twice"),
        ("{topics: []}", (), "origin.from.topics", "no topic"),
        ("{topics: [a]}", ("method: harder",), "origin", "needs from: {questions"),
        ("{questions: sums, seeds: 2}", ("method: harder",), "origin", "one question a call"),
        ("{documents: [a.txt]}", ("reply: lines",), "origin", "no place for answers"),
        ("{topics: [a]}", ("prompt: Write something.",), "origin", "must hold {topic}"),
        ("{questions: nowhere}", (), "origin.from.questions", "no source 'nowhere'"),
        ("{questions: exam}", (), "origin.from.questions", "is a benchmark"),
        ("{topics: [a]}", ("agree: {teacher: nobody}",), "origin.agree.teacher", "no teacher 'nobody'"),
        ("{topics: [a]}", ("agree: {teacher: tutor, answers: 1}",), "origin", "one answer agrees with nothing"),
        ("{topics: [a]}", ("twice: 2",), "origin.twice", "unknown field"),
    ],
)
def test_what_is_refused(house: House, parents: str, more: tuple[str, ...], field: str, words: str) -> None:
    source = "verifier: math\n" if any("agree" in line for line in more) else ""
    write(house, "new", parents, *more, source=source)
    problem = house.only()
    assert words in problem.message and problem.field == field


def test_gold_answers_are_needed_to_verify(house: House) -> None:
    write(house, "new", "{topics: [a]}", source="verifier: math\n")
    assert "needs gold answers" in house.only().message


def test_a_reference_writes_nothing(house: House) -> None:
    house.write("teachers/tutor.yaml", "description: d\nkind: reference\n")
    write(house, "new", "{topics: [a]}")
    assert "kind: model is needed" in house.only().message


def test_a_circle_is_named(house: House) -> None:
    for key, above in (("one", "three"), ("two", "one"), ("three", "two")):
        write(house, key, f"{{questions: {above}}}")
    messages = [problem.message for problem in house.problems()]
    assert "is written from itself: one -> three -> two -> one" in messages and len(messages) == 3


def test_the_rows_of_a_benchmark_under_another_name(house: House) -> None:
    origin = "{kind: procedural, dataset: chain_sum, size: 50, seed: 999}"
    house.write(
        "sources/leak.yaml", f"description: d\ndomain: math\nlicence: MIT\norigin: {origin}\nverifier: procedural\n"
    )
    write(house, "new", "{questions: leak}")
    assert "reads the rows of benchmark 'exam'" in house.only().message


def test_a_benchmark_is_never_written(house: House) -> None:
    text = WRITTEN.replace("{from}", "{topics: [a]}").replace("{more}", "") + "role: dev\nrepeats: 1\n"
    house.write("benchmarks/exam.yaml", text)
    assert "cannot be written by a model" in house.only().message
