"""What scores demand of the rest of the registry: teachers that are models, weights on this machine, examples that teach.

Pure: specs in, problems out, each at its place in the recipe's YAML. That a named teacher, model or source is registered is
checked with all other references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ot_assets.registry.document import Document, Path_
from ot_assets.registry.errors import Problem
from ot_assets.registry.specs.model import ModelSpec
from ot_assets.registry.specs.recipe import Part
from ot_assets.registry.specs.score import AskLLM, Combined, EmbeddingScore, FastTextScore, Score
from ot_assets.registry.specs.teacher import TeacherSpec

_SCORE = ("parts", "*", "select", "*", "score")
_NAMES: tuple[tuple[tuple[str, ...], Literal["sources", "models", "teachers"]], ...] = (
    (("teacher",), "teachers"),
    (("model",), "models"),
    (("tokenizer",), "models"),
    (("positives", "*", "source"), "sources"),
    (("negatives", "*", "source"), "sources"),
)
REFERENCES = tuple(((*_SCORE, *inside, *path), section) for path, section in _NAMES for inside in ((), ("of", "*")))
"""Places of a recipe where a score names something, and the section where that must be."""


@dataclass(frozen=True)
class ScoreChecks:
    """Checks the scores of one part, which is given as it is carried out."""

    document: Document
    part: Part
    teachers: Mapping[str, TeacherSpec]
    models: Mapping[str, ModelSpec]

    def problems(self, score: Score, at: Path_) -> Iterator[Problem]:
        """All problems of a score and its parts."""
        if isinstance(score, Combined):
            for number, part in enumerate(score.of):
                yield from self.problems(part, (*at, "of", number))
            return
        for key in score.teachers:
            teacher = self.teachers.get(key)
            if teacher is not None and teacher.kind == "reference":
                message = "a score needs a teacher of kind: model, which `reference` is not"
                yield self.document.problem((*at, "teacher"), message)
        for key in score.models:
            model = self.models.get(key)
            if model is not None and model.engine in ("openai", "scripted"):
                field = "model" if isinstance(score, EmbeddingScore) else "tokenizer"
                message = f"{key!r} has no weights on this machine (engine: {model.engine}), which this score needs"
                yield self.document.problem((*at, field), message)
        yield from self._examples(score, at)

    def _examples(self, score: Score, at: Path_) -> Iterator[Problem]:
        """A source that is scored by its own questions looks better, or worse, than it is."""
        if not isinstance(score, FastTextScore | EmbeddingScore | AskLLM):
            return
        drawn = {draw.source for draw in self.part.sources}
        for side, several in (("positives", score.positives), ("negatives", score.negatives)):
            for number, one in enumerate(several):
                if one.source in drawn:
                    message = f"{one.source!r} is drawn from too: its questions are scored by themselves"
                    yield self.document.problem((*at, side, number, "source"), message, warning=True)
