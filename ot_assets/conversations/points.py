"""Points, levels, streaks and the troll score: what people get for what they did, and for which part of it.

Belongs here: Open-Assistant's formulas (`backend/oasst_backend/models/user_stats.py`, `troll_stats.py`,
`user_stats_repository.py`), counted from rows. One row of `Points.parts` says how often a person did a thing in a
window and how many points that gave; a score is their sum, so that everybody can see where each point comes from
(`explained`). Windows end at `now` and begin 24 hours before (`day`), or at midnight, UTC, 7 (`week`) or 30 (`month`)
days before; `total` has no beginning. What counts, as in the original: messages that are not deleted, when they were
written; labels and ballots, when they were given; `ranked_1` to `_3` are places on raw ballots, when these were cast.
An answer to a labelling task is full where it says more than `SIMPLE`. Unlike the original, `rankings_good` is counted:
a ballot whose order agrees with the merged one (`good_rankings: agreement`); `never` gives none. Contract: pure, the
same for the same frames and `now`; imported trees give no points unless asked for. Raises nothing for frames of the
schemas.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Literal

import polars as pl

from ot_assets.conversations.concordance import ballot_agreement
from ot_assets.conversations.rows import TreeRows
from schemas.conversations import TIME

WINDOWS = ("day", "week", "month", "total")
SIMPLE = ("spam", "fails_task", "lang_mismatch")
"""What a short labelling task asks; an answer that says more is a full one."""
_TOP = 6000
_STREAK_ENDS = timedelta(hours=36)


@dataclass(frozen=True)
class Part:
    """What gives points: `points` for every `per` of it."""

    name: str
    points: int
    words: str
    per: int = 1


PARTS = (
    Part("prompts", 1, "prompts", per=10),
    Part("assistant_replies", 4, "replies as the assistant"),
    Part("prompter_replies", 1, "replies as the prompter"),
    Part("labels_simple", 1, "short labelling tasks"),
    Part("labels_full", 2, "full labelling tasks"),
    Part("rankings", 1, "rankings"),
    Part("rankings_good", 1, "rankings that agree with the merged order"),
    Part("accepted_prompts", 1, "prompts that were accepted", per=10),
    Part("accepted_assistant_replies", 4, "replies as the assistant that were accepted"),
    Part("accepted_prompter_replies", 1, "replies as the prompter that were accepted"),
    Part("ranked_1", 9, "times put first by a ranking"),
    Part("ranked_2", 3, "times put second by a ranking"),
    Part("ranked_3", 1, "times put third by a ranking"),
)
"""The whole score."""
LEVELS = (
    0,
    *(round(sum_) for sum_ in accumulate(1.1521 * k + 3 for k in range(1, 200)) if round(sum_) <= _TOP),
)
"""Points at which each level begins; the level is how many of them are reached."""


@dataclass(frozen=True)
class Points:
    """Who has how many points. `standings`: a row a person and window, best first; `parts`: a row a person, window and
    part.
    """

    now: datetime | None
    standings: pl.DataFrame
    """window, user_id, score, level, next_at (null at the top), rank (null for those who are disabled)."""
    parts: pl.DataFrame
    """window, user_id, part, count, points."""


def level_of(score: int) -> int:
    """The level, from 1."""
    return sum(limit <= score for limit in LEVELS)


def window_starts(now: datetime | None) -> dict[str, datetime | None]:
    """Window -> when it begins; None for no beginning."""
    if now is None:
        return dict.fromkeys(WINDOWS)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "day": now - timedelta(days=1),
        "week": midnight - timedelta(days=7),
        "month": midnight - timedelta(days=30),
        "total": None,
    }


def within(column: str, now: datetime | None, since: datetime | None) -> pl.Expr:
    """Whether a time is in a window."""
    until = pl.col(column) <= pl.lit(now, TIME)
    return until if since is None else until & (pl.col(column) >= since)


def points(
    rows: TreeRows,
    *,
    now: datetime | None = None,
    good_rankings: Literal["agreement", "never"] = "agreement",
    disabled: Collection[str] = (),
    imported: bool = False,
) -> Points:
    """Everybody's points. `now`: None is the time of the last thing that counts. `disabled` persons have no rank."""
    deeds = _deeds(rows, good_rankings, imported)
    now = now if now is not None else _last(deeds)
    windows = [
        deeds.filter(within("at", now, since))
        .group_by("user_id", "part")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .select(pl.lit(window).alias("window"), "user_id", "part", "count")
        for window, since in window_starts(now).items()
    ]
    worth = pl.DataFrame(
        {"part": [p.name for p in PARTS], "each": [p.points for p in PARTS], "per": [p.per for p in PARTS]}
    )
    parts = (
        pl.concat(windows)
        .join(worth.with_row_index("place"), on="part")
        .with_columns(points=pl.col("count") // pl.col("per") * pl.col("each"))
        .sort(_by_window(), "user_id", "place")
        .select("window", "user_id", "part", "count", "points")
    )
    return Points(now, _standings(parts, disabled), parts)


def explained(found: Points, user_id: str, window: str = "total") -> list[str]:
    """A person's points in words, a line a part: `replies as the assistant: 12, 4 each: 48 points`."""
    mine = found.parts.filter(pl.col("user_id") == user_id, pl.col("window") == window)
    by_name = {part.name: part for part in PARTS}
    return [
        _line(by_name[name], count, worth) for name, count, worth in mine.select("part", "count", "points").iter_rows()
    ]


def streaks(rows: TreeRows, *, now: datetime | None = None, imported: bool = False) -> pl.DataFrame:
    """A row a person: user_id, days (whole days of the streak that still runs, else 0), since, last_at, longest (days).

    A streak ends after 36 hours without a message, an answer to a labelling task, or a ballot.
    """
    deeds = _active(rows, imported)
    now = now if now is not None else _last(deeds)
    runs = (
        deeds.filter(within("at", now, None))
        .sort("user_id", "at")
        .with_columns(
            run=(pl.col("at").diff().over("user_id") > _STREAK_ENDS).fill_null(False).cum_sum().over("user_id")
        )
        .group_by("user_id", "run")
        .agg(since=pl.col("at").min(), last_at=pl.col("at").max())
        .with_columns(days=(pl.col("last_at") - pl.col("since")).dt.total_days())
        .sort("user_id", "run")
    )
    running = pl.lit(now, TIME) - pl.col("last_at") <= _STREAK_ENDS
    return (
        runs.group_by("user_id", maintain_order=True)
        .agg(pl.col("since", "last_at", "days").last(), longest=pl.col("days").max())
        .with_columns(
            pl.when(running).then("days").otherwise(0).alias("days"), pl.when(running).then("since").alias("since")
        )
        .select("user_id", "days", "since", "last_at", "longest")
    )


def _deeds(rows: TreeRows, good_rankings: str, imported: bool) -> pl.DataFrame:
    """One row a thing that counts: user_id, at, part."""
    messages, ballots = _messages(rows, imported), rows.ballots
    written = messages.filter(~pl.col("deleted")).select(
        "user_id",
        pl.col("created_at").alias("at"),
        "review_result",
        part=pl.when(pl.col("parent_id").is_null()).then(pl.lit("prompts")).otherwise(pl.col("role") + "_replies"),
    )
    accepted = written.filter(pl.col("review_result")).with_columns(part="accepted_" + pl.col("part"))
    tasks = _tasks(rows).with_columns(
        part=pl.when("full").then(pl.lit("labels_full")).otherwise(pl.lit("labels_simple"))
    )
    cast = ballots.select("user_id", "at", part=pl.lit("rankings"))
    good = ballot_agreement(ballots, rows.messages).filter("good").select("user_id", "at", part=pl.lit("rankings_good"))
    authors = messages.select("message_id", author="user_id")
    placed = [
        ballots.select("at", message_id=pl.col("ranking").list.get(place, null_on_oob=True))
        .join(authors, on="message_id")
        .select(user_id="author", at="at", part=pl.lit(f"ranked_{place + 1}"))
        for place in range(3)
    ]
    columns = ["user_id", "at", "part"]
    found = [written, accepted, tasks, cast, *([good] if good_rankings == "agreement" else []), *placed]
    return pl.concat([one.select(columns) for one in found])


def _tasks(rows: TreeRows) -> pl.DataFrame:
    """One row an answer to a labelling task: user_id, at, full."""
    return (
        rows.labels.filter("task")
        .group_by("event_id", "message_id", "user_id")
        .agg(pl.col("at").first(), full=~pl.col("name").is_in(SIMPLE).all())
        .select("user_id", "at", "full")
    )


def _messages(rows: TreeRows, imported: bool) -> pl.DataFrame:
    if imported:
        return rows.messages
    return rows.messages.join(
        rows.trees.filter(pl.col("origin") == "crowd").select("tree_id"), on="tree_id", how="semi"
    )


def _active(rows: TreeRows, imported: bool) -> pl.DataFrame:
    written = _messages(rows, imported).select("user_id", at="created_at")
    return pl.concat([written, _tasks(rows).select("user_id", "at"), rows.ballots.select("user_id", "at")])


def _last(deeds: pl.DataFrame) -> datetime | None:
    last = deeds["at"].max()
    return last if isinstance(last, datetime) else None


def _by_window() -> pl.Expr:
    return pl.col("window").replace_strict(WINDOWS, range(len(WINDOWS)), return_dtype=pl.Int64)


def _standings(parts: pl.DataFrame, disabled: Collection[str]) -> pl.DataFrame:
    scores = parts.group_by("window", "user_id").agg(score=pl.col("points").sum())
    limits = pl.DataFrame({"limit": LEVELS, "level": range(1, len(LEVELS) + 1)}).with_columns(
        next_at=pl.col("limit").shift(-1)
    )
    hidden = pl.col("user_id").is_in(list(disabled))
    return (
        scores.sort("score")
        .join_asof(limits, left_on="score", right_on="limit")
        .sort(_by_window(), -pl.col("score"), "user_id")
        .with_columns(rank=pl.when(~hidden).then((~hidden).cum_sum().over("window")).cast(pl.Int64))
        .select("window", "user_id", "score", "level", "next_at", "rank")
    )


def _line(part: Part, count: int, worth: int) -> str:
    each = f"{part.points} for every {part.per}" if part.per > 1 else f"{part.points} each"
    return f"{part.words}: {count:,}, {each}: {worth:,} point{'' if worth == 1 else 's'}"
