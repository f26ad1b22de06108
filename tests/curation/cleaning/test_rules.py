"""Rules of cleaning: what each takes, what it leaves, and what it says of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.curation.cleaning.rules import COLUMNS, RULES, clean
from ot_assets.registry.specs.clean import Clean
from tests.curation.cleaning import cases, languages

TABLE: dict[str, tuple[list[str], list[str]]] = {
    "figures": (cases.FIGURES_TAKEN, cases.FIGURES_LEFT),
    "several": (cases.SEVERAL_TAKEN, cases.SEVERAL_LEFT),
    "links": (cases.LINKS_TAKEN, cases.LINKS_LEFT),
    "proofs": (cases.PROOFS_TAKEN, cases.PROOFS_LEFT),
    "answer_given": (cases.ANSWER_TAKEN, cases.ANSWER_LEFT),
}


def rows(texts: Iterable[str], **columns: Any) -> pl.DataFrame:
    """Questions of math with a gold answer, where `columns` does not say otherwise."""
    usual = {"gold": "1", "verifier": "math", "verifier_args": None, "domain": "math", **columns}
    return pl.DataFrame(
        [{"question": text, **usual} for text in texts], schema=dict.fromkeys(COLUMNS, pl.String), orient="row"
    )


def spec(**rules: Any) -> Clean:
    return Clean.model_validate({"kind": "clean", **rules})


def notes(frame: pl.DataFrame, **rules: Any) -> list[str | None]:
    return clean(frame, spec(**rules)).get_column("note").to_list()


def note(text: str, rule: dict[str, Any], **columns: Any) -> str | None:
    return notes(rows([text], **columns), **rule)[0]


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, (taken, _) in TABLE.items() for text in taken])
def test_is_taken(rule: str, text: str) -> None:
    found = note(text, {rule: True})
    assert found
    inside = " ".join(text.split())
    assert found.strip("…") in inside, "the note is an excerpt of the text"


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, (_, left) in TABLE.items() for text in left])
def test_is_left(rule: str, text: str) -> None:
    assert note(text, {rule: True}) is None


def test_every_rule_has_a_function_and_every_function_a_rule() -> None:
    assert set(RULES) == {name for name in Clean.model_fields if name != "kind"}


def test_options_of_a_choice_question_are_not_several() -> None:
    text = "Which holds? (a) What rises must fall? (b) What falls must rise?"
    assert note(text, {"several": True}) is not None
    assert note(text, {"several": True}, verifier="choice") is None


def test_orders_in_a_programming_task_are_its_steps() -> None:
    text = "Write a program:\n1. Read n.\n2. Calculate the sum.\n3. Write it.\n"
    assert note(text, {"several": True}, domain="math") is not None
    assert note(text, {"several": True}, domain="code") is None
    asking = "A class:\n1. What does it print?\n2. Why does it fail?\n"
    assert note(asking, {"several": True}, domain="code") is not None


def test_several_counts_asking_items() -> None:
    text = "(a) Find x. (b) Find y. (c) Find z."
    assert note(text, {"several": {"parts": 3}}) is not None
    assert note(text, {"several": {"parts": 4}}) is None


def test_settings_of_figures_and_links() -> None:
    drawing = "[asy] draw((0,0)--(1,1)); [/asy] How long is it?"
    assert note(drawing, {"figures": {"drawings": False}}) is None
    assert note("Siehe Abbildung. Wie groß ist x?", {"figures": True}) is None
    assert note("Siehe Abbildung. Wie groß ist x?", {"figures": {"also": [r"siehe abbildung"]}}) is not None
    link = "See https://data.example.dev/x."
    assert note(link, {"links": {"allow": ["example.dev"]}}) is None
    assert note(link, {"links": {"allow": []}}) is not None


@pytest.mark.parametrize(("verifier", "taken"), [("math", True), ("choice", True), ("judge", False), ("none", False)])
def test_a_proof_goes_where_an_answer_is_compared(verifier: str, taken: bool) -> None:
    assert (note("Prove that 1 < 2.", {"proofs": True}, verifier=verifier) is not None) is taken


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"verifier": "math", "gold": None}, "verifier math needs a gold answer"),
        ({"verifier": "choice", "gold": "  "}, "verifier choice needs a gold answer"),
        ({"verifier": "exact", "gold": "Paris"}, None),
        ({"verifier": "none", "gold": None}, None),
        ({"verifier": "judge", "gold": None}, None),
        ({"verifier": "majority", "gold": None}, None),
        ({"verifier": "code", "gold": None}, "verifier code needs tests"),
        ({"verifier": "code", "verifier_args": '{"kind": "stdin", "tests": []}'}, "verifier code needs tests"),
        ({"verifier": "code", "verifier_args": '{"kind": "stdin", "tests": [{"stdout": "1"}]}'}, None),
        ({"verifier": "code", "verifier_args": '{"kind": "doctests", "examples": [{"source": "f()"}]}'}, None),
    ],
)
def test_missing_answers(columns: dict[str, Any], said: str | None) -> None:
    assert note("What is it?", {"no_gold": True}, **columns) == said


@pytest.mark.parametrize(
    ("text", "limits", "said"),
    [
        ("  abc  ", {"min": 4}, "3 characters, fewer than 4"),
        ("abcd", {"min": 4, "max": 4}, None),
        ("äöüß€", {"max": 4}, "5 characters, more than 4"),
        ("x" * 10_000_000, {"max": 20_000}, "10000000 characters, more than 20000"),
    ],
)
def test_length_is_of_characters_without_the_space_around(text: str, limits: dict[str, int], said: str | None) -> None:
    assert note(text, {"length": limits}) == said


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("\x00\x01\x02PNG what", True),
        ("caf\ufffd \ufffd\ufffd is it?", True),
        ("A tab\tand a line\nare text.\r\n", False),
        ("ما هو ناتج جمع 2 و 3؟ ‏(اكتب العدد)", False),
        (
            "What is \ufffd here, in a long question of more than a hundred characters that somebody once copied from a page?",
            False,
        ),
        ("", False),
    ],
)
def test_bytes_read_as_text(text: str, taken: bool) -> None:
    assert (note(text, {"garbled": True}) is not None) is taken


@pytest.mark.parametrize(("text", "wanted"), languages.IN)
def test_prose_in_the_wanted_language_stays(text: str, wanted: str) -> None:
    assert note(text, {"language": {"keep": [wanted]}}) is None


@pytest.mark.parametrize(("text", "is_in"), languages.NOT_ENGLISH)
def test_prose_in_another_language_goes_and_the_note_names_it(text: str, is_in: str) -> None:
    found = note(text, {"language": True})
    assert found is not None
    assert f"% {is_in}" in found


@pytest.mark.parametrize("text", languages.NO_PROSE)
def test_code_formulas_and_numbers_are_in_no_language(text: str) -> None:
    assert note(text, {"language": True}) is None
    assert note(text, {"language": {"unknown": "drop"}}) == "its language cannot be told"


def test_the_first_rule_that_speaks_takes_the_row() -> None:
    frame = rows(["See the figure at https://x.dev/a.png.", "See https://x.dev.", "What is 2 + 2?"])
    found = clean(frame, spec(links=True, figures=True, length={"max": 1_000}))
    assert found.get_column("rule").to_list() == ["figures", "links", None]


ANY = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from([text for taken, left in TABLE.values() for text in (*taken, *left)]),
    ),
    max_size=12,
)
ON = st.sets(st.sampled_from([name for name in RULES if name not in ("length", "language")]), min_size=1)


@settings(max_examples=80, deadline=None)
@given(texts=ANY, on=ON, gold=st.sampled_from([None, "1"]))
def test_one_answer_a_row_and_a_row_alone_fares_as_among_others(
    texts: list[str], on: set[str], gold: str | None
) -> None:
    rules = dict.fromkeys(on, True)
    frame = rows(texts, gold=gold)
    found = clean(frame, spec(**rules))
    assert len(found) == len(frame)
    assert found.get_column("rule").is_null().equals(found.get_column("note").is_null())
    for place in range(len(frame)):
        assert clean(frame[place], spec(**rules)).row(0) == found.row(place)


@pytest.mark.parametrize(
    "text",
    [
        "![" * 20_000,
        "a " * 50_000,
        "(a) " * 20_000,
        "1. " * 20_000,
        "`" * 40_001,
        "in the " * 20_000 + "figur",
        "http://" * 10_000,
        "Answer: " * 10_000,
        "$" * 30_000,
        "x\n" * 40_000,
        "prove " * 20_000,
    ],
    ids=lambda text: repr(text[:8]),
)
@pytest.mark.timeout(20)
def test_hostile_texts_come_to_an_end(text: str) -> None:
    rules = dict.fromkeys((name for name in RULES if name != "length"), True)
    assert len(clean(rows([text]), spec(**rules))) == 1
