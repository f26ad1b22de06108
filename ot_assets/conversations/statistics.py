"""Figures of conversations: trees, messages, labels, people, agreement of rankers, and how long trees take.

Belongs here: small frames, counted from the rows of `conversation_trees`, of one language or of several together, and
`figures`, the few that stand above all. Points are in `points`, estimates of labels in `estimates`, topics in `topics`.
Contract: imported trees count like the others, except in `waits` and `completion`: their states were not reached here.
Shares are from 0 to 1, times are in hours. Pure; raises nothing for frames of the schemas, an empty one included.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ot_assets.conversations.agreement import ENOUGH_BALLOTS
from ot_assets.conversations.concordance import ballot_agreement, between_ballots
from ot_assets.conversations.rows import TreeRows
from ot_assets.conversations.state import FINAL, STATES
from ot_assets.previews import preview_table

_TOPS = (0.01, 0.05, 0.1)
_QUANTILES = {"p10": 0.1, "median": 0.5, "p90": 0.9}


def figures(rows: TreeRows) -> Mapping[str, int | float]:
    """The figures that stand above all others, by name."""
    messages, people = rows.messages, concentration(contributions(rows))
    done = completion(rows)
    found: dict[str, int | float | None] = {
        "trees": len(rows.trees),
        "trees ready for export": int((rows.trees["state"] == "ready_for_export").sum()),
        "messages": len(messages),
        "messages accepted": int((messages["review_result"].fill_null(False) & ~messages["deleted"]).sum()),
        "people": people.people,
        "labels": len(rows.labels),
        "ballots": len(rows.ballots),
        "agreement of ballots with the merged order": agreement(rows).merged,
        "share of what the most active tenth did": people.top.get(0.1),
        "median hours to completion": done.hours.get("median"),
    }
    return {name: value for name, value in found.items() if value is not None}


def overview(rows: TreeRows, above: Mapping[str, int | float]) -> str:
    """The figures (`figures`), trees by state, and messages by role and depth, as tables of markdown."""
    told = [f"{value:,.3g}" if isinstance(value, float) else f"{value:,}" for value in above.values()]
    few = pl.DataFrame({"figure": list(above), "value": told})
    return "\n\n".join(
        preview_table(frame, rows=100, width=60)
        for frame in (few, trees_by_state(rows), messages_by_role_and_depth(rows))
    )


def trees_by_state(rows: TreeRows) -> pl.DataFrame:
    """language, state, trees, messages, accepted; languages with most trees first, states in the order of a tree's
    life.
    """
    order = ("initial_prompt_review", "prompt_lottery_waiting", "growing", "backlog_ranking", "ranking", *STATES)
    places = {state: place for place, state in reversed(list(enumerate(order)))}
    return (
        rows.trees.group_by("language", "state")
        .agg(pl.len().cast(pl.Int64).alias("trees"), pl.col("messages", "accepted").sum())
        .with_columns(all=pl.col("trees").sum().over("language"))
        .sort(-pl.col("all"), "language", pl.col("state").replace_strict(places, return_dtype=pl.Int64))
        .drop("all")
    )


def messages_by_role_and_depth(rows: TreeRows) -> pl.DataFrame:
    """depth, role, messages, accepted, rejected, undecided, deleted, synthetic, ranked, characters (median).

    A deleted message is neither accepted, rejected nor undecided.
    """
    there = ~pl.col("deleted")
    counted = {
        "accepted": there & pl.col("review_result").fill_null(False),
        "rejected": there & ~pl.col("review_result").fill_null(True),
        "undecided": there & pl.col("review_result").is_null(),
        "deleted": pl.col("deleted"),
        "synthetic": pl.col("synthetic"),
        "ranked": pl.col("rank").is_not_null(),
    }
    return (
        rows.messages.group_by("depth", "role")
        .agg(
            pl.len().cast(pl.Int64).alias("messages"),
            *(rule.sum().cast(pl.Int64).alias(name) for name, rule in counted.items()),
            characters=pl.col("text").str.len_chars().median(),
        )
        .sort("depth", "role", descending=[False, True])
    )


def label_distributions(rows: TreeRows) -> pl.DataFrame:
    """label, role, values, messages, people, mean, and the share of values at each button of the likert scale: at_0 ..
    at_4.

    A value between two buttons counts for the nearer one. Raw label rows alone: sums of an import have no distribution.
    """
    button = (pl.col("value") * 4 + 0.5).floor()
    return (
        rows.labels.join(rows.messages.select("message_id", "role"), on="message_id")
        .group_by("role", label="name")
        .agg(
            values=pl.len().cast(pl.Int64),
            messages=pl.col("message_id").n_unique().cast(pl.Int64),
            people=pl.col("user_id").n_unique().cast(pl.Int64),
            mean=pl.col("value").mean(),
            **{f"at_{place}": (button == place).mean() for place in range(5)},
        )
        .select("label", "role", "values", "messages", "people", "mean", *(f"at_{place}" for place in range(5)))
        .sort("label", "role", descending=[False, True])
    )


def contributions(rows: TreeRows) -> pl.DataFrame:
    """A row a person, the busiest first: user_id, prompts, assistant_replies, prompter_replies, labelled (messages),
    ballots, all, first_at, last_at. Deleted messages count: they were written.
    """
    kind = pl.when(pl.col("parent_id").is_null()).then(pl.lit("prompts")).otherwise(pl.col("role") + "_replies")
    labelled = rows.labels.group_by("event_id", "message_id", "user_id").agg(pl.col("at").first())
    done = pl.concat(
        [
            rows.messages.select("user_id", kind=kind, at="created_at"),
            labelled.select("user_id", pl.lit("labelled").alias("kind"), "at"),
            rows.ballots.select("user_id", pl.lit("ballots").alias("kind"), "at"),
        ]
    )
    kinds = ("prompts", "assistant_replies", "prompter_replies", "labelled", "ballots")
    return (
        done.group_by("user_id")
        .agg(
            *((pl.col("kind") == one).sum().cast(pl.Int64).alias(one) for one in kinds),
            all=pl.len().cast(pl.Int64),
            first_at=pl.col("at").min(),
            last_at=pl.col("at").max(),
        )
        .sort("all", "user_id", descending=[True, False])
    )


@dataclass(frozen=True)
class Concentration:
    """How much of all that was done the busiest did."""

    people: int
    all: int
    gini: float | None
    """0: everybody did as much; near 1: one did all. None without anybody."""
    top: Mapping[float, float]
    """Share of the people (rounded up to whole persons) -> share of what was done that is theirs."""
    half: int
    """The fewest persons who did half of it."""
    lorenz: Sequence[tuple[float, float]]
    """From (0, 0) to (1, 1): the share of what was done that is the least busy's, at most 101 points."""


