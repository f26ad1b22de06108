"""The funnel: how many rows each stage of a recipe got, gave and dropped by which rule.

Belongs here: counts, read from manifests (and one narrow column of the recipe's own sets, for shares by source).
Contract: of two levels that follow each other, rows of the first + copies made = rows of the second + rows dropped
between them. Questions and answers are counted apart. A level whose stage is not made, for one of
the sources or for all, is left out. Pure but for reading
columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ot_assets.report.stages import Stages
from resources.artifacts import Artifact


@dataclass(frozen=True)
class Drop:
    """Rows that left by one rule."""

    rule: str
    rows: int


@dataclass(frozen=True)
class Level:
    """Rows at one point of the way. `drops`: what left between the level before and this one; `copies`: rows made
    there, or taken in from people's conversations.
    """

    title: str
    stage: str
    rows: int
    by_source: Mapping[str, int] = field(default_factory=dict)
    drops: tuple[Drop, ...] = ()
    copies: int = 0

    @property
    def dropped(self) -> int:
        """Rows that left, by any rule."""
        return sum(drop.rows for drop in self.drops)


@dataclass(frozen=True)
class StepRow:
    """One step of a part's selection or of the answer filter, with what it has to tell beside the rows."""

    part: str
    step: str
    rows_in: int
    rows_out: int
    told: str = ""

    @property
    def dropped(self) -> int:
        """Rows that it dropped."""
        return self.rows_in - self.rows_out


@dataclass(frozen=True)
class Funnel:
    """Questions from the sources to those that are asked; answers from those that are wanted to examples; steps of
    both.
    """

    questions: tuple[Level, ...]
    answers: tuple[Level, ...]
    selection: tuple[StepRow, ...]
    filtering: tuple[StepRow, ...]


def funnel(stages: Stages) -> Funnel:
    """The counts of a recipe's stages."""
    filtered, training = stages.filtered, stages.training
    return Funnel(
        tuple(_questions(stages)),
        tuple(_answers(stages)),
        tuple(selection_steps(filtered.manifest.stats)) if filtered else (),
        tuple(filter_steps(training.manifest.stats)) if training else (),
    )


def selection_steps(stats: Mapping[str, Any]) -> Iterable[StepRow]:
    """The steps of every part, from the figures of a filtered set's manifest."""
    for part, steps in (stats.get("funnel") or {}).items():
        for step in steps:
            yield StepRow(part, step["step"], step["rows_in"], step["rows_out"], _told(step))


def filter_steps(stats: Mapping[str, Any]) -> Iterable[StepRow]:
    """The steps of the answer filter, from the figures of a training set's manifest."""
    for number, step in enumerate(stats.get("answer_filter") or (), 1):
        yield StepRow("", f"{number}. {step['kind']}", step["rows_in"], step["rows_out"], _told(step))


def drops_of(dropped: Mapping[str, int]) -> tuple[Drop, ...]:
    """Most first; ties by name."""
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Drop(rule, rows) for rule, rows in ordered if rows)


def _questions(stages: Stages) -> Iterable[Level]:
    if not stages.sources:
        return
    if stages.whole(stages.sourced):
        read = {key: _rows_in(a) for key, a in stages.sourced.items()}
        yield Level("read", "sourced_questions", sum(read.values()), read)
        kept = {key: a.manifest.rows_out for key, a in stages.sourced.items()}
        yield Level("questions", "sourced_questions", sum(kept.values()), kept, _dropped(stages.sourced.values()))
    if stages.whole(stages.screened):
        clean = {key: a.manifest.rows_out for key, a in stages.screened.items()}
        drops = _dropped(stages.screened.values())
        yield Level("screened", "screened_questions", sum(clean.values()), clean, drops)
    if stages.pool:
        before = sum(a.manifest.rows_out for a in stages.screened.values())
        # A source repeated to fill its share, or drawn from by several parts, is counted once before.
        copies = max(0, _rows_in(stages.pool) - before) if stages.whole(stages.screened) else 0
        drawn = counted(stages.pool, "source")
        yield Level("drawn", "mixed_pool", sum(drawn.values()), drawn, drops_of(stages.pool.manifest.dropped), copies)
    if stages.filtered:
        asked = counted(stages.filtered, "source")
        yield Level("asked", "filtered_set", sum(asked.values()), asked, drops_of(stages.filtered.manifest.dropped))


def _answers(stages: Stages) -> Iterable[Level]:
    wanted: dict[str, int] = {}
    if stages.filtered is not None:
        answers = stages.filtered.scan().group_by("source").agg(pl.col("answers_per_question").sum())
        wanted = dict(answers.collect().iter_rows())
        yield Level("wanted", "filtered_set", sum(wanted.values()), wanted)
    if stages.training is None:
        return
    manifest = stages.training.manifest
    came = manifest.rows_in if manifest.rows_in is not None else manifest.rows_out + sum(manifest.dropped.values())
    threads = int((manifest.stats.get("threads") or {}).get("read", 0))
    if stages.filtered is None:
        yield Level("threads", "sft_threads", threads)
    else:
        lost = sum(wanted.values()) - (came - threads)
        lacking = drops_of({"no answer came": lost}) if lost > 0 else ()
        yield Level("answered", "traces", came - threads, {}, lacking)
        if threads:
            yield Level("with people's threads", "sft_threads", came, {}, (), threads)
    made = counted(stages.training, "source")
    yield Level("examples", "training_set", sum(made.values()), made, drops_of(manifest.dropped))


def counted(artifact: Artifact, column: str) -> dict[str, int]:
    """Rows by the values of a column, most first."""
    found = artifact.scan().group_by(column).len().sort(["len", column], descending=[True, False])
    return dict(found.collect(engine="streaming").iter_rows())


def _rows_in(artifact: Artifact) -> int:
    manifest = artifact.manifest
    return manifest.rows_in if manifest.rows_in is not None else manifest.rows_out + sum(manifest.dropped.values())


def _dropped(artifacts: Iterable[Artifact]) -> tuple[Drop, ...]:
    total: Counter[str] = Counter()
    for artifact in artifacts:
        total.update(artifact.manifest.dropped)
    return drops_of(total)


def _told(step: Mapping[str, Any]) -> str:
    """A step's own figures in a few words; nested ones are counted."""
    figures = {**step, **(step.get("figures") or {})}
    for known in ("step", "kind", "rows_in", "rows_out", "figures"):
        figures.pop(known, None)
    return ", ".join(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in figures.items())


def _figure(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{k} {_figure(v)}" for k, v in list(value.items())[:8]) + ")"
    return f"{len(value)} values"
