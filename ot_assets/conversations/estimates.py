"""Labels to estimates: what a message's labels say, and how sure that is.

Belongs here: means with intervals, and the spam rate of each person. What a model makes of who tends to say what is in
`raters`. Contract: an interval is Wilson's (E. B. Wilson, 1927) for labels that are yes or no; for the others Student's
t with the spread of that label within messages, pooled over all messages that several persons labelled: three values of
one message say too little about their own spread (and nothing where all three are equal). Both take answers for
independent. Bounds are null where there is nothing to compute them from, and never outside [0, 1]. Labels that an
import brought as sums have their mean and count, and take the spread of what was labelled here. Pure; raises nothing
for frames of the schemas.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ot_assets.conversations.intervals import LEVEL, wilson
from ot_assets.conversations.raters import TWO_VALUED, RaterModel
from ot_assets.conversations.rows import TreeRows


def estimates(rows: TreeRows, *, level: float = LEVEL, tasks_only: bool = False) -> pl.DataFrame:
    """One row a message and label: message_id, label, count, mean, low, high, method (`wilson`, `t` or `none`).

    `tasks_only`: only answers to labelling tasks, which are what reviews stand on; else free labels and an import's
    sums too.
    """
    given = rows.labels.filter("task") if tasks_only else rows.labels
    own = given.group_by("message_id", label="name").agg(
        own=pl.len().cast(pl.Int64),
        mean=pl.col("value").mean(),
        squares=((pl.col("value") - pl.col("value").mean()) ** 2).sum(),
        between=((pl.col("value") > 0) & (pl.col("value") < 1)).any(),
    )
    if tasks_only:
        found = own.with_columns(count="own")
    else:
        sums = (
            rows.messages.select("message_id", "labels")
            .explode("labels")
            .unnest("labels")
            .filter(pl.col("name").is_not_null())
            .select("message_id", "count", pl.col("value").alias("mean"), label="name")
        )
        found = sums.join(own.drop("mean"), on=["message_id", "label"], how="left")
    found = found.join(_spread(own, level), on="label", how="left")
    yes_no = pl.col("label").is_in(TWO_VALUED) & ~pl.col("between").fill_null(False)
    low, high = wilson(pl.col("mean"), pl.col("count"), level)
    half = pl.col("t") * pl.col("spread") / pl.col("count").sqrt()
    return (
        found.with_columns(
            method=pl.when(yes_no)
            .then(pl.lit("wilson"))
            .when(half.is_not_null())
            .then(pl.lit("t"))
            .otherwise(pl.lit("none"))
        )
        .with_columns(
            low=pl.when(yes_no).then(low).otherwise((pl.col("mean") - half).clip(0, 1)),
            high=pl.when(yes_no).then(high).otherwise((pl.col("mean") + half).clip(0, 1)),
        )
        .select("message_id", "label", "count", "mean", "low", "high", "method")
        .sort("message_id", "label")
    )


def overall(rows: TreeRows, *, level: float = LEVEL) -> pl.DataFrame:
    """One row a label: label, messages, mean, low, high: the mean over messages of their means, with its own t
    interval.
    """
    from scipy import stats

    means = (
        rows.messages.select("message_id", "labels")
        .explode("labels")
        .unnest("labels")
        .filter(pl.col("name").is_not_null())
        .group_by(label="name")
        .agg(messages=pl.len().cast(pl.Int64), mean=pl.col("value").mean(), sd=pl.col("value").std())
        .sort("label")
    )
    quantiles = stats.t.ppf((1 + level) / 2, means["messages"].to_numpy() - 1)
    half = pl.Series(quantiles, nan_to_null=True, dtype=pl.Float64) * means["sd"] / means["messages"].sqrt()
    return means.with_columns(low=(means["mean"] - half).clip(0, 1), high=(means["mean"] + half).clip(0, 1)).drop("sd")


def spam_rates(rows: TreeRows, model: RaterModel | None = None, *, level: float = LEVEL) -> pl.DataFrame:
    """One row a person, the highest rate first: how much of what they wrote others took for spam, and how often they
    say it.

    user_id; written (messages of theirs that were labelled), rate, low, high (Wilson's over messages, each counting as
    its mean), by_model (the same by a rater model of `spam`, null without one); answered (their own answers), said
    (share that says spam).
    """
    spam = rows.labels.filter(pl.col("name") == "spam")
    authors = rows.messages.select("message_id", "user_id")
    per_message = spam.group_by("message_id").agg(mean=pl.col("value").mean())
    if model is not None:
        per_message = per_message.join(model.messages.select("message_id", "estimate"), on="message_id", how="left")
    else:
        per_message = per_message.with_columns(estimate=pl.lit(None, pl.Float64))
    wrote = (
        per_message.join(authors, on="message_id")
        .group_by("user_id")
        .agg(written=pl.len().cast(pl.Int64), rate=pl.col("mean").mean(), by_model=pl.col("estimate").mean())
    )
    low, high = wilson(pl.col("rate"), pl.col("written"), level)
    said = spam.group_by("user_id").agg(answered=pl.len().cast(pl.Int64), said=pl.col("value").mean())
    return (
        wrote.with_columns(low=low, high=high)
        .join(said, on="user_id", how="full", coalesce=True)
        .with_columns(pl.col("written", "answered").fill_null(0))
        .select("user_id", "written", "rate", "low", "high", "by_model", "answered", "said")
        .sort("rate", "written", "user_id", descending=[True, True, False], nulls_last=True)
    )


def _spread(own: pl.DataFrame, level: float) -> pl.DataFrame:
    """Label -> the spread within messages, pooled, and Student's quantile for it; null where no message has two
    answers.
    """
    from scipy import stats

    found = own.group_by("label").agg(freedom=pl.col("own").sum() - pl.len(), squares=pl.col("squares").sum())
    found = found.filter(pl.col("freedom") > 0)
    freedom = found["freedom"].to_numpy().astype(np.float64)
    return found.select(
        "label",
        spread=(pl.col("squares") / pl.col("freedom")).sqrt(),
        t=pl.Series(stats.t.ppf((1 + level) / 2, freedom), dtype=pl.Float64),
    )
