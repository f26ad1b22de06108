"""Rules about a text as such: `length` in characters, and `garbled` for bytes that were read as text.

Belongs here: figures of a text that need no reading. Pure, and over whole columns.
"""

from __future__ import annotations

import polars as pl

from ot_assets.registry.specs.clean import Garbled, Length

_NOT_TEXT = r"[\x{0}-\x{8}\x{b}\x{e}-\x{1f}\x{7f}-\x{84}\x{86}-\x{9f}\x{fffd}]"
"""Control characters but for white space, and what a decoder puts for bytes that it cannot read."""


def length(questions: pl.DataFrame, rule: Length) -> pl.Series:
    """Questions that are too short or too long, white space around them not counted."""
    number = pl.col("question").str.strip_chars().str.len_chars()
    said = (
        pl.when(number < (rule.min or 0))
        .then(pl.format("{} characters, fewer than " + f"{rule.min}", number))
        .when(number > (rule.max or 2**62))
        .then(pl.format("{} characters, more than " + f"{rule.max}", number))
    )
    return questions.select(said.alias("note")).get_column("note")


def garbled(questions: pl.DataFrame, rule: Garbled) -> pl.Series:
    """Questions with too large a share of characters that are no text."""
    question = pl.col("question")
    share = question.str.count_matches(_NOT_TEXT) / question.str.len_chars().clip(1)
    said = pl.when(share > rule.share).then(pl.format("{} % control or replacement characters", (share * 100).round(1)))
    return questions.select(said.alias("note")).get_column("note")
