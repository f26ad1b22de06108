"""The ledger: every row that a step dropped, with the rule, the figure and the row that it lost to."""

from __future__ import annotations

import pandera.polars as pa

from schemas.base import DataSchema


class Ledger(DataSchema):
    """One dropped row a row. The same row may be named more than once only by steps that see it more than once."""

    row_id: str = pa.Field(
        str_length={"min_value": 1}, description="Id of the dropped row, or its place when it has none"
    )
    rule: str = pa.Field(str_length={"min_value": 1}, description="The rule that dropped it")
    figure: float = pa.Field(nullable=True, description="The figure that the rule looked at")
    lost_to: str = pa.Field(nullable=True, description="The row or benchmark item that it lost to")
    note: str = pa.Field(nullable=True, description="Anything a person needs to understand it")
    source: str = pa.Field(nullable=True, description="Key of the row's source")
    source_row: str = pa.Field(nullable=True, description="The row in the source")
