"""Rows of `conversation_trees`: from folded trees to frames of `schemas.conversations`.

Belongs here: `tree_rows`, which turns trees into `Messages`, `Trees`, `TreeHistory`, `Ballots` and `LabelRows`, many
trees at a time and never all. Contract: trees stay in the order given (`Shelf.trees`: by id); within one, messages
stand depth-first, siblings by rank with the unranked last, then by time and id: the order of Open-Assistant's published
files. A message's label means are over all its label rows, free labels too, as Open-Assistant's exporter takes them,
together with the sums that an import brought; emojis likewise. Every message, ballot, label and step of a tree is one
row; nothing is dropped. Pure; raises nothing for what the fold lets through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from math import fsum
from typing import Any

import numpy as np
import polars as pl

from ot_assets.conversations.columns import lists, structs
from ot_assets.conversations.labels import LABELS
from ot_assets.conversations.state import Message, Tree
from schemas.base import DataSchema
from schemas.conversations import (
    NAMED_COUNTS,
    NAMED_MEANS,
    NAMED_VALUES,
    Ballots,
    LabelRows,
    Messages,
    TreeHistory,
    Trees,
)

MESSAGES_AT_ONCE = 20_000
"""Messages after which a batch is full."""

_ORDER = {name: place for place, name in enumerate(LABELS)}


@dataclass(frozen=True)
class TreeRows:
    """The rows of some trees, a frame a table of `conversation_trees`."""

    messages: pl.DataFrame
    trees: pl.DataFrame
    history: pl.DataFrame
    ballots: pl.DataFrame
    labels: pl.DataFrame

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Table of the artifact -> its rows; the messages are the main one."""
        return {"" if one.name == "messages" else one.name: getattr(self, one.name) for one in fields(self)}


SCHEMAS: Mapping[str, type[DataSchema]] = {
    "messages": Messages,
    "trees": Trees,
    "history": TreeHistory,
    "ballots": Ballots,
    "labels": LabelRows,
}
"""Frame of `TreeRows` -> what it holds."""


def tree_rows(trees: Iterable[Tree], at_once: int = MESSAGES_AT_ONCE) -> Iterator[TreeRows]:
    """The trees' rows, whole trees at a time; a batch ends with the tree that brings it to `at_once` messages."""
    batch = _Batch()
    for tree in trees:
        batch.add(tree)
        if len(batch.messages) >= at_once:
            yield batch.rows()
            batch = _Batch()
    if batch.trees:
        yield batch.rows()


def in_order(tree: Tree) -> Iterator[Message]:
    """The messages of a tree, depth-first, siblings by rank (the unranked last), time and id."""
    waiting = [tree.root]
    while waiting:
        message = waiting.pop()
        yield message
        if message.children:
            waiting.extend(sorted(tree.children(message), key=_place, reverse=True))


def label_means(message: Message) -> list[tuple[str, float, int]]:
    """Label, mean and count, over all of a message's label rows and what an import summed up; in the order of `LABELS`."""
    given, brought = _given([one.values for one in message.labelled]), _brought(message, "labels")
    means: list[tuple[str, float, int]] = []
    for name in sorted(given.keys() | brought.keys() if brought else given, key=_ORDER.__getitem__):
        own = given.get(name, ())
        if name not in brought:
            means.append((name, fsum(own) / len(own), len(own)))
            continue
        value, count = float(brought[name]["value"]), _count(brought[name])
        if own:  # what nobody here added to stays as it came, to the last digit
            value, count = (value * count + fsum(own)) / (count + len(own)), count + len(own)
        means.append((name, value, count))
    return means


def emoji_counts(message: Message) -> list[tuple[str, int]]:
    """Emoji and how many persons put it there, here and before an import; by name."""
    counts = {name: int(count) for name, count in _brought(message, "emojis").items()}
    for name, persons in message.emojis.items():
        counts[name] = counts.get(name, 0) + len(persons)
    return sorted(counts.items())


def _place(message: Message) -> tuple[bool, int, int, str]:
    return message.rank is None, message.rank or 0, message.at, message.message_id


def _brought(message: Message, what: str) -> Mapping[str, Any]:
    found = message.imported.get(what) if message.imported else None
    return found if isinstance(found, Mapping) else {}


def _count(said: Mapping[str, Any]) -> int:
    count = said.get("count")
    return 1 if count is None else int(count)


def _given(rows: Sequence[Mapping[str, float]]) -> Mapping[str, Sequence[float]]:
    """Label -> its values."""
    if not rows:
        return {}
    names = tuple(rows[0])
    if all(tuple(row) == names for row in rows):  # nearly always, since a task offers a set; several times faster
        return dict(zip(names, zip(*(row.values() for row in rows), strict=True), strict=True))
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, []).append(value)
    return values


