"""Questions as sourced, screened, mixed or filtered, and those of benchmarks."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ot_assets.quality.drift import change, kept_share, moved_share, ratio
from ot_assets.quality.rules import (
    VALUE,
    Bounds,
    Drift,
    Over,
    Rule,
    Suite,
    SuiteContext,
    blank,
    commonest_share,
    ids_rule,
    licence_rule,
    rows_rule,
    share,
    share_over,
)
from ot_assets.quality.squeezed import squeezed_hash

LONG = 20_000
"""Characters beyond which a question is more likely a dump than a question."""
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


def _repeated(copied: bool) -> Over:
    """Share of the texts that stood before; nulls are none."""
    return Over(lambda rows: _counted(copied, rows), 1 - VALUE.drop_nulls().n_unique() / VALUE.count())


def _counted(copied: bool, rows: int = 0) -> pl.Expr:
    """Copies that fill a part up are meant to be there."""
    squeezed = squeezed_hash("question", rows)
    return pl.when(pl.col("copy") == 0).then(squeezed) if copied else squeezed


def _texts(copied: bool) -> tuple[Rule, ...]:
    broken = pl.col("question").str.contains("\ufffd", literal=True)
    long = pl.col("question").str.len_chars() > LONG
    return (
        Rule(
            "same_text_share",
            "At most 2 % of the questions repeat another one save for case and white space",
            _repeated(copied),
            Bounds(high=0.02),
            key=_counted(copied),
        ),
        Rule(
            "long_share",
            f"At most 1 % of the questions are longer than {LONG:,} characters",
            share_over(long),
            Bounds(high=0.01),
            long,
        ),
        Rule(
            "broken_text_share",
            "At most 1 % of the questions hold undecodable characters",
            share_over(broken),
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
        ratio(Over(lambda rows: pl.col("question").str.len_chars(), VALUE.median())),
        Bounds(0.5, 2),
    ),
    Drift(
        "gold_change",
        "The share of questions with a gold answer fell by at most 5 points",
        change(share(~blank("gold"))),
        Bounds(low=-0.05),
    ),
)
