"""What is asked of teachers, what they answered, how it was judged, and what students learn from."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.base import ID, KEY, DataSchema

VERDICTS = ("correct", "wrong", "unverifiable", "verifier_failed")
FINISH_REASONS = ("stop", "length", "content_filter", "tool_calls", "reference")
MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
"""Chat messages as `datasets` and TRL read them."""


class TraceRequests(DataSchema):
    """The union over recipes of questions to ask and how often."""

    class Config:
        unique = ["question_id", "teacher"]

    question_id: str = pa.Field(str_matches=ID, description="The question to ask")
    teacher: str = pa.Field(description="Key of the teacher to ask, or * for every teacher")
    answers: int = pa.Field(ge=1, description="How many answers the most demanding recipe wants")


class Traces(DataSchema):
    """One answer of a teacher to a question a row."""

    class Config:
        unique = ["trace_id"]

    trace_id: str = pa.Field(str_matches=ID, description="Hash of question, teacher and sample index")
    question_id: str = pa.Field(str_matches=ID, description="The question that was asked")
    source: str = pa.Field(str_matches=KEY, description="Key of the question's source")
    source_row: str = pa.Field(description="The question's row in the source")
    teacher: str = pa.Field(str_matches=KEY, description="Key of the teacher")
    sample_index: int = pa.Field(ge=0, description="0-based number of the answer")
    response_key: str = pa.Field(
        nullable=True, description="Key of the raw reply in the response store; null for a reference"
    )
    reasoning: str = pa.Field(nullable=True, description="What stands between the thinking tags")
    answer: str = pa.Field(nullable=True, description="What follows them; null when the reply was cut before it")
    finish_reason: str = pa.Field(isin=FINISH_REASONS, description="Why the reply ended: stop, length (cut), ...")
    reasoning_closed: bool = pa.Field(description="Whether the reasoning came to its end")
    prompt_tokens: int = pa.Field(nullable=True, ge=0, description="Tokens of the request, as the engine counted them")
    completion_tokens: int = pa.Field(nullable=True, ge=0, description="Tokens of the reply")
    cost: float = pa.Field(
        nullable=True, ge=0, description="Price of request and reply in USD; null when no price is stated"
    )
    model: str = pa.Field(description="The model that answered")
    revision: str = pa.Field(description="Its revision")
    licence: str = pa.Field(description="Terms that the teacher's output comes with")


class Verdicts(DataSchema):
    """What a verifier said of each trace."""

    class Config:
        unique = ["trace_id"]

    trace_id: str = pa.Field(str_matches=ID, description="The trace that was judged")
    question_id: str = pa.Field(str_matches=ID, description="Its question")
    source: str = pa.Field(str_matches=KEY, description="Its source")
    teacher: str = pa.Field(str_matches=KEY, description="Its teacher")
    verdict: str = pa.Field(isin=VERDICTS, description="correct, wrong, unverifiable or verifier_failed")
    verifier: str = pa.Field(description="Who judged")
    extracted: str = pa.Field(nullable=True, description="The answer as the verifier read it")
    reason: str = pa.Field(description="Why, in words")
    evidence: str = pa.Field(
        nullable=True, description="JSON: what the verdict rests on, such as tests passed, votes, counts"
    )


class TrainingSet(DataSchema):
    """One example a row, in TRL's conversational prompt-completion form: the loss falls on the completion only."""

    class Config:
        unique = ["example_id"]

    example_id: str = pa.Field(str_matches=ID, description="Hash of trace and recipe")
    prompt: MESSAGES = pa.Field(description="Messages that the student is given")  # type: ignore[valid-type]
    completion: MESSAGES = pa.Field(description="The message that it learns to write")  # type: ignore[valid-type]
    trace_id: str = pa.Field(str_matches=ID, description="The trace that it was made from")
    question_id: str = pa.Field(str_matches=ID, description="The question behind it")
    source: str = pa.Field(str_matches=KEY, description="Key of the question's source")
    source_row: str = pa.Field(description="The question's row in the source")
    teacher: str = pa.Field(str_matches=KEY, description="Who answered")
    domain: str = pa.Field(description="Domain of the question")
    verdict: str = pa.Field(nullable=True, isin=VERDICTS, description="What the verifier said of the trace")
    licence: str = pa.Field(str_length={"min_value": 1}, description="Licences of question and answer")
    prompt_tokens: int = pa.Field(ge=0, description="Tokens of the prompt, by the student's tokenizer and template")
    completion_tokens: int = pa.Field(ge=0, description="Tokens of the completion, likewise")
