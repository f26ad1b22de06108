"""A few random rows of every stage, so that a person sees what a recipe really asks and teaches.

Belongs here: which rows, and which of their cells. Contract: the draw is decided by the seed and the stage's own rows:
the same report of the same artifacts shows the same rows. Only the rows that are shown are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ot_assets.curation.draws import draw_keys
from ot_assets.report.asked import asked_for
from ot_assets.report.stages import Stages
from ot_assets.report.texts import Shown, shown
from resources.artifacts import Artifact

ROWS = 4
_STAGES = ("sourced_questions", "screened_questions", "mixed_pool", "filtered_set", "traces", "training_set")
_TEXTS = ("question", "gold", "solution", "reasoning", "answer")
_FACTS = (
    *("source", "source_row", "part", "copy", "domain", "language", "licence", "verifier", "teacher", "sample_index"),
    *("finish_reason", "verdict", "prompt_tokens", "completion_tokens"),
)


@dataclass(frozen=True)
class SampleRow:
    """One row: what it is in small cells, and its texts by name."""

    facts: tuple[tuple[str, str], ...]
    texts: tuple[tuple[str, Shown], ...]


@dataclass(frozen=True)
class Sample:
    """Some rows of a stage."""

    stage: str
    rows_in_all: int
    rows: tuple[SampleRow, ...]


def samples(stages: Stages, seed: int, rows: int = ROWS) -> list[Sample]:
    """A sample of every stage that has rows, upstream first."""
    known: tuple[tuple[str, Iterable[Artifact | None]], ...] = (
        ("sourced_questions", stages.sourced.values()),
        ("screened_questions", stages.screened.values()),
        ("mixed_pool", [stages.pool]),
        ("filtered_set", [stages.filtered]),
        ("training_set", [stages.training]),
    )
    found = {name: [_Rows.of(a) for a in artifacts if a is not None] for name, artifacts in known}
    found["traces"] = [_Rows(asked_for(stages, a)) for a in stages.traces.values()]
    made = [_sample(name, found[name], seed, rows) for name in _STAGES]
    return [one for one in made if one.rows]


class _Rows:
    """Some rows of an artifact, and how many they are."""

    def __init__(self, rows: pl.LazyFrame, size: int | None = None) -> None:
        self.rows = rows
        self.size = rows.select(pl.len()).collect(engine="streaming").item() if size is None else size

    @classmethod
    def of(cls, artifact: Artifact) -> _Rows:
        """All rows of it."""
        return cls(artifact.scan(), artifact.manifest.rows_out)


def _sample(stage: str, artifacts: list[_Rows], seed: int, rows: int) -> Sample:
    sizes = [artifact.size for artifact in artifacts]
    total = sum(sizes)
    ends = np.cumsum(sizes)
    made = []
    for place in sorted(_places(seed, stage, total, rows)):
        which = int(np.searchsorted(ends, place, side="right"))
        row = place - (int(ends[which - 1]) if which else 0)
        made.append(_row(artifacts[which].rows.slice(row, 1).collect().row(0, named=True)))
    return Sample(stage, total, tuple(made))


def _places(seed: int, stage: str, total: int, rows: int) -> set[int]:
    """Different places, drawn by hashes of the seed: no generator's state, so nothing else that is drawn changes them."""
    if total <= rows:
        return set(range(total))
    found: set[int] = set()
    number = 0
    while len(found) < rows:
        key = draw_keys(seed, f"report {stage}", [str(number)])[0]
        found.add(int(key) % total)
        number += 1
    return found


def _row(row: Mapping[str, Any]) -> SampleRow:
    facts = tuple((name, str(row[name])) for name in _FACTS if row.get(name) is not None)
    texts = [(name, shown(row[name])) for name in _TEXTS if row.get(name)]
    for turn in (*(row.get("prompt") or ()), *(row.get("completion") or ())):
        texts.append((turn["role"], shown(turn["content"])))
    return SampleRow(facts, tuple(texts))
