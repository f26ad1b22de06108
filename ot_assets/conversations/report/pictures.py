"""Where things stand in a report's pictures: a tree, stacked bars of states, means with their intervals, who did how
much.

Belongs here: geometry in pixels; what is drawn is the template's. Contract: a tree is drawn from left to right, a
parent beside the middle of its replies, replies from top to bottom by rank; of a large tree the first `MOST_NODES`
messages in depth-first order, and how many are left out. Texts come back cut and without characters that are not seen;
escaping is the template's. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.conversations.state import STATES
from ot_assets.conversations.tree_view import cut, label_words, plain, result_words

MOST_NODES = 60
_WIDE, _HIGH, _ACROSS, _DOWN = 236.0, 46.0, 280.0, 58.0
_PAD = 8.0
_CELLS = 29
_TITLE = 400


@dataclass(frozen=True)
class Box:
    """One message: its place, what became of it (`accepted`, `rejected`, `undecided`, `deleted`), and its words."""

    x: float
    y: float
    state: str
    synthetic: bool
    text: str
    facts: str
    title: str


@dataclass(frozen=True)
class TreePicture:
    """A tree as boxes and the lines between them."""

    tree_id: str
    state: str
    why: str
    width: float
    height: float
    box: tuple[float, float]
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    left_out: int


def tree_picture(messages: pl.DataFrame, tree: Mapping[str, Any]) -> TreePicture:
    """The picture of one tree; `messages` are its rows, in their order, and `tree` is its row of `Trees`."""
    drawn = messages.head(MOST_NODES).to_dicts()
    names = {row["message_id"] for row in drawn}
    children: dict[str, list[str]] = {}
    for row in drawn:
        if row["parent_id"] in names:
            children.setdefault(row["parent_id"], []).append(row["message_id"])
    heights = _heights(drawn, children)
    places = {row["message_id"]: (_PAD + row["depth"] * _ACROSS, heights[row["message_id"]]) for row in drawn}
    lines = tuple(
        _line(places[row["parent_id"]], places[row["message_id"]]) for row in drawn if row["parent_id"] in places
    )
    boxes = tuple(_box(row, places[row["message_id"]]) for row in drawn)
    width = max(x for x, _ in places.values()) + _WIDE + _PAD
    height = max(y for _, y in places.values()) + _HIGH + _PAD
    about = (plain(tree["tree_id"]), tree["state"], plain(tree["why"]))
    return TreePicture(*about, width, height, (_WIDE, _HIGH), boxes, lines, len(messages) - len(drawn))


def _heights(drawn: Sequence[Mapping[str, Any]], children: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Message -> the top of its box: leaves one under the other, the others beside the middle of their replies."""
    heights: dict[str, float] = {}
    leaf = 0
    for row in drawn:
        if row["message_id"] not in children:
            heights[row["message_id"]] = _PAD + leaf * _DOWN
            leaf += 1
    for row in reversed(drawn):  # replies stand after their parent
        mine = children.get(row["message_id"])
        if mine:
            heights[row["message_id"]] = (heights[mine[0]] + heights[mine[-1]]) / 2
    return heights


def _line(parent: tuple[float, float], child: tuple[float, float]) -> str:
    x0, y0, x1, y1 = parent[0] + _WIDE, parent[1] + _HIGH / 2, child[0], child[1] + _HIGH / 2
    middle = (x0 + x1) / 2
    return f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"


def _box(row: Mapping[str, Any], place: tuple[float, float]) -> Box:
    words = "deleted" if row["deleted"] else result_words(row)[0]
    rank = "" if row["rank"] is None else f"rank {row['rank']}"
    told = (row["role"], rank, "" if words == "accepted" else words, "synthetic" if row["synthetic"] else "")
    facts = " · ".join(fact for fact in told if fact)
    said = plain(row["text"][: 2 * _TITLE])
    title = f"{plain(row['user_id'])}, {words}, {label_words(row['labels'])}\n{cut(said, _TITLE)}"
    return Box(*place, words, row["synthetic"], cut(said, _CELLS), facts, title)


@dataclass(frozen=True)
class Band:
    """A part of a stacked bar, in percent of its length."""

    name: str
    left: float
    width: float
    count: int
    tone: int


def bands(counts: Mapping[str, int]) -> tuple[Band, ...]:
    """States and their counts as one bar; every state has a tone of its own."""
    total, left, made = sum(counts.values()), 0.0, []
    for name, count in counts.items():
        width = 100 * count / total if total else 0.0
        made.append(Band(name, left, width, count, STATES.index(name)))
        left += width
    return tuple(made)


@dataclass(frozen=True)
class Whisker:
    """A mean with its interval on a scale from 0 to 1, in percent; without bounds there is no interval."""

    name: str
    mean: float
    low: float | None
    high: float | None
    count: int


def whiskers(overall: pl.DataFrame) -> tuple[Whisker, ...]:
    """Of `estimates.overall`, the highest mean first."""
    rows = overall.sort("mean", "label", descending=[True, False]).iter_rows(named=True)
    return tuple(
        Whisker(
            row["label"],
            100 * row["mean"],
            None if row["low"] is None else 100 * row["low"],
            None if row["high"] is None else 100 * row["high"],
            row["messages"],
        )
        for row in rows
    )


def lorenz_path(points: Sequence[tuple[float, float]], size: float) -> str:
    """The curve in a square whose side is `size`; empty without points."""
    if not points:
        return ""
    return "M" + "L".join(f"{x * size:.1f} {(1 - y) * size:.1f}" for x, y in points)
