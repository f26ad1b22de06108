"""Scores of one model on its benchmarks."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ot_assets.quality.drift import kept_share, largest_change
from ot_assets.quality.rules import Bounds, Drift, Rule, Suite, SuiteContext, ids_rule, rows_rule, share

REPLIES = pl.col("questions") * pl.col("repeats")
FEWEST = 20
"""Questions below which hardly any difference between two models can be shown."""


def suite(context: SuiteContext, columns: Collection[str]) -> Suite:
    """Rules on rows of `schemas.EvalScores`."""
    score, se = pl.col("score"), pl.col("se")
    few = pl.col("questions") < FEWEST
    lost = pl.col("missing") > 0.05 * REPLIES
    rules = (
        rows_rule(context.rows),
        ids_rule("benchmark"),
        Rule("scored_share", "Every benchmark has a score", share(score.is_not_null()), Bounds(low=1), score.is_null()),
        Rule("lowest_score", "No score is below 0", score.min(), Bounds(low=0), score < 0),
        Rule("highest_score", "No score is above 1", score.max(), Bounds(high=1), score > 1),
        Rule(
            "missing_share",
            "At most 5 % of the replies are missing",
            pl.when(REPLIES.sum() > 0).then(pl.col("missing").sum() / REPLIES.sum()),
            Bounds(high=0.05),
            lost,
        ),
        Rule("largest_error", "No standard error is above 0.1", se.max(), Bounds(high=0.1), se > 0.1),
        Rule(
            "fewest_questions",
            f"Every benchmark has at least {FEWEST} questions",
            pl.col("questions").min(),
            Bounds(low=FEWEST),
            few,
        ),
        Rule("saturated_share", "Not every score is within 2 points of 1", share(score >= 0.98), Bounds(high=0.99)),
    )
    return Suite("scores", "benchmark", rules, DRIFTS)


DRIFTS = (
    Drift("kept_share", "Every benchmark that was scored before still is", kept_share("benchmark"), Bounds(low=1)),
    Drift(
        "largest_change",
        "No score moved by more than 20 points",
        largest_change("benchmark", "score"),
        Bounds(high=0.2),
    ),
    Drift(
        "questions_changed",
        "Every benchmark still asks as many questions",
        largest_change("benchmark", "questions"),
        Bounds(high=0),
    ),
)