def concentration(people: pl.DataFrame, column: str = "all") -> Concentration:
    """Of a column of `contributions`; who has none of it is not counted."""
    counts = np.sort(people.filter(pl.col(column) > 0)[column].to_numpy()).astype(np.int64)
    many, total = len(counts), int(counts.sum())
    if not many:
        return Concentration(0, 0, None, {}, 0, ())
    sums = np.concatenate([[0], np.cumsum(counts)])
    places = np.arange(1, many + 1)
    gini = float(2 * (places * counts).sum() / (many * total) - (many + 1) / many)
    top = {share: float((total - sums[many - math.ceil(many * share)]) / total) for share in _TOPS}
    half = int(many - np.searchsorted(sums, total / 2, side="right") + 1)
    points = np.unique(np.linspace(0, many, min(many, 100) + 1).round().astype(np.int64))
    return Concentration(many, total, gini, top, half, [(float(p / many), float(sums[p] / total)) for p in points])


@dataclass(frozen=True)
class Agreement:
    """How much rankers agree; each figure is a mean of (1 + tau) / 2, so 0.5 is chance, or None without any."""

    merged: float | None
    """Of ballots with the merged order; their own weight in that order makes it higher."""
    between: float | None
    """Of ballots on the replies to one message with each other."""
    pairs: int
    """How many pairs of ballots that is."""
    good: float | None
    """Share of the ballots that agree with the merged order above 0.5."""
    ballots: pl.DataFrame
    """`concordance.ballot_agreement`."""
    rankers: pl.DataFrame
    """user_id, ballots, agreement (mean), good (share), enough (whether there are ENOUGH_BALLOTS); most ballots first.
    Not meant for shutting people out: a person can be right against the others."""


