"""``BudgetSpec``: what may be spent, as a recipe, a teacher or a command says it.

Never part of an identity or a slice: a budget decides whether something is asked, never what comes back.
"""

from __future__ import annotations

from pydantic import Field

from ot_assets.registry.specs.base import Spec


class BudgetSpec(Spec):
    """Hard limits over everything that was ever asked for it; a run stops before one is passed. Absent = no limit."""

    usd: float | None = Field(default=None, ge=0, description="USD by the models' prices; 0 = ask nothing new.")
    tokens: int | None = Field(default=None, ge=0, description="Prompt and completion tokens together.")
    hours: float | None = Field(default=None, ge=0, description="Hours in which at least one reply was waited for.")

    @property
    def empty(self) -> bool:
        """Whether it limits nothing."""
        return self.usd is None and self.tokens is None and self.hours is None

    def over(self, other: BudgetSpec) -> BudgetSpec:
        """Its own limits, and the other's where it has none."""
        said = {name: value for name, value in self if value is not None}
        return other.model_copy(update=said)
