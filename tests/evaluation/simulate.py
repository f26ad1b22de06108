"""Pretended evaluations: questions of mixed difficulty, repeats that share it, replies that get lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ot_assets.evaluation.outcomes import Outcomes


@dataclass(frozen=True)
class World:
    """Difficulties are drawn from Beta(a, b) and shared by both models; b gains `gain` on a third of the questions."""

    questions: int
    repeats: int
    a: float = 1.0
    b: float = 1.0
    gain: float = 0.0
    lost: float = 0.0

    def pair(self, generator: np.random.Generator) -> tuple[Outcomes, Outcomes]:
        """One evaluation of two models on the same newly drawn questions."""
        easy = generator.beta(self.a, self.b, self.questions)
        helped = np.where(generator.random(self.questions) < 1 / 3, self.gain, 0.0)
        return self.run(generator, easy), self.run(generator, np.clip(easy + helped, 0, 1))

    def run(self, generator: np.random.Generator, chance: np.ndarray) -> Outcomes:
        """One model's replies, given its chance on each question."""
        asked = np.full(self.questions, self.repeats)
        present = generator.binomial(asked, 1 - self.lost)
        ids = tuple(f"q{i:031x}" for i in range(self.questions))
        return Outcomes(ids, generator.binomial(present, chance), present, asked)

    @property
    def truth(self) -> float:
        """The score of the first model on all questions there could be."""
        return self.a / (self.a + self.b)

    def true_gain(self) -> float:
        """How much better the second model is over all questions there could be."""
        easy = np.random.default_rng(0).beta(self.a, self.b, 500_000)
        return float((np.clip(easy + self.gain, 0, 1) - easy).mean() / 3)
