"""Verdicts on the traces of one teacher and source."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ot_assets.quality.drift import change, ratio
from ot_assets.quality.rules import Bounds, Drift, Rule, Suite, SuiteContext, ids_rule, rows_rule, share

FAILED = pl.col("verdict") == "verifier_failed"
UNVERIFIABLE = pl.col("verdict") == "unverifiable"
JUDGED = pl.col("verdict").is_in(["correct", "wrong"])
CORRECT = share(pl.col("verdict") == "correct", JUDGED)


def suite(context: SuiteContext, columns: Collection[str]) -> Suite:
    """Rules on rows of `schemas.Verdicts`."""
    rules = (
        rows_rule(context.rows),
        ids_rule("trace_id"),
        Rule(
            "failed_share", "The verifier failed on at most 1 % of the traces", share(FAILED), Bounds(high=0.01), FAILED
        ),
        Rule(
            "unverifiable_share",
            "At most half of the traces cannot be verified",
            share(UNVERIFIABLE),
            Bounds(high=0.5),
            UNVERIFIABLE,
        ),
        Rule("correct_share", "At least 1 % of the judged traces are correct", CORRECT, Bounds(low=0.01)),
    )
    return Suite("verdicts", "trace_id", rules, DRIFTS)


DRIFTS = (
    Drift("rows_ratio", "The number of verdicts did not halve", ratio(pl.len()), Bounds(low=0.5)),
    Drift(
        "correct_change", "The share of correct traces moved by at most 20 points", change(CORRECT), Bounds(-0.2, 0.2)
    ),
)
