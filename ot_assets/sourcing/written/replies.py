"""What a writer's reply says: questions, or why there are none.

Belongs here: the forms of replies and how they are read. Contract: never raises on any reply; reasoning is never read
as questions, whether it came to its end or not. JSON that was cut is not lost: the questions that came whole are taken
when asking again did not help. Lines are stripped of numbers, bullets and quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from ot_assets.distillation.parsing import parse
from ot_assets.registry.specs.base import Tags
from resources.generation.reply import Reply


class OneQuestion(BaseModel):
    """A question alone."""

    question: str = Field(min_length=1)


class OneAnswered(BaseModel):
    """A question with its answer."""

    question: str = Field(min_length=1)
    solution: str
    answer: str = Field(min_length=1)


class Questions(BaseModel):
    """What a writer of questions replies."""

    questions: list[OneQuestion] = Field(min_length=1)


class Answered(BaseModel):
    """What a writer of questions with answers replies."""

    questions: list[OneAnswered] = Field(min_length=1)


class Topics(BaseModel):
    """What a writer of topics replies."""

    topics: list[str] = Field(min_length=1)


class Refined(BaseModel):
    """A question that stands alone, and its answer."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class Supported(BaseModel):
    """Whether a passage supports an answer, with the reason."""

    reasoning: str
    supported: bool
    stands_alone: bool


@dataclass(frozen=True, slots=True)
class Written:
    """One question as a model wrote it."""

    question: str
    answer: str | None = None
    solution: str | None = None


_MARK = re.compile(r"^\s*(?:[-*•–]\s+|(?:q(?:uestion)?\s*)?\(?\d{1,3}\s*[.):]\s+|q(?:uestion)?\s*:\s+)+", re.IGNORECASE)
_FENCE = re.compile(r"^\s*(```|~~~)")
_QUOTES = (('"', '"'), ("“", "”"), ("**", "**"))


def questions_of(value: Questions | Answered) -> tuple[Written, ...]:
    """The questions of a reply that reads."""
    return tuple(
        Written(one.question, one.answer, one.solution.strip() or None)
        if isinstance(one, OneAnswered)
        else Written(one.question)
        for one in value.questions
    )


def whole_ones(reply: Reply, tags: Tags | None, answered: bool) -> tuple[Written, ...]:
    """The questions that came whole in JSON that does not read as a whole. `tags` stand around the writer's reasoning."""
    text = parse(reply, tags).answer or ""
    if not text and reply.text.lstrip().startswith("{"):  # a cut reply that was held to JSON, so without reasoning
        text = reply.text
    text = text.rpartition("</think>")[2]
    start = text.find("{")
    if start < 0:
        return ()
    try:
        data = from_json(text[start:], allow_partial=True)
    except ValueError:
        return ()
    several = data.get("questions") if isinstance(data, dict) else None
    kind = OneAnswered if answered else OneQuestion
    found: list[OneAnswered | OneQuestion] = []
    for one in several if isinstance(several, list) else ():
        try:
            found.append(kind.model_validate(one))
        except ValidationError:
            continue
    return questions_of(Answered.model_construct(questions=found))  # type: ignore[arg-type]


def lines_of(reply: Reply, tags: Tags | None) -> tuple[Written, ...]:
    """The questions of a reply with one a line. A line that ends in a colon announces something; the last line of a reply that
    was cut is half a question. `tags` stand around the writer's reasoning.
    """
    lines = [line.strip() for line in (parse(reply, tags).answer or "").splitlines()]
    if reply.finish_reason == "length" and lines:
        lines.pop()
    plain = (_bare(line) for line in lines if line and not line.endswith(":") and not _FENCE.match(line))
    return tuple(Written(line) for line in plain if line)


def _bare(line: str) -> str:
    line = _MARK.sub("", line).strip()
    for left, right in _QUOTES:
        if len(line) > len(left + right) and line.startswith(left) and line.endswith(right):
            line = line[len(left) : -len(right)].strip()
    return line
