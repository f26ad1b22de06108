"""The score of a fastText classifier: is a question rather like the positives, or like the negatives?

Belongs here: when a classifier is trained and when a trained one is taken. Training is the costly part and gives the same for
all sources, so a classifier is kept in a folder of the state under the hash of all that it was learnt from; the folder may be
deleted at any time. Contract: one thread and a seed, so the same examples give the same scores; a question without any word
that the examples hold has no score. Fails with `UserError` where nothing can be learnt (see `classifier`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ot_assets.curation.scores.column import Column, Todo
from ot_assets.curation.scores.examples import ExampleReader
from ot_assets.distillation.classifier import Classifier, kept, trained
from ot_assets.progress import report
from ot_assets.registry.specs.score import FastTextScore
from resources.artifacts.locks import hold, try_hold
from schemas.ids import normalise

_MOST_KEPT = 8
"""Classifiers in the folder: 200 MB each with the default settings."""


@dataclass(frozen=True)
class LikenessScorer:
    """Scores by a classifier that is trained, or loaded, when the first row wants a score."""

    spec: FastTextScore
    identity: str
    examples: ExampleReader
    folder: Path
    keeps_nulls: bool = True

    def score(self, todo: Todo, column: Column) -> None:
        """Fills the column for the wanted rows."""
        done, total = 0, len(todo)
        for places, batch in todo.batches("question"):
            for place, text in zip(places.tolist(), map(normalise, batch.get_column("question")), strict=True):
                value = self._classifier.score(text)
                if value is None:
                    column.lacks("no known word", text[:200])
                else:
                    column.values[place] = value
            done += len(places)
            report(f"{self.spec.column}: {done:,} of {total:,}")

    @cached_property
    def _classifier(self) -> Classifier:
        path = self.folder / f"fasttext-{self.identity[:32]}.bin"
        with hold(path.with_suffix(".lock"), f"the classifier of {self.spec.column}"):
            if path.is_file():
                path.touch()
                return kept(path)
            report(f"{self.spec.column}: training")
            who = f"score {self.spec.column}"
            classifier = trained(
                self.spec, self._texts("positives"), self._texts("negatives"), self.spec.seed, who=who, keep=path
            )
            _prune(self.folder)
            return classifier

    def _texts(self, side: str) -> Iterator[str]:
        return self.examples.texts(self.spec.positives if side == "positives" else self.spec.negatives)


def _prune(folder: Path) -> None:
    """Removes the classifiers that were not used for the longest time; one that is being made or loaded stays."""
    with hold(folder / "prune.lock", "the kept classifiers"):
        known = sorted(folder.glob("fasttext-*.bin"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in known[_MOST_KEPT:]:
            with try_hold(path.with_suffix(".lock"), "a classifier that goes") as free:
                if free:
                    path.unlink(missing_ok=True)
