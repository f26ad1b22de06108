"""The label that every stored reply carries: what it was first bought for.

Contract: `traces SOURCE|TEACHER`, `score KIND.TEACHER [SOURCE]`, `eval_responses RECIPE|TEACHER BENCHMARK`,
`baseline_scores MODEL BENCHMARK`, `write SOURCE WORD by TEACHER`; anything else is `WORD PARTITION
[... by TEACHER]`, such as a judge's. Pure; a label that nobody knows belongs to nothing and is never an error.
"""

from __future__ import annotations

from dataclasses import dataclass

from ot_assets.graph import models_of
from ot_assets.registry import Registry

_ASSETS = {"score": "question_scores", "judge": "verdicts", "write": "sourced_questions"}


@dataclass(frozen=True, slots=True)
class Purpose:
    """A label, read. `keys` are the partition's; `rest` is what follows them."""

    text: str
    kind: str
    keys: tuple[str, ...]
    rest: str

    @classmethod
    def read(cls, text: str) -> Purpose:
        """The label of a stored reply."""
        kind, _, after = text.partition(" ")
        partition, _, rest = after.partition(" ")
        return cls(text, kind, tuple(partition.split("|")), rest)

    @property
    def asset(self) -> str:
        """The asset whose partition asked."""
        return _ASSETS.get(self.kind, self.kind)

    @property
    def partition(self) -> str:
        """The partition of that asset, as it is written."""
        if self.kind == "score":
            return self.rest or "every source"
        return "|".join(self.keys)

    @property
    def source(self) -> str | None:
        """The source whose questions were asked; None for benchmarks and where the label does not say."""
        if self.kind == "score":
            return self.rest or None
        if self.kind == "write":
            return self.keys[0]
        if self.kind in ("eval_responses", "baseline_scores") or len(self.keys) != 2:
            return None
        return self.keys[0]

    @property
    def teacher(self) -> str | None:
        """The teacher that was asked; None for students, base models, and where the label does not say."""
        if self.kind == "score":
            return self.keys[0].partition(".")[2] or None
        if self.kind == "traces" and len(self.keys) == 2:
            return self.keys[1]
        _, by, judge = f" {self.rest}".rpartition(" by ")
        return judge or None if by else None

    def belongs(self, registry: Registry, recipe: str, teachers: tuple[str, ...]) -> bool:
        """Whether a recipe with these teachers reads what was bought under this label, alone or with other recipes."""
        spec = registry.recipe(recipe)
        if self.kind == "score":
            scores = {label for score in spec.scores for label in score.labels}
            return self.keys[0] in scores and (not self.rest or self.rest in spec.sources)
        if self.kind == "baseline_scores":
            return self.keys[0] in models_of(registry, recipe, teachers) and self.rest in spec.benchmarks
        if self.kind == "write":
            return self.keys[0] in registry.with_parents(key for key in spec.read if key in registry.sources)
        if len(self.keys) != 2:
            return False
        return self.keys[1] in teachers and (self.keys[0] == recipe or self.keys[0] in spec.sources)
