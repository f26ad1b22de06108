"""Scores of one source's questions: is there a figure for nearly all, and does it tell questions apart?"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ot_assets.quality.drift import kept_share, ratio
from ot_assets.quality.rules import Bounds, Drift, Rule, Suite, SuiteContext, ids_rule, rows_rule, share

FEWEST = 20
"""Questions below which equal scores may well be right."""


def suite(context: SuiteContext, columns: Collection[str]) -> Suite:
    """Rules on rows of `schemas.QuestionScores`: two a score."""
    rules = [rows_rule(Bounds(low=0)), ids_rule("question_id")]
    for name in columns:
        if name != "question_id":
            rules += _rules(name)
    return Suite("question_scores", "question_id", tuple(rules), DRIFTS)


def _rules(name: str) -> list[Rule]:
    score = pl.col(name)
    values = pl.when(score.is_not_null().sum() >= FEWEST).then(score.drop_nulls().n_unique())
    return [
        Rule(
            f"null_share {name}",
            f"At most 10 % of the questions have no {name}",
            share(score.is_null()),
            Bounds(high=0.1),
            score.is_null(),
        ),
        Rule(f"values {name}", f"Not every question has the same {name}", values, Bounds(low=2)),
    ]


DRIFTS = (
    Drift("rows_ratio", "The number of questions did not halve", ratio(pl.len()), Bounds(low=0.5)),
    Drift(
        "kept_share",
        "At least half of the questions that were scored before still are",
        kept_share("question_id"),
        Bounds(low=0.5),
    ),
)
