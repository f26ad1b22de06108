"""Traces: the answers of one teacher to one source's questions."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ot_assets.quality.drift import change, kept_share, ratio
from ot_assets.quality.rules import (
    Bounds,
    Drift,
    Rule,
    Suite,
    SuiteContext,
    blank,
    hashed,
    ids_rule,
    licence_rule,
    rows_rule,
    share,
)

CUT = pl.col("finish_reason") == "length"


def suite(context: SuiteContext, columns: Collection[str]) -> Suite:
    """Rules on rows of `schemas.Traces`."""
    rules = (rows_rule(context.rows), ids_rule("trace_id"), licence_rule(), *_ends(), *_tokens(context.max_tokens))
    return Suite("traces", "trace_id", rules, DRIFTS)


def _ends() -> tuple[Rule, ...]:
    closed, answered = pl.col("reasoning_closed"), ~blank("answer")
    said = hashed(pl.col("question_id"), pl.col("reasoning"), pl.col("answer"))
    return (
        Rule(
            "cut_share",
            "At most a quarter of the replies were cut at the token limit",
            share(CUT),
            Bounds(high=0.25),
            CUT,
        ),
        Rule(
            "closed_share",
            "At least three quarters of the replies end their reasoning",
            share(closed),
            Bounds(low=0.75),
            ~closed,
        ),
        Rule(
            "answered_share",
            "At least three quarters of the replies hold an answer",
            share(answered),
            Bounds(low=0.75),
            ~answered,
        ),
        Rule(
            "refused_share",
            "At most 1 % of the replies were ended by a content filter",
            share(pl.col("finish_reason") == "content_filter"),
            Bounds(high=0.01),
            pl.col("finish_reason") == "content_filter",
        ),
        Rule(
            "repeated_share",
            "At most half of the answers repeat another answer to the same question word for word",
            1 - said.n_unique() / pl.len(),
            Bounds(high=0.5),
            key=said,
        ),
    )


def _tokens(max_tokens: int | None) -> tuple[Rule, ...]:
    tokens = pl.col("completion_tokens")
    median = Rule("median_tokens", "The median reply has at least 1 token", tokens.median(), Bounds(low=1))
    if max_tokens is None:
        return (median,)
    bounds = Bounds(high=max_tokens)
    longest = Rule(
        "most_tokens", f"No reply has more than {max_tokens:,} tokens", tokens.max(), bounds, tokens > max_tokens
    )
    return (median, longest)


DRIFTS = (
    Drift("rows_ratio", "The number of traces did not halve", ratio(pl.len()), Bounds(low=0.5)),
    Drift(
        "kept_share", "At least half of the previous traces are still there", kept_share("trace_id"), Bounds(low=0.5)
    ),
    Drift("cut_change", "The share of cut replies rose by at most 10 points", change(share(CUT)), Bounds(high=0.1)),
    Drift(
        "tokens_ratio",
        "The median number of tokens of a reply did not halve or double",
        ratio(pl.col("completion_tokens").median()),
        Bounds(0.5, 2),
    ),
)
