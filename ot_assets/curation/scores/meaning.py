"""The score by meaning: mean cosine similarity to the positives minus the mean similarity to the negatives.

Belongs here: that figure. The mean over examples of a product with a question is the product with the mean example, so one
vector stands for them all; it is kept in a folder of the state under the hash of what it was made from, which may be deleted at
any time. Contract: one block of questions is embedded at a time. A text's vector depends a little (the seventh decimal) on the
texts it is batched with, so scores are rounded to the fifth. Fails with `UserError` where the model cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ot_assets.curation.scores.column import Column, Floats, Todo
from ot_assets.curation.scores.examples import ExampleReader
from ot_assets.progress import report
from ot_assets.registry.specs.examples import Examples
from ot_assets.registry.specs.score import EmbeddingScore
from resources.artifacts.locks import hold
from schemas.ids import normalise

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Texts -> unit vectors, one row each."""

_BLOCK = 4_096
_DECIMALS = 5


@dataclass(frozen=True)
class MeaningScorer:
    """Scores by a vector that points from the negatives to the positives."""

    spec: EmbeddingScore
    identity: str
    examples: ExampleReader
    embed: Embed
    folder: Path
    keeps_nulls: bool = True

    def score(self, todo: Todo, column: Column) -> None:
        """Fills the column for the wanted rows."""
        done, total = 0, len(todo)
        for places, batch in todo.batches("question"):
            vectors = self.embed([normalise(text) for text in batch.get_column("question")])
            column.values[places] = np.round(vectors.astype(np.float64) @ self._direction, _DECIMALS)
            done += len(places)
            report(f"{self.spec.column}: {done:,} of {total:,}")

    @cached_property
    def _direction(self) -> Floats:
        path = self.folder / f"embedding-{self.identity[:32]}.npy"
        with hold(path.with_suffix(".lock"), f"the examples of {self.spec.column}"):
            if path.is_file():
                kept: Floats = np.load(path, allow_pickle=False)
                return kept
            direction = self._mean(self.spec.positives) - self._mean(self.spec.negatives)
            made = path.with_suffix(".tmp.npy")
            np.save(made, direction, allow_pickle=False)
            made.replace(path)
            return direction

    def _mean(self, examples: Sequence[Examples]) -> Floats:
        total: Floats = np.zeros(1)
        count = 0
        for block in _blocks(self.examples.texts(examples)):
            total = total + self.embed(block).sum(axis=0, dtype=np.float64)
            count += len(block)
            report(f"{self.spec.column}: {count:,} examples")
        return total / count


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while block := list(islice(stream, _BLOCK)):
        yield block
