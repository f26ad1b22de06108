"""What each written question was written from."""

from __future__ import annotations

import pandera.polars as pa

from schemas.base import ID, KEY, DataSchema


class WrittenParents(DataSchema):
    """One parent of one question that a model wrote; a table beside the questions of a written source."""

    class Config:
        unique = ["question_id", "number"]

    question_id: str = pa.Field(str_matches=ID, description="The question that was written")
    number: int = pa.Field(ge=0, description="Place of the parent in the call, from 0")
    kind: str = pa.Field(isin=("question", "document", "topic", "persona"), description="What the parent is")
    parent: str = pa.Field(str_length={"min_value": 1}, description="question_id, document and page, topic, or persona")
    parent_source: str = pa.Field(nullable=True, str_matches=KEY, description="Key of the source it is a row of")
    parent_row: str = pa.Field(nullable=True, description="The row in that source, or the file")
    response_key: str = pa.Field(
        str_length={"min_value": 1}, description="Key of the reply it stood in, in the response store"
    )
