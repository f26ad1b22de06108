"""Scores by a teacher: what is asked, and what becomes of replies and failures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ot_assets.curation.scores.asked import Ask, AskedScorer, CountTokens, Shown, score_requests
from ot_assets.curation.scores.column import Column, Todo
from ot_assets.curation.scores.making import Scorers
from ot_assets.curation.scores.prompts import shown
from ot_assets.distillation.prompts import fill
from ot_assets.registry import load_registry
from ot_assets.registry.specs.score import AskedScore
from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.home import Home
from tests.curation.rows import questions
from tests.factories import a_teacher

MODEL = Model(key="gpt", engine="scripted", model="gpt")
LOCAL = Model(key="small", engine="transformers", model="small")
TEACHER = a_teacher("gpt", "gpt", system_prompt="S", prompt="Solve: {question}")
SPEC: TypeAdapter[AskedScore] = TypeAdapter(AskedScore)


def spec(**fields: Any) -> AskedScore:
    return SPEC.validate_python({"teacher": "gpt", **fields})


LENGTH = spec(kind="answer_length")
TOKENS = spec(kind="answer_length", unit="tokens")
DIFFICULTY = spec(kind="difficulty")
WORTH = spec(kind="ask_llm")


def score(
    score: AskedScore,
    texts: Sequence[str],
    answer: Ask,
    *,
    wanted: list[bool] | None = None,
    count: CountTokens | None = None,
) -> Column:
    """The column that a scorer fills of these questions, read in batches of three."""
    frame = questions(texts)

    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        return (frame.select(columns).slice(start, 3) for start in range(0, len(frame), 3))

    column = Column.empty(len(frame))
    todo = Todo(np.array(wanted if wanted is not None else [True] * len(frame)), read)
    AskedScorer(score, TEACHER, MODEL, answer, "identity", count=count).score(todo, column)
    return column


def replying(reply: Any) -> Ask:
    """Asks backwards, as outcomes come in any order; `reply` makes a text, a Reply or a Failure of a prompt."""

    def ask(requests: Iterable[Request], total: int) -> Iterator[Outcome]:
        asked = list(requests)
        assert len(asked) == total
        for request in reversed(asked):
            said = reply(request.messages[-1].content)
            yield Outcome(request, Reply.make(said) if isinstance(said, str) else said)

    return ask


def test_what_is_asked() -> None:
    batch = questions(["What is {x}?", "Two"])
    (length, _) = score_requests(LENGTH, TEACHER, MODEL, batch)
    assert [m.content for m in length.messages] == ["S", "Solve: What is {x}?"]
    (rating, _) = score_requests(DIFFICULTY, TEACHER, MODEL, batch)
    assert rating.messages[0].content == "S"
    assert "What is {x}?" in rating.messages[1].content
    assert "integer from 1 to 10" in rating.messages[1].content
    assert next(iter(score_requests(TOKENS, TEACHER, MODEL, batch))).key == length.key, (
        "characters and tokens are one reply"
    )


def test_the_rubric_of_worth_asks_for_data_where_an_endpoint_can_give_it() -> None:
    batch = questions(["What is {x}?"])
    (told,) = score_requests(WORTH, TEACHER, MODEL, batch)
    assert told.response_format is not None
    assert told.response_format["json_schema"]["schema"]["required"] == ["reason", "score"]  # type: ignore[index,call-overload]
    assert "What is {x}?" in told.messages[-1].content
    assert "deserve 80 to 100" not in told.messages[-1].content
    (plain,) = score_requests(WORTH, TEACHER, LOCAL, batch)
    assert plain.response_format is None
    assert plain.messages[-1].content.endswith("Answer with the number only.")


def test_examples_stand_in_the_rubric_as_they_are() -> None:
    blocks = Shown(shown("positives", ["Prove {question}.", "x" * 3000]), shown("negatives", ["hi {negatives}"]))
    (asked,) = score_requests(WORTH, TEACHER, MODEL, questions(["Why?"]), blocks)
    said = asked.messages[-1].content
    assert "Prove {question}." in said
    assert "hi {negatives}" in said
    assert f"{'x' * 2000} [...]" in said
    assert said.count("Why?") == 1


def test_prompts_of_ones_own() -> None:
    own = spec(kind="ask_llm", prompt="{positives}|{negatives}|{question}|{other}")
    (asked,) = score_requests(own, TEACHER, LOCAL, questions(["Q"]), Shown("P", "N"))
    assert asked.messages[-1].content == "P|N|Q|{other}"
    (rating,) = score_requests(spec(kind="difficulty", prompt="How hard? {question}"), TEACHER, MODEL, questions(["Q"]))
    assert rating.messages[-1].content == "How hard? Q"


@given(st.text(), st.text())
def test_a_template_is_filled_in_one_pass(question: str, positives: str) -> None:
    said = fill("a {question} b {positives} c {x}", {"question": question, "positives": positives})
    assert said == f"a {question} b {positives} c {{x}}"


def test_lengths_count_all_that_was_written() -> None:
    replies = {
        "aa": Reply.make("añb"),
        "bb": Reply.make("ab", reasoning="cde", finish_reason="length", completion_tokens=4),
        "cc": Reply.make("", finish_reason="content_filter", completion_tokens=0),
    }
    answer = replying(lambda prompt: replies[prompt[-2:]])
    texts = ["aa", "bb", "cc"]
    characters = score(LENGTH, texts, answer)
    np.testing.assert_equal(characters.values, [3, 5, np.nan])
    assert characters.reasons == {"empty": 1}
    tokens = score(TOKENS, texts, answer)
    np.testing.assert_equal(tokens.values, [np.nan, 4, np.nan])
    assert tokens.reasons == {"no token count": 1, "empty": 1}
    counted = score(
        spec(kind="answer_length", unit="tokens", tokenizer="t"), texts, answer, count=lambda text: 2 * len(text)
    )
    np.testing.assert_equal(counted.values, [6, 10, np.nan])


@given(number=st.integers(1, 10), thought=st.text())
def test_reasoning_before_the_rating_is_not_read(number: int, thought: str) -> None:
    column = score(DIFFICULTY, ["Q"], replying(lambda prompt: f"<think>maybe 3? {thought}</think>\n{number}"))
    assert column.values.tolist() == [number]


def test_thoughts_that_were_cut_hold_no_rating() -> None:
    column = score(DIFFICULTY, ["Q"], replying(lambda prompt: Reply.make("<think>at most 3", finish_reason="length")))
    np.testing.assert_equal(column.values, [np.nan])
    assert column.reasons == {"unparsable": 1}


def test_nulls_are_counted_by_reason_and_never_an_error() -> None:
    def reply(prompt: str) -> Any:
        if "xcc" in prompt:
            return Failure("too long", "bad_request", False)
        return "2" if "xaa" in prompt else "9" if "xdd" in prompt else "who knows"

    column = score(DIFFICULTY, ["xaa", "xbb", "xcc", "xdd", "xee"], replying(reply))
    np.testing.assert_equal(column.values, [2, np.nan, np.nan, 9, np.nan])
    assert column.reasons == {"unparsable": 2, "failed: bad_request": 1}
    assert column.said == "who knows"


def test_an_outage_is_an_error_after_all_were_asked() -> None:
    came: list[str] = []

    def reply(prompt: str) -> Any:
        came.append(prompt)
        return Failure("no route", "connection", True) if "xbb" in prompt else "2"

    with pytest.raises(
        UserError, match=r"score difficulty\.gpt: 1 of 3 requests got no reply, the first because: no route"
    ):
        score(DIFFICULTY, ["xaa", "xbb", "xcc"], replying(reply))
    assert len(came) == 3


def test_a_tokenizer_is_loaded_when_the_first_text_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Any] = []

    def load(folder: Any) -> Any:
        loaded.append(folder)
        return SimpleNamespace(split=lambda texts: [text.split() for text in texts])

    monkeypatch.setattr("ot_assets.curation.scores.making.weights_folder", lambda spec, home: tmp_path)
    monkeypatch.setattr("ot_assets.curation.tokens.load_tokenizer", load)
    registry = load_registry()
    teacher = next(key for key in registry.teachers if registry.model_of(key) is not None)
    wanted = spec(kind="answer_length", unit="tokens", teacher=teacher, tokenizer="minilm-l6-v2")
    step: Any = SimpleNamespace(
        registry=registry, services=SimpleNamespace(home=Home(tmp_path)), partition={"source": "s"}, ask_all=replying(str),
        spec={"scores": {wanted.column: {}}},
    )  # fmt: skip
    scorer = Scorers(step).of(wanted)
    assert loaded == []
    assert isinstance(scorer, AskedScorer) and scorer.count is not None
    assert [scorer.count("one two"), scorer.count("three")] == [2, 1]
    assert loaded == [tmp_path]


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_only_the_wanted_rows_are_asked(wanted: list[bool]) -> None:
    asked: list[str] = []

    def reply(prompt: str) -> str:
        asked.append(prompt)
        return prompt

    texts = [f"number {n}" for n in range(len(wanted))]
    column = score(LENGTH, texts, replying(reply), wanted=wanted)
    assert sorted(asked) == sorted(f"Solve: {text}" for text, want in zip(texts, wanted, strict=True) if want)
    assert (~np.isnan(column.values)).tolist() == wanted


def test_the_same_question_twice_gets_the_same_score() -> None:
    column = score(LENGTH, ["same", "same", "other!"], replying(lambda prompt: prompt))
    assert column.values.tolist() == [11, 11, 13]


def test_json_that_an_endpoint_was_told_to_write() -> None:
    column = score(WORTH, ["a", "b"], replying(lambda prompt: json.dumps({"reason": "4 of 5", "score": 71})))
    assert column.values.tolist() == [71, 71]


def test_garbage_for_all_is_an_error_that_quotes_it() -> None:
    column = score(DIFFICULTY, ["a", "b"], replying(lambda prompt: "as a model\nI cannot"))
    with pytest.raises(Exception, match=r"score difficulty.gpt: not one of 2 .*unparsable: 2.*'as a model I cannot'"):
        column.require_some("difficulty.gpt")
    Column.empty(0).require_some("nothing to score")
