"""Examples: questions that a score compares with, or learns from.

Belongs here: where examples come from. They are the questions of a registered source as they passed screening, so nothing of a
benchmark is learnt, or a few texts written out in place. Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pydantic import Field, model_validator

from ot_assets.registry.specs.base import Key, Rows, Seed, Text
from ot_assets.registry.specs.growing import Growing


class Examples(Growing):
    """Questions of a source, all or some drawn by seed; or texts."""

    later: ClassVar[frozenset[str]] = frozenset({"source", "rows", "seed", "texts"})
    source: Key | None = Field(default=None, description="Key in sources/: its screened questions.")
    rows: Rows | None = Field(default=None, description="At most so many of the source, drawn by `seed`; absent = all.")
    seed: Seed = Field(default=0, description="Seed of that draw.")
    texts: tuple[Text, ...] = Field(default=(), description="The questions themselves, instead of a source.")

    @model_validator(mode="after")
    def _one_origin(self) -> Examples:
        if (self.source is None) == (not self.texts):
            raise ValueError("say either source or texts")
        if self.texts and self.rows is not None:
            raise ValueError("rows is for a source; all texts are taken")
        return self

    @property
    def name(self) -> str:
        """As a column's name says it."""
        return self.source or "texts"

    @property
    def whole(self) -> bool:
        """Whether its name says everything: a source with all its questions."""
        return self.source is not None and self.rows is None and "-vs-" not in self.source


def sources_of(examples: Iterable[Examples]) -> tuple[str, ...]:
    """Sources that are named, each once, in order."""
    return tuple(dict.fromkeys(one.source for one in examples if one.source is not None))


def versus(positives: Sequence[Examples], negatives: Sequence[Examples]) -> tuple[str, bool]:
    """`positives-vs-negatives`, and whether that says everything about them."""
    sides = ["+".join(dict.fromkeys(one.name for one in side)) for side in (positives, negatives)]
    plain = all(len(side) == 1 and side[0].whole for side in (positives, negatives))
    return "-vs-".join(sides), plain
