"""Questions as sourced, screened, mixed or filtered, and those of benchmarks."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ot_assets.quality.drift import change, kept_share, moved_share, ratio
from ot_assets.quality.rules import (
    Bounds,
    Drift,
    Query,
    Rule,
    Suite,
    SuiteContext,
    blank,
    commonest_share,
    ids_rule,
    licence_rule,
    rows_rule,
    share,
)

LONG = 20_000
"""Characters beyond which a question is more likely a dump than a question."""
SPACES = [
    chr(code)
    for code in (
        *range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
    )
]  # fmt: skip
"""Unicode's white space (property White_Space), which is what `\\s` means."""
FEWEST_CHOICES = 20
"""Choice questions below which the balance of their answers says nothing."""


def suite(context: SuiteContext, columns: Collection[str]) -> Suite:
    """Rules on rows of `schemas.Questions`, `MixedPool` or `FilteredSet`."""
    key = ("part", "source", "question_id", "copy") if "copy" in columns else ("question_id",)
    rules = (rows_rule(context.rows), ids_rule(*key), licence_rule(), *_answers(), *_texts("copy" in columns))
    return Suite("questions", "question_id", rules, DRIFTS)


def _answers() -> tuple[Rule, ...]:
    judged = ~pl.col("verifier").is_in(["none", "code"])
    return (
        Rule(
            "gold_share",
            "At least 95 % of the questions that a verifier could judge have a gold answer",
            share(~blank("gold"), judged),
            Bounds(low=0.95),
            judged & blank("gold"),
        ),
        Rule(
            "commonest_choice_share",
            "No letter is the right answer of more than 60 % of the choice questions",
            # An unshuffled or wrongly shuffled source puts the right option in one place.
            commonest_share("gold", (pl.col("verifier") == "choice") & ~blank("gold"), FEWEST_CHOICES),
            Bounds(high=0.6),
        ),
        Rule(
            "judged_share",
            "A verifier is named for at least half of the questions",
            share(pl.col("verifier") != "none"),
            Bounds(low=0.5),
            pl.col("verifier") == "none",
        ),
    )


def _repeated(key: pl.Expr) -> Query:
    """Share of the keys that stood before; nulls are none. The keys are made once, since that is what takes time."""
    return lambda rows: rows.select(key=key).select(1 - pl.col("key").drop_nulls().n_unique() / pl.col("key").count())


def _texts(copied: bool) -> tuple[Rule, ...]:
    # A list of characters is looked for in half the time of a pattern.
    squeezed = pl.col("question").str.to_lowercase().str.replace_many(SPACES, [""] * len(SPACES)).hash()
    # Copies that fill a part up are meant to be there.
    counted = pl.when(pl.col("copy") == 0).then(squeezed) if copied else squeezed
    broken = pl.col("question").str.contains("\ufffd", literal=True)
    long = pl.col("question").str.len_chars() > LONG
    return (
        Rule(
            "same_text_share",
            "At most 2 % of the questions repeat another one save for case and white space",
            _repeated(counted),
            Bounds(high=0.02),
            key=counted,
        ),
        Rule(
            "long_share",
            f"At most 1 % of the questions are longer than {LONG:,} characters",
            share(long),
            Bounds(high=0.01),
            long,
        ),
        Rule(
            "broken_text_share",
            "At most 1 % of the questions hold undecodable characters",
            share(broken),
            Bounds(high=0.01),
            broken,
        ),
    )


DRIFTS = (
    Drift("rows_ratio", "The number of rows did not halve or double", ratio(pl.len()), Bounds(0.5, 2)),
    Drift(
        "kept_share",
        "At least half of the previous questions are still there",
        kept_share("question_id"),
        Bounds(low=0.5),
    ),
    Drift(
        "domain_moved", "At most a quarter of the rows moved between domains", moved_share("domain"), Bounds(high=0.25)
    ),
    Drift(
        "length_ratio",
        "The median length of a question did not halve or double",
        ratio(pl.col("question").str.len_chars().median()),
        Bounds(0.5, 2),
    ),
    Drift(
        "gold_change",
        "The share of questions with a gold answer fell by at most 5 points",
        change(share(~blank("gold"))),
        Bounds(low=-0.05),
    ),
)
