"""How a part of a recipe chooses among its questions: the steps that use scores, draws and texts.

Belongs here: what a step is. What it does is in ``ot_assets.curation.steps``. A step that keeps a number of rows may leave
``rows`` out when it is the last one of a part and the recipe has ``rows``: it then keeps the part's questions of those.
Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ot_assets.registry.specs.base import Rows, Seed, Spec
from ot_assets.registry.specs.clean import Clean
from ot_assets.registry.specs.dedup import Dedup
from ot_assets.registry.specs.score import Score

_ROWS = "How many stay; absent in the last step = the part's questions of the recipe's `rows`."


class Top(Spec):
    """Keep the rows with the highest score; ties go by question_id."""

    kind: Literal["top"] = Field(description="Marks this form.")
    score: Score = Field(description="By which figure.")
    rows: Rows | None = Field(default=None, description=_ROWS)


class Bottom(Spec):
    """Keep the rows with the lowest score; ties go by question_id."""

    kind: Literal["bottom"] = Field(description="Marks this form.")
    score: Score = Field(description="By which figure.")
    rows: Rows | None = Field(default=None, description=_ROWS)


class Band(Spec):
    """Keep the rows between two quantiles of a score, for example the middle half; ties go by question_id.

    Bands that share an end share no row: ``0..0.5`` and ``0.5..1`` are all rows. Rows without a score have no quantile and go.
    """

    kind: Literal["band"] = Field(description="Marks this form.")
    score: Score = Field(description="By which figure.")
    low: float = Field(default=0.0, ge=0, le=1, description="Share of rows with a lower score that go.")
    high: float = Field(default=1.0, ge=0, le=1, description="Share of rows up to which rows stay.")
    within: Literal["part", "source"] = Field(
        default="part", description="Quantiles of the whole part, or of each source by itself."
    )

    @model_validator(mode="after")
    def _ends_in_order(self) -> Band:
        if self.low >= self.high:
            raise ValueError(f"low: {self.low:g} must be less than high: {self.high:g}")
        if (self.low, self.high) == (0.0, 1.0):
            raise ValueError("a band from 0 to 1 is every row; state low or high")
        return self


class Threshold(Spec):
    """Keep the rows whose score lies between two figures, both included."""

    kind: Literal["threshold"] = Field(description="Marks this form.")
    score: Score = Field(description="By which figure.")
    at_least: float | None = Field(default=None, description="Least score that stays.")
    at_most: float | None = Field(default=None, description="Largest score that stays.")
    unscored: Literal["drop", "keep"] = Field(default="drop", description="What becomes of a row without a score.")

    @model_validator(mode="after")
    def _ends_in_order(self) -> Threshold:
        if self.at_least is None and self.at_most is None:
            raise ValueError("needs at_least or at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"at_least: {self.at_least:g} is more than at_most: {self.at_most:g}, so nothing could stay"
            )
        return self


class Stratified(Spec):
    """Keep a number of rows, source by source: each source's quota is drawn at random, or is its highest by a score."""

    kind: Literal["stratified"] = Field(description="Marks this form.")
    rows: Rows | None = Field(default=None, description=_ROWS)
    quotas: Literal["proportional", "equal"] = Field(
        default="proportional",
        description="`proportional` to the rows that reach the step, or `equal`; a source that has fewer gives what it has.",
    )
    score: Score | None = Field(default=None, description="Keep each source's highest; absent = a random draw.")
    seed: Seed | None = Field(default=None, description="Seed of the draw; absent = the part's.")


class Random(Spec):
    """Keep a random draw."""

    kind: Literal["random"] = Field(description="Marks this form.")
    rows: Rows | None = Field(default=None, description=_ROWS)
    seed: Seed | None = Field(default=None, description="Seed of the draw; absent = the part's.")


__all__ = ["Band", "Bottom", "Clean", "Dedup", "Random", "Step", "Stratified", "Threshold", "Top"]

Step = Annotated[Top | Bottom | Band | Threshold | Stratified | Random | Clean | Dedup, Field(discriminator="kind")]


def rows_of(step: Step) -> int | None:
    """The number of rows that a step keeps at most; None where it has no number."""
    return step.rows if isinstance(step, Top | Bottom | Random | Stratified) else None


def keeps_rows(step: Step) -> bool:
    """Whether a step is one that keeps a number of rows, stated or not."""
    return isinstance(step, Top | Bottom | Random | Stratified)


def score_of(step: Step) -> Score | None:
    """The score that a step reads, where it reads one."""
    return step.score if isinstance(step, Top | Bottom | Band | Threshold | Stratified) else None
