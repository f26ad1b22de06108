"""``ThreadDraw``: chat examples of people's conversations in a recipe.

Belongs here: what can be said of them in a recipe; how they are drawn is in ``ot_assets.distillation.thread_examples``. Fails
with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ot_assets.registry.specs.base import Key, Rows, Seed, Spec, once_each


class ThreadDraw(Spec):
    """Replies of people's conversations, each with what was said before it, as examples beside those of the teacher."""

    languages: tuple[Key, ...] = Field(min_length=1, description="Keys in conversations/, each once.")
    rows: Rows | Literal["all"] = Field(default="all", description="Examples in all; `all` takes every one once.")
    alpha: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Shares of the languages are proportional to n ** alpha: 1 = as they are, 0 = equal; needs rows.",
    )
    cap: float | None = Field(
        default=None, gt=1, description="No language gets more than so many times its natural share; absent = no cap."
    )
    split: Literal["train", "validation", "all"] = Field(default="train", description="Which trees.")
    seed: Seed | None = Field(default=None, description="Seed of the draw; absent = the recipe's.")

    @model_validator(mode="after")
    def _fits(self) -> ThreadDraw:
        once_each(self.languages)
        if self.rows == "all" and (self.alpha != 1 or self.cap is not None):
            raise ValueError("alpha and cap: say rows, since `all` takes every example once")
        return self
