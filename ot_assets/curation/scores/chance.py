"""The score that is a draw: a number from 0 to 1 that only the seed and the question decide.

So a question has the same number in every source, and sorting by it is the same draw on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ot_assets.curation.draws import draw_keys
from ot_assets.curation.scores.column import Column, Todo
from ot_assets.registry.specs.score import RandomScore


@dataclass(frozen=True)
class ChanceScorer:
    """Draws by the question's id."""

    spec: RandomScore
    keeps_nulls: bool = True

    @property
    def identity(self) -> str:
        """The spec's hash."""
        return self.spec.hash

    def score(self, todo: Todo, column: Column) -> None:
        """Fills the column for the wanted rows."""
        for places, batch in todo.batches("question_id"):
            keys = draw_keys(self.spec.seed, "score", batch.get_column("question_id"))
            column.values[places] = (keys >> np.uint64(11)).astype(np.float64) / 2**53
