"""Reading examples: the questions that a score compares with or learns from.

Belongs here: which rows of a source are examples, and their texts. Contract: examples are screened questions, normalised as
their ids are, in the source's order; a draw depends on the seed and the questions only. Ids are read whole, texts pass by in
batches. Fails with `UserError` for a source without a question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ot_assets.curation.draws import draw_order
from ot_assets.registry.specs.examples import Examples
from resources.artifacts import Artifact
from resources.errors import UserError
from schemas.ids import content_hash, normalise, question_id

_BATCH = 5_000


@dataclass(frozen=True)
class ExampleReader:
    """Reads examples; `open` gives the screened questions of a source."""

    open: Callable[[str], Artifact]

    def texts(self, several: Iterable[Examples]) -> Iterator[str]:
        """The examples' texts, one after the other."""
        for one in several:
            if one.source is None:
                yield from map(normalise, one.texts)
                continue
            chosen = self._chosen(one, one.source)
            start = 0
            for batch in self.open(one.source).batches(rows=_BATCH, columns=["question"]):
                here = np.flatnonzero(chosen[start : start + len(batch)])
                start += len(batch)
                yield from map(normalise, batch[here].get_column("question"))

    def digest(self, several: Sequence[Examples]) -> str:
        """Hash of which examples they are: an id is the hash of a normalised text."""
        return content_hash([self._ids(one) for one in several])

    def _ids(self, one: Examples) -> list[str]:
        if one.source is None:
            return [question_id(text) for text in one.texts]
        ids = self._all(one.source)
        return ids.filter(pl.Series(self._chosen(one, one.source))).to_list()

    def _chosen(self, one: Examples, source: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        ids = self._all(source)
        if ids.is_empty():
            raise UserError(
                f"source {source!r} is to give examples for a score, and it has no questions (any more)",
                fix="see its ledgers (`ot where` or the UI) for what became of them, or name another source",
            )
        chosen = np.ones(len(ids), np.bool_)
        if one.rows is not None and one.rows < len(ids):
            chosen[draw_order(one.seed, "examples", ids.to_list())[one.rows :]] = False
        return chosen

    def _all(self, source: str) -> pl.Series:
        return self.open(source).scan().select("question_id").collect().to_series()
