"""How a part of a recipe chooses among its questions: the steps that use scores, draws and texts.

Belongs here: what a step is. What it does is in ``ot_assets.curation``. Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ot_assets.registry.specs.base import Rows, Seed, Spec
from ot_assets.registry.specs.dedup import Dedup
from ot_assets.registry.specs.score import Score


class Top(Spec):
    """Keep the rows with the highest score; ties go by question_id."""

    kind: Literal["top"] = Field(description="Marks this form.")
    score: Score = Field(description="By which figure.")
    rows: Rows = Field(description="How many stay.")


class Random(Spec):
    """Keep a random draw."""

    kind: Literal["random"] = Field(description="Marks this form.")
    rows: Rows = Field(description="How many stay.")
    seed: Seed | None = Field(default=None, description="Seed of the draw; absent = the part's.")


__all__ = ["Dedup", "Random", "Step", "Top"]

Step = Annotated[Top | Random | Dedup, Field(discriminator="kind")]
