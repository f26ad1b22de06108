"""Training sets: what a student learns from."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ot_assets.quality.drift import moved_share, ratio
from ot_assets.quality.rules import (
    Bounds,
    Drift,
    Rule,
    Suite,
    SuiteContext,
    commonest_share,
    hashed,
    ids_rule,
    licence_rule,
    rows_rule,
    share,
)

COMPLETION = pl.col("completion").list.last().struct.field("content")
PROMPT = pl.col("prompt").list.last().struct.field("content")
WRONG = pl.col("verdict").is_in(["wrong", "verifier_failed"])


def suite(context: SuiteContext, columns: Collection[str]) -> Suite:
    """Rules on rows of `schemas.TrainingSet`."""
    rules = (
        rows_rule(context.rows),
        ids_rule("example_id"),
        licence_rule(),
        *_texts(context),
        *_tokens(context.max_tokens),
        *_balance(context),
    )
    return Suite("training_set", "example_id", rules, DRIFTS)


def _texts(context: SuiteContext) -> tuple[Rule, ...]:
    pair = hashed(PROMPT, COMPLETION)
    empty = COMPLETION.fill_null("").str.strip_chars() == ""
    rules = [
        Rule(
            "repeated_share",
            "At most 5 % of the examples repeat another one word for word",
            1 - pair.n_unique() / pl.len(),
            Bounds(high=0.05),
            key=pair,
        ),
        Rule("empty_share", "No completion is empty", share(empty), Bounds(high=0), empty),
    ]
    if context.closing_tag is not None:
        open_ended = ~COMPLETION.str.contains(context.closing_tag, literal=True)
        says = f"At least three quarters of the completions end their reasoning with {context.closing_tag}"
        rules.append(Rule("closed_share", says, share(~open_ended), Bounds(low=0.75), open_ended))
    return tuple(rules)


def _tokens(max_tokens: int | None) -> tuple[Rule, ...]:
    completion, whole = pl.col("completion_tokens"), pl.col("prompt_tokens") + pl.col("completion_tokens")
    least = Rule(
        "least_tokens", "Every completion has at least 1 token", completion.min(), Bounds(low=1), completion < 1
    )
    if max_tokens is None:
        return (least,)
    says = f"No example has more than {max_tokens:,} tokens, prompt included"
    return (least, Rule("most_tokens", says, whole.max(), Bounds(high=max_tokens), whole > max_tokens))


def _balance(context: SuiteContext) -> tuple[Rule, ...]:
    rules = [
        Rule(
            "largest_question_share",
            "No question makes up more than a tenth of a set of 100 examples or more",
            commonest_share("question_id", pl.lit(True), 100),
            Bounds(high=0.1),
        )
    ]
    if context.verified:
        correct = pl.col("verdict") == "correct"
        rules.append(
            Rule(
                "correct_share", "Every example was verified", share(correct), Bounds(low=1), ~correct.fill_null(False)
            )
        )
    else:
        rules.append(
            Rule(
                "wrong_share",
                "At most half of the examples are known to be wrong",
                share(WRONG),
                Bounds(high=0.5),
                WRONG,
            )
        )
    for domain, meant in context.domains:
        bounds = Bounds(max(0.0, meant - 0.1), min(1.0, meant + 0.1))
        says = f"The share of {domain} is within 10 points of the recipe's {meant:.0%}"
        rules.append(Rule(f"{domain}_share", says, share(pl.col("domain") == domain), bounds))
    return tuple(rules)


DRIFTS = (
    Drift("rows_ratio", "The number of examples did not halve or double", ratio(pl.len()), Bounds(0.5, 2)),
    Drift(
        "source_moved",
        "At most a quarter of the examples moved between sources",
        moved_share("source"),
        Bounds(high=0.25),
    ),
    Drift(
        "domain_moved",
        "At most a quarter of the examples moved between domains",
        moved_share("domain"),
        Bounds(high=0.25),
    ),
    Drift(
        "tokens_ratio",
        "The mean number of tokens of a completion did not halve or double",
        ratio(pl.col("completion_tokens").mean()),
        Bounds(0.5, 2),
    ),
)
