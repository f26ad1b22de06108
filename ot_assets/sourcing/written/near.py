"""What is too like its parent, or like something written before it, to be a question of its own.

Belongs here: the comparison of what was just written. Contract: candidates are judged in order, each with its own
parents and with every one that was kept before it; the first stays. So the outcome depends on the order of the calls
alone, not on how many are made at a time. Similarity is the normalised Indel similarity of the texts freed of
formatting, as duplicates are compared (`curation.dedup.numbers`), in percent; by `numbers` two texts whose numbers,
operators or negations differ are never copies. Memory holds the texts that were kept. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rapidfuzz import fuzz, process

from ot_assets.curation.dedup.numbers import Reading, compatible, read
from ot_assets.registry.specs.written import Near

_ROWS = 256


@dataclass(frozen=True, slots=True)
class Copy:
    """What something written is a near copy of."""

    of: str
    """Name of the parent or of the earlier question."""
    similarity: float
    parent: bool


@dataclass
class Sieve:
    """Judges what is written; remembers what stays."""

    spec: Near
    _kept: list[Reading] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)

    def judge(self, candidates: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> list[Copy | None]:
        """For each candidate (name, question, its parents as name and text) what it is a copy of; None where it stays."""
        found: list[Copy | None] = []
        for start in range(0, len(candidates), _ROWS):
            found += self._block(candidates[start : start + _ROWS])
        return found

    def _block(self, block: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> list[Copy | None]:
        """As many at a time as make a call into the library worth while; those kept meanwhile are compared one by one."""
        texts = [read(question) for _, question, _ in block]
        before = self._before(texts)
        found: list[Copy | None] = []
        first = len(self._kept)
        for (name, _, parents), text, near in zip(block, texts, before, strict=True):
            copy = self._parent(text, parents) or near or self._among(text, range(first, len(self._kept)))
            if copy is None:
                self._kept.append(text)
                self._names.append(name)
            found.append(copy)
        return found

    def _before(self, texts: Sequence[Reading]) -> list[Copy | None]:
        """What each text is a copy of among those that were kept before the block: the most similar, the earliest of equals."""
        if not self._kept:
            return [None] * len(texts)
        table = process.cdist(
            [text.normal for text in texts],
            [text.normal for text in self._kept],
            scorer=fuzz.ratio,
            score_cutoff=self.spec.threshold,
            workers=-1,
            dtype=np.float32,
        )
        return [
            self._among(text, np.flatnonzero(row).tolist()) if row.any() else None
            for text, row in zip(texts, table, strict=True)
        ]

    def _among(self, text: Reading, places: Sequence[int]) -> Copy | None:
        best: Copy | None = None
        for place in places:
            figure = self._similarity(text, self._kept[place])
            if figure >= self.spec.threshold and (best is None or figure > best.similarity):
                best = Copy(self._names[place], figure, parent=False)
        return best

    def _parent(self, text: Reading, parents: Sequence[tuple[str, str]]) -> Copy | None:
        figures = [(self._similarity(text, read(shown)), name) for name, shown in parents]
        figure, name = max(figures, default=(0.0, ""), key=lambda pair: pair[0])
        return Copy(name, figure, parent=True) if figures and figure >= self.spec.threshold else None

    def _similarity(self, one: Reading, other: Reading) -> float:
        apart = one.strict != other.strict or not compatible(one.soft, other.soft)
        if self.spec.method == "numbers" and apart:
            return -1.0
        return float(fuzz.ratio(one.normal, other.normal, score_cutoff=self.spec.threshold))
