"""Scores: what is asked, and what is read out of any reply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ot_assets.curation.scores import parse_difficulty, parse_score, score_batches, score_requests, scored
from ot_assets.registry.specs.base import Tags
from ot_assets.registry.specs.score import Score
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from schemas import violations
from schemas.questions import QuestionScores
from tests.curation.rows import questions
from tests.factories import a_teacher

MODEL = Model(key="gpt", engine="scripted", model="gpt")
TEACHER = a_teacher("gpt", "gpt", system_prompt="S", prompt="Solve: {question}")
LENGTH = Score(kind="answer_length", teacher="gpt")
DIFFICULTY = Score(kind="difficulty", teacher="gpt")


def test_what_is_asked() -> None:
    batch = questions(["What is {x}?", "Two"])
    (length, _) = score_requests(LENGTH, TEACHER, MODEL, batch)
    assert [m.content for m in length.messages] == ["S", "Solve: What is {x}?"]
    (rating, _) = score_requests(DIFFICULTY, TEACHER, MODEL, batch)
    assert rating.messages[0].content == "S"
    assert "What is {x}?" in rating.messages[1].content
    assert "integer from 1 to 10" in rating.messages[1].content


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("**7**", 7),
        (" 10.\n", 10),
        ("Difficulty: 7/10", 7),
        ("difficulty = 3 out of 10", 3),
        ('{"difficulty": 4}', 4),
        ("On a scale of 1 to 10, I would rate this problem a 6.", 6),
        ("It needs 3 steps and 2 ideas.\n\n8", 8),
        ("The rating is 5, since 2 primes are involved.", 5),
        ("Score: 4\nOn reflection, the score should be 5", 5),
        (r"\boxed{9}", 9),
        ("I'd say 6.5", 6.5),
        ("between 3 and 5", None),
        ("seven", None),
        ("", None),
        ("0", None),
        ("11", None),
        ("-5", None),
        ("1-10", None),
        ("100%", None),
        ("I cannot rate this.", None),
    ],
)
def test_difficulty(text: str, value: float | None) -> None:
    assert parse_difficulty(text) == value


@given(st.text())
def test_any_text_gives_a_rating_or_none(text: str) -> None:
    value = parse_difficulty(text)
    assert value is None or 1 <= value <= 10


@given(number=st.integers(1, 10), thought=st.text())
def test_reasoning_before_the_rating_is_not_read(number: int, thought: str) -> None:
    reply = Reply.make(f"<think>maybe 3? {thought}</think>\n{number}")
    assert parse_score("difficulty", reply, Tags()) == number


def test_answer_length_counts_all_that_was_written() -> None:
    assert parse_score("answer_length", Reply.make("añb")) == 3
    assert parse_score("answer_length", Reply.make("ab", reasoning="cde", finish_reason="length")) == 5
    assert parse_score("answer_length", Reply.make("", finish_reason="content_filter")) is None


def test_null_scores_are_counted_and_never_an_error() -> None:
    batch = questions(["xaa", "xbb", "xcc", "xdd"])

    def ask(requests: Iterable[Request], total: int) -> Iterator[Outcome]:
        assert total == 4
        for request in reversed(list(requests)):
            text = request.messages[-1].content
            if "xcc" in text:
                yield Outcome(request, Failure("no route", "connection", True))
            else:
                yield Outcome(request, Reply.make("2" if "xaa" in text else "9" if "xdd" in text else "who knows"))

    result = scored(DIFFICULTY, TEACHER, MODEL, batch, ask)
    assert result.frame["difficulty.gpt"].to_list() == [2.0, None, None, 9.0]
    assert result.frame["question_id"].equals(batch["question_id"])
    assert (result.unparsable, result.failed) == (1, 1)
    assert violations(QuestionScores, result.frame) == []
    assert score_batches(DIFFICULTY, TEACHER, MODEL, batch, ask).equals(result.frame)
