"""What an answer filter leaves and asks, as far as that can be known beforehand. Pure.

An upper bound: nothing is taken to be wrong, foreign, too long or in the minority, so only what is counted is cut (`keep`,
`rows`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ot_assets.registry.specs.answer_filter import (
    AnswerFilter,
    AnswerFilters,
    AnswerStep,
    CutTo,
    FastText,
    JudgePick,
    JudgeVerify,
    Part,
    steps_of,
)


@dataclass(frozen=True)
class JudgeRequests:
    """What one step asks its judge: how many requests, each of which shows so many answers."""

    judge: str
    requests: int
    answers_shown: int
    part: Part
    """Whether the answers are shown with their reasoning."""


def kept_answers(filters: AnswerFilters, answers: int) -> int:
    """Answers a question after the filter, of so many before it."""
    return min([answers, *(most for step in steps_of(filters) if (most := _keep(step)) is not None)])


def most_rows(filters: AnswerFilters) -> int | None:
    """Rows in all that the filter lets pass at most; None where it does not say."""
    limits = [most for step in steps_of(filters) if (most := _rows(step)) is not None]
    return min(limits) if limits else None


def judge_requests(filters: AnswerFilters, questions: int, answers: int) -> tuple[JudgeRequests, ...]:
    """What the filter's judges are asked about so many questions with so many answers each, step by step.

    A reply that does not read is asked for again, at most `attempts` times; those are not counted.
    """
    found: list[JudgeRequests] = []
    rows = questions * answers
    for step in steps_of(filters):
        if isinstance(step, JudgeVerify):
            found.append(JudgeRequests(step.judge, rows * step.votes, 1, step.text))
        if isinstance(step, JudgePick) and answers > step.keep:
            found.append(JudgeRequests(step.judge, min(questions, rows // 2), answers, step.text))
        answers = min(answers, _keep(step) or answers)
        rows = min(rows, questions * answers, _rows(step) or rows)
    return tuple(found)


def _keep(step: AnswerStep) -> int | None:
    return step.keep if isinstance(step, AnswerFilter | FastText | JudgePick) else None


def _rows(step: AnswerStep) -> int | None:
    return step.rows if isinstance(step, AnswerFilter | FastText | CutTo) else None
