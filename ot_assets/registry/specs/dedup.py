"""``Dedup``: a step of a part that keeps one row of each group of rows that are the same.

Belongs here: what can be said of it in a recipe; what it does is in ``ot_assets.curation.dedup``. Fails with pydantic's
``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from pydantic import Field, field_validator, model_validator

from ot_assets.registry.specs.base import Text
from ot_assets.registry.specs.growing import Growing

DedupMethod = Literal["none", "exact", "fuzzy", "numbers", "minhash", "embedding"]

THRESHOLDS: Final[Mapping[str, float]] = {"fuzzy": 95.0, "numbers": 95.0, "minhash": 80.0, "embedding": 95.0}
"""Threshold of a method that compares by degrees, where the recipe names none."""


class Dedup(Growing):
    """Keep one row of each group that the method calls the same."""

    later: ClassVar[frozenset[str]] = frozenset({"threshold", "clusters", "within", "model"})

    kind: Literal["dedup"] = Field(description="Marks this form.")
    method: DedupMethod = Field(
        default="numbers",
        description="`none`; `exact`: same normalised text; `fuzzy`: normalised Indel similarity of the texts as they are, as "
        "the paper; `numbers`: the same of texts freed of formatting, and never of two problems whose numbers, operators or "
        "negations differ; `minhash`: Jaccard similarity of 5-character shingles, found by MinHash-LSH; `embedding`: cosine "
        "of sentence embeddings.",
    )
    threshold: float | None = Field(
        default=None,
        description="Similarity in percent from which two rows are the same, over 0 and at most 100; absent = 95, for "
        "minhash 80.",
    )
    clusters: Literal["star", "connected"] = Field(
        default="star",
        description="`star`: a row goes when it is similar to a row that stays; `connected`: one row of each chain stays.",
    )
    within: Literal["part", "source"] = Field(
        default="part", description="`part`: across all sources of the part; `source`: inside each source only."
    )
    model: Text | None = Field(
        default=None, description="For embedding: key in models/ with local weights, or a local folder."
    )

    @field_validator("threshold")
    @classmethod
    def _threshold_fits(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value <= 100:
            more = ": at 0 every row is the same" if value == 0 else ""
            raise ValueError(f"threshold is a percentage over 0 and at most 100, not {value:g}{more}")
        return value

    @model_validator(mode="after")
    def _fields_fit(self) -> Dedup:
        if self.method == "embedding" and self.model is None:
            raise ValueError("method: embedding needs model: a key in models/ with local weights, or a local folder")
        if self.method != "embedding" and self.model is not None:
            raise ValueError(f"model belongs to method: embedding, not method: {self.method}")
        if self.method not in THRESHOLDS and self.threshold is not None:
            raise ValueError(f"method: {self.method} knows no degrees; leave threshold out")
        return self

    @property
    def percent(self) -> float:
        """The threshold that holds: 0..100; 100 for methods without one."""
        return self.threshold if self.threshold is not None else THRESHOLDS.get(self.method, 100.0)
