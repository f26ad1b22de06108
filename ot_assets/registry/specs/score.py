"""Scores: a figure that a question gets once, shared by all recipes that want it.

Belongs here: what is scored by whom; how is ``ot_assets.curation.scores``. Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ot_assets.registry.specs.base import Key, Spec

ScoreKind = Literal["answer_length", "difficulty"]


class Score(Spec):
    """A figure a question gets once, shared by all recipes that want it."""

    kind: ScoreKind = Field(description="`answer_length`: characters of one answer; `difficulty`: an integer rating.")
    teacher: Key = Field(description="Who answers or rates.")

    @property
    def column(self) -> str:
        """Column of ``question_scores``: ``answer_length.gpt-4.1-mini``."""
        return f"{self.kind}.{self.teacher}"
