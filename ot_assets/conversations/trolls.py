"""The troll score: how much others complained of what a person wrote.

Belongs here: Open-Assistant's sum (`backend/oasst_backend/models/troll_stats.py`): 3 for a red flag, 1 for a thumb
down, a prompt whose tree was aborted, and every label that says lang_mismatch, not_appropriate, pii, hate_speech,
sexual_content or political_content, less 1 for a thumb up. Windows are those of `points`, by when the message was
written. Two faults of the original are repaired unless `as_original`: it counts labels of messages that have an emoji
only, and forgets what was said of a message once it is deleted, so that whose replies were removed for their red flags
has none. Labels of `spam` are summed beside the score and, as in the original, are not part of it. Contract: pure; who
wrote nothing in a window has no row there. A high score is a reason to look at what somebody wrote, not a verdict.
Raises nothing for frames of the schemas.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from ot_assets.conversations.points import WINDOWS, window_starts, within
from ot_assets.conversations.rows import TreeRows

COMPLAINTS = ("lang_mismatch", "not_appropriate", "pii", "hate_speech", "sexual_content", "political_content")
"""Labels whose values are summed into the score."""


def troll_scores(rows: TreeRows, *, now: datetime | None = None, as_original: bool = False) -> pl.DataFrame:
    """window, user_id, score, rank (1 the highest score), red_flags, upvotes, downvotes, aborted_prompts, the labels'
    sums, spam.

    `now`: None is the time of the last message.
    """
    said = _said_of(rows, as_original)
    if now is None:
        last = said["created_at"].max()
        now = last if isinstance(last, datetime) else None
    counts = [name for name in said.columns if name not in ("user_id", "created_at")]
    windows = [
        said.filter(within("created_at", now, since))
        .group_by("user_id")
        .agg(pl.col(counts).sum())
        .select(pl.lit(window).alias("window"), "user_id", *counts)
        for window, since in window_starts(now).items()
    ]
    score = 3 * pl.col("red_flags") - pl.col("upvotes") + pl.col("downvotes") + pl.col("aborted_prompts")
    place = pl.col("window").replace_strict(WINDOWS, range(len(WINDOWS)), return_dtype=pl.Int64)
    return (
        pl.concat(windows)
        .with_columns(score=score + pl.sum_horizontal(COMPLAINTS))
        .sort(place, -pl.col("score"), "user_id")
        .with_columns(rank=pl.int_range(1, pl.len() + 1).over("window"))
        .select("window", "user_id", "score", "rank", *counts)
    )


def _said_of(rows: TreeRows, as_original: bool) -> pl.DataFrame:
    """One row a message: its author and time, and what was said of it."""
    messages = rows.messages
    emojis = {"red_flag": "red_flags", "+1": "upvotes", "-1": "downvotes"}
    heard = messages.filter(~pl.col("deleted")) if as_original else messages
    counted = heard.select("message_id", "emojis").explode("emojis").unnest("emojis")
    by_emoji = [
        counted.filter(pl.col("name") == emoji).select("message_id", pl.col("count").alias(column))
        for emoji, column in emojis.items()
    ]
    if as_original:
        heard = heard.filter(pl.col("emojis").list.len() > 0)
    labels = rows.labels.join(heard.select("message_id"), on="message_id", how="semi")
    by_label = [
        labels.filter(pl.col("name") == label).group_by("message_id").agg(pl.col("value").sum().alias(label))
        for label in (*COMPLAINTS, "spam")
    ]
    aborted = (pl.col("parent_id").is_null() & (pl.col("tree_state") == "aborted_low_grade")).cast(pl.Int64)
    found = messages.select("message_id", "user_id", "created_at", aborted_prompts=aborted)
    for one in (*by_emoji, *by_label):
        found = found.join(one, on="message_id", how="left")
    return found.drop("message_id").fill_null(0)
