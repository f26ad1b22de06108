"""From a teacher and a question to requests.

Belongs here: how a teacher is asked. Contract: a pure function of the teacher's spec, the model's identity and the
question, so the same inputs make the same request keys and what is stored is not bought again; sample i of a question
is sample index i, so 4 -> 16 answers pays for 12. Streams; raises nothing of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from ot_assets.registry.specs.teacher import TeacherSpec
from resources.generation.model import Model
from resources.generation.request import Message, Request, Sampling

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Question:
    """What asking needs of a question and its trace keeps of it."""

    question_id: str
    question: str
    verifier: str
    source: str
    source_row: str
    licence: str

    @classmethod
    def rows(cls, frame: pl.DataFrame) -> Iterator[Question]:
        """The questions of a frame with the columns of Questions."""
        columns = ("question_id", "question", "verifier", "source", "source_row", "licence")
        return (cls(*row) for row in frame.select(columns).iter_rows())


@dataclass(frozen=True, slots=True)
class Ask:
    """One answer that is wanted of a teacher, and the request for it."""

    question: Question
    sample_index: int
    request: Request


def fill(template: str, said: Mapping[str, str]) -> str:
    """The template with each `{name}` that something is said of replaced in one pass: other braces stay as they are, also
    those in what is put in.
    """
    return _PLACEHOLDER.sub(lambda found: said.get(found[1], found[0]), template)


def messages_for(teacher: TeacherSpec, question: str, verifier: str) -> tuple[Message, ...]:
    """The teacher's system turn, if it has one, and its user turn for questions with this verifier."""
    return with_system(teacher, fill(teacher.prompt_for(verifier), {"question": question}))


def with_system(teacher: TeacherSpec, content: str) -> tuple[Message, ...]:
    """A user turn after the teacher's system turn, if it has one."""
    user = Message(role="user", content=content)
    return (Message(role="system", content=teacher.system_prompt), user) if teacher.system_prompt else (user,)


def sampling_of(teacher: TeacherSpec) -> Sampling:
    """The teacher's sampling settings as a request carries them."""
    return Sampling(**teacher.sampling.model_dump())


def asks(teacher: TeacherSpec, model: Model, questions: Iterable[Question], answers: dict[str, int]) -> Iterator[Ask]:
    """Every wanted answer, question by question, samples 0, 1, ...; `answers` is how many, by question_id (absent: none)."""
    sampling = sampling_of(teacher)
    for question in questions:
        count = answers.get(question.question_id, 0)
        messages = messages_for(teacher, question.question, question.verifier) if count else ()
        for index in range(count):
            yield Ask(question, index, model.request(messages, sampling, index))
