"""Replies to benchmarks, their scores, and models side by side."""

from __future__ import annotations

import pandera.polars as pa

from schemas.base import ID, KEY, DataSchema
from schemas.distillation import VERDICTS

ROLES = ("dev", "held_out")


class EvalResponses(DataSchema):
    """One reply of a model to a benchmark question a row; a reply that never came stays a row, with the reason."""

    class Config:
        unique = ["benchmark", "question_id", "repeat"]

    benchmark: str = pa.Field(str_matches=KEY, description="Key of the benchmark")
    question_id: str = pa.Field(str_matches=ID, description="Its question")
    repeat: int = pa.Field(ge=0, description="0-based number of the repeat")
    response_key: str = pa.Field(nullable=True, description="Key of the raw reply in the response store")
    text: str = pa.Field(nullable=True, description="The reply; null when there is none")
    finish_reason: str = pa.Field(nullable=True, description="Why the reply ended")
    completion_tokens: int = pa.Field(nullable=True, ge=0, description="Tokens of the reply")
    missing_reason: str = pa.Field(nullable=True, description="Why there is no reply")


class EvalQuestions(DataSchema):
    """The verdict on each reply, kept so that models can be compared on the same questions."""

    class Config:
        unique = ["benchmark", "question_id", "repeat"]

    benchmark: str = pa.Field(str_matches=KEY, description="Key of the benchmark")
    question_id: str = pa.Field(str_matches=ID, description="Its question")
    repeat: int = pa.Field(ge=0, description="0-based number of the repeat")
    verdict: str = pa.Field(nullable=True, isin=VERDICTS, description="null when the reply is missing")
    extracted: str = pa.Field(nullable=True, description="The answer as the verifier read it")
    reason: str = pa.Field(nullable=True, description="Why, in words")


class EvalScores(DataSchema):
    """A benchmark's score with its uncertainty."""

    class Config:
        unique = ["benchmark"]

    benchmark: str = pa.Field(str_matches=KEY, description="Key of the benchmark")
    role: str = pa.Field(isin=ROLES, description="dev or held_out")
    score: float = pa.Field(nullable=True, ge=0, le=1, description="Mean over questions of the share answered rightly")
    se: float = pa.Field(nullable=True, ge=0, description="Standard error over questions and repeats")
    questions: int = pa.Field(ge=0, description="Questions asked")
    repeats: int = pa.Field(ge=0, description="Replies asked for each")
    missing: int = pa.Field(ge=0, description="Replies that are missing: never counted as wrong")


class LeaderboardScores(DataSchema):
    """Every model's score on every benchmark."""

    class Config:
        unique = ["model", "benchmark"]

    model: str = pa.Field(description="`recipe × teacher` of a student, or the key of a model as it comes")
    recipe: str = pa.Field(nullable=True, description="Recipe of a student")
    teacher: str = pa.Field(nullable=True, description="Teacher of a student")
    benchmark: str = pa.Field(str_matches=KEY, description="Key of the benchmark")
    role: str = pa.Field(isin=ROLES, description="dev or held_out")
    score: float = pa.Field(nullable=True, ge=0, le=1, description="Mean over questions of the share answered rightly")
    se: float = pa.Field(nullable=True, ge=0, description="Standard error over questions and repeats")
    questions: int = pa.Field(ge=0, description="Questions asked")
    repeats: int = pa.Field(ge=0, description="Replies asked for each")
    missing: int = pa.Field(ge=0, description="Replies that are missing")


class Comparisons(DataSchema):
    """Two models on the same questions: is the difference real?"""

    class Config:
        unique = ["a", "b", "benchmark"]

    a: str = pa.Field(description="One model")
    b: str = pa.Field(description="The other")
    benchmark: str = pa.Field(str_matches=KEY, description="Key of the benchmark (dev only)")
    difference: float = pa.Field(
        nullable=True, ge=-1, le=1, description="Score of a minus score of b, on shared questions"
    )
    ci_low: float = pa.Field(nullable=True, description="Lower end of the 95 % interval")
    ci_high: float = pa.Field(nullable=True, description="Upper end")
    p: float = pa.Field(nullable=True, ge=0, le=1, description="Two-sided p of the paired test")
    p_adjusted: float = pa.Field(nullable=True, ge=0, le=1, description="The same after Holm's correction")
    smallest_detectable: float = pa.Field(nullable=True, ge=0, description="Smallest difference shown with 80 % power")
    questions: int = pa.Field(ge=0, description="Questions that both answered")
