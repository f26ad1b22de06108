"""Requests of a teacher: the right words, safe with any question, and stable keys."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from ot_assets.distillation.prompts import Question, asks, fill
from resources.generation.model import Model
from tests.curation.rows import questions
from tests.factories import a_teacher

MODEL = Model(key="m", engine="scripted", model="m-name", revision="r1")


def rows(*texts: str, verifier: str = "math") -> list[Question]:
    return list(Question.rows(questions(texts, verifier=verifier)))


def wanted(question_rows: list[Question], count: int) -> dict[str, int]:
    return {row.question_id: count for row in question_rows}


@given(before=st.text(), after=st.text(), question=st.text())
def test_only_the_placeholder_is_replaced(before: str, after: str, question: str) -> None:
    if "{question}" in before + after:
        return
    assert fill(before + "{question}" + after, {"question": question}) == before + question + after


def test_braces_are_safe() -> None:
    nasty = r"{0} {question} {x.__class__} %s \1 {{"
    assert fill("A {b} {question} c}", {"question": nasty}) == "A {b} " + nasty + " c}"


def test_messages_by_verifier() -> None:
    teacher = a_teacher(
        "t", "m", system_prompt="Be brief.", prompt="Q: {question}", prompts={"choice": "C: {question}"}
    )
    (plain,) = asks(teacher, MODEL, rows("one"), wanted(rows("one"), 1))
    assert [(m.role, m.content) for m in plain.request.messages] == [("system", "Be brief."), ("user", "Q: one")]
    pick = rows("one", verifier="choice")
    (choice,) = asks(teacher, MODEL, pick, wanted(pick, 1))
    assert choice.request.messages[-1].content == "C: one"
    bare = next(asks(a_teacher("t", "m"), MODEL, rows("one"), wanted(rows("one"), 1)))
    assert [m.role for m in bare.request.messages] == ["user"]


def test_more_answers_keep_the_keys_of_the_first() -> None:
    both = rows("one", "two")
    teacher = a_teacher("t", "m")
    four = [ask.request.key for ask in asks(teacher, MODEL, both, wanted(both, 4))]
    sixteen = [ask.request.key for ask in asks(teacher, MODEL, both, wanted(both, 16))]
    assert len(set(sixteen)) == 32
    assert four == sixteen[:4] + sixteen[16:20]


def test_unwanted_questions_are_skipped_and_sampling_is_carried() -> None:
    both = rows("one", "two")
    teacher = a_teacher("t", "m", sampling={"temperature": 0.6, "top_k": 20, "max_tokens": 99, "stop": ["X"]})
    made = list(asks(teacher, MODEL, both, {both[1].question_id: 2}))
    assert [(ask.question.question, ask.sample_index) for ask in made] == [("two", 0), ("two", 1)]
    sampling = made[0].request.sampling
    assert (sampling.temperature, sampling.top_k, sampling.max_tokens, sampling.stop) == (0.6, 20, 99, ("X",))
    assert made[1].request.sample_index == 1
