"""From a score's spec to what gives it: teachers, models, examples, and where classifiers are kept.

Belongs here: `Scorers`, the one place that knows the registry and the services. A scorer's identity is the hash of its part of
the asset's spec (with the identities of teachers and models) and of which examples it has. Fails with `UserError`: no such
model, an input that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ot_assets.asking import as_model, weights_folder, with_weights
from ot_assets.curation.embedding import embed, embedding_folder
from ot_assets.curation.scores.asked import AskedScorer, CountTokens, Shown
from ot_assets.curation.scores.chance import ChanceScorer
from ot_assets.curation.scores.column import Scorer
from ot_assets.curation.scores.examples import ExampleReader
from ot_assets.curation.scores.likeness import LikenessScorer
from ot_assets.curation.scores.meaning import Embed, MeaningScorer
from ot_assets.curation.scores.prompts import shown
from ot_assets.graph import source
from ot_assets.registry.specs.base import canonical_hash
from ot_assets.registry.specs.score import (
    AnswerLength,
    AskedScore,
    AskLLM,
    EmbeddingScore,
    FastTextScore,
    RandomScore,
    SingleScore,
)

if TYPE_CHECKING:
    from ot_assets.curation.tokens import Tokenizer
    from ot_assets.step import Step
    from resources.artifacts import Artifact


@dataclass(frozen=True)
class Scorers:
    """Makes the scorers of one source's partition; their inputs are opened through its step."""

    step: Step
    examples: ExampleReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", ExampleReader(self._screened))

    def of(self, score: SingleScore) -> Scorer:
        """The scorer of one score. Nothing is trained, loaded or asked yet; examples are read: ids, for AskLLM the texts."""
        match score:
            case RandomScore():
                return ChanceScorer(score)
            case FastTextScore():
                learnt = self._identity(score, floret=version("floret"))
                return LikenessScorer(score, learnt, self.examples, self._folder)
            case EmbeddingScore():
                return MeaningScorer(
                    score, self._identity(score), self.examples, self._embed(score.model), self._folder
                )
            case _:
                return self._asked(score)

    def _asked(self, score: AskedScore) -> AskedScorer:
        step, home = self.step, self.step.services.home
        model = step.registry.required_model(score.teacher)
        ask = partial(step.ask_all, with_weights(model, home), f"score {score.label} {step.partition['source']}")
        count = self._counter(score.tokenizer) if isinstance(score, AnswerLength) and score.tokenizer else None
        teacher = step.registry.teacher(score.teacher)
        blocks = shown_examples(score, self.examples)
        return AskedScorer(score, teacher, as_model(model), ask, self._identity(score), blocks, count)

    def _identity(self, score: SingleScore, **more: str) -> str:
        said = {"score": self.step.spec["scores"][score.column], **more}
        if isinstance(score, AskLLM | FastTextScore | EmbeddingScore):
            said["examples"] = [self.examples.digest(side) for side in (score.positives, score.negatives)]
        return canonical_hash(said)

    def _screened(self, key: str) -> Artifact:
        return self.step.open("screened_questions", source(key))

    def _embed(self, model: str) -> Embed:
        @cache
        def folder() -> Path:
            return embedding_folder(model, self.step.registry, self.step.services.home)

        return lambda texts: embed(texts, folder())

    def _counter(self, model: str) -> CountTokens:
        @cache
        def tokenizer() -> Tokenizer:
            from ot_assets.curation.tokens import load_tokenizer

            return load_tokenizer(weights_folder(self.step.registry.model(model), self.step.services.home))

        return lambda text: len(tokenizer().split([text])[0])

    @property
    def _folder(self) -> Path:
        return self.step.services.home.scorers


def shown_examples(score: AskedScore, examples: ExampleReader) -> Shown:
    """The examples that a score's prompt shows."""
    if not isinstance(score, AskLLM):
        return Shown()
    positives, negatives = (list(examples.texts(side)) for side in (score.positives, score.negatives))
    return Shown(shown("positives", positives), shown("negatives", negatives))
