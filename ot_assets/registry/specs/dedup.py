"""``Dedup``: a step of a part that keeps one row of each group of rows that are the same.

Belongs here: what can be said of it in a recipe; what it does is in ``ot_assets.curation``. Fails with pydantic's
``ValidationError``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ot_assets.registry.specs.growing import Growing


class Dedup(Growing):
    """Keep one row of each group that the method calls the same."""

    kind: Literal["dedup"] = Field(description="Marks this form.")
    method: Literal["exact"] = Field(default="exact", description="`exact`: same normalised text.")
