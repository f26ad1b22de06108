r"""The majority of a question's answers, and the filter that keeps those who say the same (self-consistency,
arXiv 2203.11171).

Belongs here: when two answers say the same, and who wins. The answers are those that the verifier read out of the replies
(`extracted` of a verdict), so no gold answer is needed. Two say the same when they are the same number (`1/2`, `0.50`, `50%`),
or the same text once case, spaces, dollar signs and TeX's spacing are taken away. Contract: each trace has one vote; the
most votes win, a tie goes to the answer that holds the lowest sample. Pure; raises nothing.
"""

from __future__ import annotations

import re
import unicodedata

import polars as pl

from ot_assets.distillation.funnel import Funnel
from ot_assets.registry.specs.answer_filter import Majority
from ot_assets.verification.numbers import as_number

MINORITY = "minority"
NO_VOTE = "no_vote"
NO_MAJORITY = "no_majority"

_SPACING = re.compile(r"\\(?:left|right|displaystyle|,|;|!|:|quad|qquad)(?![A-Za-z])|[\s$]+|\\ ")
_WRAPPED = re.compile(r"\\(?:boxed|text|mathrm|mathbf|textbf)\{([^{}]*)\}")
_VARIANT = re.compile(r"\\[dt]frac(?![A-Za-z])")


def vote_of(extracted: str) -> str:
    """What an extracted answer stands for: equal for answers that say the same."""
    number = as_number(extracted)
    if number is not None:
        return f"={number}"
    text = _VARIANT.sub(r"\\frac", unicodedata.normalize("NFKC", extracted))
    while (bare := _WRAPPED.sub(r"\1", text)) != text:
        text = bare
    text = _SPACING.sub("", text).rstrip(".").casefold()
    number = as_number(text)
    return f"={number}" if number is not None else text


def majority(step: Majority, funnel: Funnel) -> None:
    """Drops answers that say something else than most do, and whole questions that have no majority."""
    funnel.need_answers()
    _vote(funnel)
    funnel.drop(pl.col("_vote").is_null(), NO_VOTE, note=pl.lit("no answer could be read out of it"))
    _count(funnel)
    share = pl.col("_most") / pl.col("_of")
    score = pl.format("{} of {} say {}", "_most", "_of", _quoted("_winner"))
    if step.share:
        said = pl.format(f"{{}}, more than {step.share:g} of them is needed", score)
        funnel.drop(share <= step.share, NO_MAJORITY, figure=share, note=said)
    own = pl.format("{}, {} say {}", score, "_votes", _quoted("extracted"))
    funnel.drop(
        pl.col("_vote") != pl.col("_won"),
        MINORITY,
        figure=pl.col("_votes") / pl.col("_of"),
        note=own,
        lost_to=pl.col("_first"),
    )
    funnel.without("_vote", "_votes", "_of", "_most", "_won", "_winner", "_first")


def _vote(funnel: Funnel) -> None:
    distinct = funnel.frame.get_column("extracted").drop_nulls().unique().to_list()
    votes = pl.DataFrame(
        {"extracted": distinct, "_vote": [vote_of(text) or None for text in distinct]},
        schema={"extracted": pl.String, "_vote": pl.String},
    )
    funnel.frame = funnel.frame.join(votes, on="extracted", how="left", maintain_order="left")


def _count(funnel: Funnel) -> None:
    """Adds the votes for a row's own answer, all votes of its question, and the winner: answer, votes, first trace."""
    frame = funnel.frame.with_columns(pl.len().over("question_id", "_vote").alias("_votes"))
    best = (
        frame.sort("question_id", "_votes", "sample_index", descending=[False, True, False], maintain_order=True)
        .group_by("question_id", maintain_order=True)
        .agg(
            pl.len().alias("_of"),
            pl.col("_votes").first().alias("_most"),
            pl.col("_vote").first().alias("_won"),
            pl.col("extracted").first().alias("_winner"),
            pl.col("trace_id").first().alias("_first"),
        )
    )
    funnel.frame = frame.join(best, on="question_id", how="left", maintain_order="left")


def _quoted(column: str) -> pl.Expr:
    """An answer as a note shows it, on one line and cut."""
    line = pl.col(column).str.replace_all(r"\s+", " ")
    short = pl.when(line.str.len_chars() > 60).then(pl.concat_str(line.str.head(59), pl.lit("…"))).otherwise(line)
    return pl.concat_str(pl.lit("'"), short, pl.lit("'"))