def agreement(rows: TreeRows) -> Agreement:
    """How much rankers agree with each other and with the merged order."""
    ballots = ballot_agreement(rows.ballots, rows.messages)
    pairs = between_ballots(rows.ballots)
    rankers = (
        ballots.filter(pl.col("tau").is_not_null())
        .group_by("user_id")
        .agg(pl.len().cast(pl.Int64).alias("ballots"), pl.col("agreement").mean(), pl.col("good").mean())
        .with_columns(enough=pl.col("ballots") >= ENOUGH_BALLOTS)
        .sort("ballots", "user_id", descending=[True, False])
    )
    between = _number(pairs["tau"].mean())
    return Agreement(
        _number(ballots["agreement"].mean()),
        None if between is None else (1 + between) / 2,
        len(pairs),
        _number(ballots["good"].mean()),
        ballots,
        rankers,
    )


def waits(rows: TreeRows) -> pl.DataFrame:
    """How long trees stayed in a state before they left it: before, after, trees, p10, median, p90 (hours); most trees
    first.

    A tree counts each time it leaves.
    """
    steps = (
        _history(rows)
        .with_columns(hours=_hours(pl.col("at").diff().over("tree_id")))
        .filter(pl.col("before").is_not_null())
    )
    return (
        steps.group_by("before", "after")
        .agg(
            pl.len().cast(pl.Int64).alias("trees"),
            *(pl.col("hours").quantile(q).alias(n) for n, q in _QUANTILES.items()),
        )
        .sort("trees", "before", "after", descending=[True, False, False])
    )


@dataclass(frozen=True)
class Completion:
    """From the prompt to `ready_for_export`, for trees that people made here."""

    trees: int
    done: int
    ended: int
    """Aborted, halted, or their scoring failed."""
    open: int
    hours: Mapping[str, float]
    """Of those that are done: p10, median, p90, mean. Slow trees are missing among them as long as they are open."""
    each: Sequence[float]
    """Hours of every tree that is done."""


def completion(rows: TreeRows) -> Completion:
    """How long trees took, by when they first were ready."""
    history = _history(rows)
    begun = history.group_by("tree_id").agg(begun=pl.col("at").min())
    ready = history.filter(pl.col("after") == "ready_for_export").group_by("tree_id").agg(ready=pl.col("at").min())
    hours = (
        ready.join(begun, on="tree_id").sort("tree_id").select(hours=_hours(pl.col("ready") - pl.col("begun")))["hours"]
    )
    crowd = rows.trees.filter(pl.col("origin") == "crowd").join(ready, on="tree_id", how="anti")
    ended = int(crowd["state"].is_in(FINAL).sum())
    named = {name: _number(hours.quantile(q)) for name, q in _QUANTILES.items()} | {"mean": _number(hours.mean())}
    return Completion(
        len(crowd) + len(hours),
        len(hours),
        ended,
        len(crowd) - ended,
        {name: value for name, value in named.items() if value is not None},
        hours.to_list(),
    )


def refused(ledger: pl.DataFrame) -> pl.DataFrame:
    """Rows of a ledger by rule: rule, rows, example (a note); most rows first."""
    return (
        ledger.group_by("rule")
        .agg(pl.len().cast(pl.Int64).alias("rows"), example=pl.col("note").drop_nulls().first())
        .sort("rows", "rule", descending=[True, False])
    )


def _history(rows: TreeRows) -> pl.DataFrame:
    crowd = rows.trees.filter(pl.col("origin") == "crowd").select("tree_id")
    return rows.history.join(crowd, on="tree_id", how="semi").sort("tree_id", "number")


def _hours(duration: pl.Expr) -> pl.Expr:
    return duration.dt.total_milliseconds() / 3_600_000


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
