"""Models side by side: every score, and every pair of models on the same questions.

Belongs here: what a leaderboard holds, how it is made from scores and per-question verdicts, and how it goes to and
comes from frames and JSON. How it looks in a terminal is in `leaderboard_view`.

Contract: comparisons are on dev benchmarks only, and Holm's correction runs over all of them at once. Scores on
held-out benchmarks are kept, but every way out of here leaves them empty unless `include_held_out` is said, so that
nothing that picks a recipe sees them (DESIGN contract 8). A score that could not be had is None, never 0.
Fails with ValueError when two entries have one name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import polars as pl

from ot_assets.evaluation.comparison import Comparison, Verdict, compare_all, verdict_of
from ot_assets.evaluation.outcomes import outcomes_by_benchmark
from ot_assets.evaluation.statistics import LEVEL, t_quantile
from schemas import Comparisons, LeaderboardScores

Role = Literal["dev", "held_out"]
_JSON_SCORE = ("model", "recipe", "teacher", "benchmark", "score", "se", "questions", "repeats", "missing")
_JSON_COMPARISON = (
    "a",
    "b",
    "benchmark",
    "difference",
    "ci_low",
    "ci_high",
    "p",
    "p_adjusted",
    "smallest_detectable",
)


@dataclass(frozen=True, eq=False)
class Entry:
    """What one model brings: rows of `schemas.EvalScores` and of `schemas.EvalQuestions`."""

    model: str
    recipe: str | None
    teacher: str | None
    scores: pl.DataFrame
    questions: pl.DataFrame

    @classmethod
    def student(cls, recipe: str, teacher: str, scores: pl.DataFrame, questions: pl.DataFrame) -> Entry:
        """A student, named `recipe × teacher`."""
        return cls(f"{recipe} × {teacher}", recipe, teacher, scores, questions)

    @classmethod
    def baseline(cls, model: str, scores: pl.DataFrame, questions: pl.DataFrame) -> Entry:
        """A model as it comes, named by its key."""
        return cls(model, None, None, scores, questions)


@dataclass(frozen=True)
class ScoreRow:
    """One model on one benchmark: a row of `schemas.LeaderboardScores`."""

    model: str
    recipe: str | None
    teacher: str | None
    benchmark: str
    role: Role
    score: float | None
    se: float | None
    questions: int
    repeats: int
    missing: int


@dataclass(frozen=True)
class ComparisonRow:
    """Two models on one dev benchmark: a row of `schemas.Comparisons`; differences are score of a minus score of b."""

    a: str
    b: str
    benchmark: str
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    p_adjusted: float | None
    smallest_detectable: float | None
    questions: int

    @classmethod
    def of(cls, c: Comparison) -> ComparisonRow:
        """The row of a comparison."""
        low, high = (c.interval.low, c.interval.high) if c.interval else (None, None)
        figures = (c.difference, low, high, c.p, c.p_adjusted, c.smallest_detectable)
        return cls(c.a, c.b, c.benchmark, *figures, questions=c.questions)

    @property
    def verdict(self) -> Verdict:
        """real, not shown, unsettled or untested: `comparison.verdict_of`."""
        return verdict_of(self.p_adjusted, self.ci_low, self.ci_high)

    @property
    def se(self) -> float | None:
        """The standard error that the interval stands for: half its width over the t quantile."""
        if self.ci_low is None or self.ci_high is None or self.questions < 2:
            return None
        return (self.ci_high - self.ci_low) / 2 / t_quantile((1 + LEVEL) / 2, self.questions - 1)


@dataclass(frozen=True)
class Leaderboard:
    """Scores and comparisons, students before models as they come, in the order in which they were handed in."""

    scores: tuple[ScoreRow, ...]
    comparisons: tuple[ComparisonRow, ...]

    def shown(self, *, include_held_out: bool = False) -> tuple[ScoreRow, ...]:
        """The scores as they may be shown: held-out rows keep their counts but no score, unless asked for."""
        return tuple(r if include_held_out or r.role == "dev" else _sealed(r) for r in self.scores)

    def score_frame(self, *, include_held_out: bool = False) -> pl.DataFrame:
        """As rows of `schemas.LeaderboardScores`."""
        return LeaderboardScores.frame([asdict(r) for r in self.shown(include_held_out=include_held_out)])

    def comparison_frame(self) -> pl.DataFrame:
        """As rows of `schemas.Comparisons`."""
        return Comparisons.frame([asdict(c) for c in self.comparisons])

    @classmethod
    def from_frames(cls, scores: pl.DataFrame, comparisons: pl.DataFrame) -> Leaderboard:
        """Back from the two tables of a published leaderboard."""
        return cls(
            tuple(ScoreRow(**row) for row in scores.to_dicts()),
            tuple(ComparisonRow(**row) for row in comparisons.to_dicts()),
        )

    def to_json(self, *, include_held_out: bool = False) -> dict[str, list[dict[str, Any]]]:
        """What `ot leaderboard --json` prints: plain JSON types, None where there is no figure."""
        rows = [asdict(r) for r in self.shown(include_held_out=include_held_out)]
        pairs = [asdict(c) for c in self.comparisons]
        return {
            "scores": [{name: row[name] for name in _JSON_SCORE} for row in rows],
            "comparisons": [{name: pair[name] for name in _JSON_COMPARISON} for pair in pairs],
        }

    def tied_with_best(self, benchmark: str) -> frozenset[str]:
        """Models within two standard errors of the best on a dev benchmark, the best among them (OpenThoughts3, section on
        method: such options count as tied). The standard error is the paired one of the difference to the best. Empty for
        held-out benchmarks and where nobody has a score.
        """
        rows = {r.model: r.score for r in self.scores if r.benchmark == benchmark and r.role == "dev"}
        scored = {model: score for model, score in rows.items() if score is not None}
        if not scored:
            return frozenset()
        best = max(scored, key=lambda model: scored[model])
        pairs = {frozenset((c.a, c.b)): c for c in self.comparisons if c.benchmark == benchmark}
        return frozenset(m for m in scored if m == best or _ties(pairs.get(frozenset((m, best)))))


def make_leaderboard(entries: Iterable[Entry]) -> Leaderboard:
    """All scores, and all pairs of models on all dev benchmarks that both have, corrected as one family."""
    ordered = sorted(entries, key=lambda e: e.recipe is None)  # stable: students first
    names = [e.model for e in ordered]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise ValueError(f"leaderboard: more than one entry is named {', '.join(sorted(twice))}")
    scores = tuple(row for e in ordered for row in _score_rows(e))
    dev = {row.benchmark for row in scores if row.role == "dev"}
    outcomes = {
        e.model: outcomes_by_benchmark(e.questions.filter(pl.col("benchmark").is_in(sorted(dev)))) for e in ordered
    }
    return Leaderboard(scores, tuple(ComparisonRow.of(c) for c in compare_all(outcomes)))


def _score_rows(entry: Entry) -> list[ScoreRow]:
    rows = entry.scores.sort("benchmark").to_dicts()
    return [ScoreRow(model=entry.model, recipe=entry.recipe, teacher=entry.teacher, **row) for row in rows]


def _sealed(row: ScoreRow) -> ScoreRow:
    return replace(row, score=None, se=None)


def _ties(pair: ComparisonRow | None) -> bool:
    return (
        pair is not None and pair.difference is not None and pair.se is not None and abs(pair.difference) <= 2 * pair.se
    )
