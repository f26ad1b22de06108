"""Questions, from any source or benchmark, in one shape; and the steps that pick among them."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.base import ID, KEY, MAX_TEXT, DataSchema

VERIFIERS = ("math", "choice", "procedural", "exact", "regex", "judge", "majority", "code", "none")
"""Names of what can judge an answer; `none` means that nothing can."""


class Questions(DataSchema):
    """One problem a row, with its gold answer and the name of the verifier that can judge an answer."""

    class Config:
        unique = ["question_id"]

    question_id: str = pa.Field(str_matches=ID, description="Hash of the normalised question text")
    question: str = pa.Field(
        str_length={"min_value": 1, "max_value": MAX_TEXT}, description="The problem as it is asked"
    )
    gold: str = pa.Field(nullable=True, description="The right answer, where the source states one")
    solution: str = pa.Field(nullable=True, description="The source's own worked solution")
    verifier: str = pa.Field(isin=VERIFIERS, description="What can judge an answer")
    verifier_args: str = pa.Field(nullable=True, description="JSON: what that verifier needs beside the gold answer")
    domain: str = pa.Field(description="math, code, science, puzzle, ...")
    language: str = pa.Field(description="Language tag of the question text")
    licence: str = pa.Field(str_length={"min_value": 1}, description="Licence of the data, not of its packaging")
    source: str = pa.Field(str_matches=KEY, description="Key of the source or benchmark")
    source_row: str = pa.Field(
        str_length={"min_value": 1}, description="The row in the source: file or split, and index"
    )


class QuestionScores(DataSchema):
    """One float column a score that some recipe needs, named by its spec; null where no score could be had."""

    class Config:
        unique = ["question_id"]
        strict = False  # the score columns depend on the recipes

    question_id: str = pa.Field(str_matches=ID, description="The question that was scored")

    @pa.dataframe_check(description="every score column holds floats")
    def scores_are_floats(cls, data: pa.PolarsData) -> bool:
        """Any column beside the id must be a float, so that filters can compare it."""
        schema = data.lazyframe.collect_schema()
        return all(dtype == pl.Float64 for name, dtype in schema.items() if name != "question_id")


class SeenQuestions(DataSchema):
    """What of each question its scores were made from, so that the next version scores only what is new."""

    class Config:
        unique = ["question_id"]

    question_id: str = pa.Field(str_matches=ID, description="The question that was scored")
    seen: int = pa.Field(description="Hash of its text and verifier")


class MixedPool(Questions):
    """Questions drawn from a recipe's sources."""

    class Config:
        unique = ["part", "source", "question_id", "copy"]

    part: str = pa.Field(description="Name of the recipe's part that drew this row")
    copy: int = pa.Field(ge=0, description="0 for the row itself, 1.. where a small source was filled by repeating")


class FilteredSet(MixedPool):
    """Questions that a recipe asks its teachers."""

    answers_per_question: int = pa.Field(ge=1, description="How many answers the recipe wants of each teacher")


class DuplicateClusters(DataSchema):
    """Every row of every cluster of two or more that a dedup step found, the largest clusters first."""

    part: str = pa.Field(description="Name of the recipe's part")
    step: int = pa.Field(ge=1, description="Place of the step in the part")
    cluster: int = pa.Field(ge=1, description="Number of the cluster, within part and step")
    size: int = pa.Field(ge=2, description="Rows of the cluster")
    question_id: str = pa.Field(str_matches=ID, description="The question")
    source: str = pa.Field(str_matches=KEY, description="Key of its source")
    source_row: str = pa.Field(str_length={"min_value": 1}, description="The row in the source")
    copy: int = pa.Field(ge=0, description="0 for the row itself, 1.. for repeats")
    survivor: bool = pa.Field(description="Whether this is the row that stayed")
    similarity: float = pa.Field(nullable=True, description="To the survivor, in percent; null where it is not known")