class _Batch:
    """Columns that grow."""

    def __init__(self) -> None:
        self.messages: list[tuple[object, ...]] = []
        self.trees: list[tuple[object, ...]] = []
        self.history: list[tuple[object, ...]] = []
        self.ballots: list[tuple[object, ...]] = []
        self.labels: list[tuple[object, ...]] = []
        self.names: list[str] = []
        self.values: list[float] = []
        self.sums: tuple[list[Any], list[Any], list[Any]] = ([], [], [])

    def add(self, tree: Tree) -> None:
        """Takes a tree in."""
        root, last = tree.root, tree.history[-1]
        for message in in_order(tree):
            self._message(tree, message)
        self.trees.append(
            (
                tree.tree_id, tree.language, tree.state, last.why, last.event_id, tree.origin, tree.goal, tree.max_depth,
                tree.max_children, len(tree.messages), tree.size, root.at, tree.won_at, last.at,
            )
        )  # fmt: skip
        self.history += (
            (tree.tree_id, number, step.at, step.event_id, step.before, step.after, step.why)
            for number, step in enumerate(tree.history)
        )
        self.ballots += (
            (b.event_id, tree.tree_id, b.parent_id, b.user_id, b.at, b.ranking, b.shown, b.not_rankable)
            for b in tree.ballots
        )

    def rows(self) -> TreeRows:
        """The frames."""
        plain = {
            name: _frame(SCHEMAS[name], getattr(self, name))
            for name in (field.name for field in fields(TreeRows))
            if name not in ("messages", "labels")
        }
        return TreeRows(messages=self._messages(), labels=self._labels(), **plain)

    def _message(self, tree: Tree, one: Message) -> None:
        self.messages.append(
            (
                one.message_id, tree.tree_id, one.parent_id, one.user_id, one.event_id, one.at, one.role,
                (one.imported or {}).get("lang", tree.language),
                one.text, one.depth, tree.state, one.review_count, one.review_result, one.decided_by, one.deleted,
                one.synthetic, one.model_name, one.edited, one.rank, one.ranking_count, one.skips,
            )
        )  # fmt: skip
        emojis, means, detoxify = self.sums
        emojis.append(emoji_counts(one) if one.emojis or one.imported else ())
        means.append(label_means(one) if one.labelled or one.imported else ())
        detoxify.append(list(_brought(one, "detoxify").items()))
        for given in one.labelled:
            self.labels.append(
                (
                    given.event_id, tree.tree_id, one.message_id, given.user_id, given.at, given.task, len(given.values)
                )
            )  # fmt: skip
            self.names += given.values.keys()
            self.values += given.values.values()

    def _messages(self) -> pl.DataFrame:
        plain = [name for name in Messages.dtypes() if name not in ("emojis", "labels", "detoxify")]
        emojis, means, detoxify = self.sums
        return _columns(plain, self.messages, Messages).with_columns(
            structs(emojis, NAMED_COUNTS).alias("emojis"),
            structs(means, NAMED_MEANS).alias("labels"),
            structs(detoxify, NAMED_VALUES).alias("detoxify"),
        )

    def _labels(self) -> pl.DataFrame:
        names = [name for name in LabelRows.dtypes() if name not in ("name", "value")]
        counts = [one[-1] for one in self.labels]
        people = _columns(names, [one[:-1] for one in self.labels], LabelRows)
        people = people[np.repeat(np.arange(len(counts)), np.array(counts, dtype=np.int64))]
        return people.with_columns(
            pl.Series("name", self.names, dtype=pl.String), pl.Series("value", self.values, dtype=pl.Float64)
        )


def _frame(schema: type[DataSchema], rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return _columns(list(schema.dtypes()), rows, schema)


def _columns(names: list[str], rows: list[tuple[object, ...]], schema: type[DataSchema]) -> pl.DataFrame:
    """Rows as a frame; times, which are milliseconds here, become times."""
    dtypes = schema.dtypes()
    columns = zip(*rows, strict=True) if rows else repeat((), len(names))
    made = []
    for name, values in zip(names, columns, strict=True):
        dtype = dtypes[name]
        if isinstance(dtype, pl.List):
            made.append(lists(values, dtype).alias(name))
        else:
            raw = pl.Int64 if isinstance(dtype, pl.Datetime) else dtype
            made.append(pl.Series(name, values, dtype=raw).cast(dtype))
    return pl.DataFrame(made)
