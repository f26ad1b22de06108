"""How much ballots agree with each other and with the merged order: Kendall's tau on positions.

Belongs here: frames of one row a ballot and one row a pair of ballots, counted over whole tables at once. Tau is (pairs
in the same order - pairs in the other) / all pairs, over the messages that both sides have; null where these are fewer
than two. It compares positions: Open-Assistant's `ranking_disagreement.py` compares lists of ids place by place, which
is -1 instead of 1/3 for b > a > c and b > c > a. Contract: `agreement` is (1 + tau) / 2, a ballot is `good` above 0.5.
Pure; raises nothing for frames of the schemas.
"""

from __future__ import annotations

import polars as pl

from ot_assets.conversations.agreement import GOOD


def ballot_agreement(ballots: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """One row a ballot, in their order: `compared` messages, and its tau, agreement and good with the merged order.

    The merged order is that of `messages`' ranks; messages without one are not compared.
    """
    ranks = messages.filter(pl.col("rank").is_not_null()).select("message_id", "rank")
    placed = _places(ballots).join(ranks, on="message_id", how="inner")
    compared = placed.group_by("event_id").agg(pl.len().alias("compared"))
    signs = _pairs(placed, ["event_id"]).select(
        "event_id", same=(pl.col("place") - pl.col("place_b")).sign() * (pl.col("rank") - pl.col("rank_b")).sign()
    )
    tau = signs.group_by("event_id").agg(pl.col("same").mean().alias("tau"))
    return (
        ballots.select("event_id", "tree_id", "parent_id", "user_id", "at")
        .join(compared, on="event_id", how="left", maintain_order="left")
        .join(tau, on="event_id", how="left", maintain_order="left")
        .with_columns(pl.col("compared").fill_null(0).cast(pl.Int64), agreement=(1 + pl.col("tau")) / 2)
        .with_columns(good=pl.col("agreement") > GOOD)
    )


def between_ballots(ballots: pl.DataFrame) -> pl.DataFrame:
    """One row a pair of ballots on the replies to one message: `parent_id`, `one`, `other` (events), `compared` pairs,
    `tau`.
    """
    placed = _places(ballots)
    pairs = _pairs(placed, ["event_id"], also=["parent_id"]).select(
        "parent_id", "event_id", "message_id", "message_id_b", sign=(pl.col("place_b") - pl.col("place")).sign()
    )
    met = pairs.join(pairs, on=["parent_id", "message_id", "message_id_b"], suffix="_other")
    return (
        met.filter(pl.col("event_id") < pl.col("event_id_other"))
        .group_by("parent_id", "event_id", "event_id_other")
        .agg(pl.len().cast(pl.Int64).alias("compared"), (pl.col("sign") * pl.col("sign_other")).mean().alias("tau"))
        .rename({"event_id": "one", "event_id_other": "other"})
        .sort("parent_id", "one", "other")
    )


def _places(ballots: pl.DataFrame) -> pl.DataFrame:
    """One row a message of a ballot, with its place there, 0 the best."""
    return (
        ballots.select("event_id", "parent_id", "ranking", place=pl.int_ranges(pl.col("ranking").list.len()))
        .explode("ranking", "place")
        .rename({"ranking": "message_id"})
        .filter(pl.col("message_id").is_not_null())
    )


def _pairs(placed: pl.DataFrame, within: list[str], also: list[str] | None = None) -> pl.DataFrame:
    """Every two messages of a ballot once, the smaller id first; the second's columns end in `_b`."""
    other = placed.drop(also or [], strict=False)
    return placed.join(other, on=within, suffix="_b").filter(pl.col("message_id") < pl.col("message_id_b"))
