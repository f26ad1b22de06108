"""Published trees as trees again: from rows of `Messages` to nodes that know their parent and their replies.

Belongs here: `whole_trees`, which cuts a stream of frames at the borders of trees, and `grown`, which links the rows of
such a frame. Contract: rows come in the order of `conversation_trees`: trees by id, a parent before its replies; then
any cut of the stream gives the same trees, and no more than one frame and one tree are held. Fails with ValueError
where the order is another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl


class Drop(NamedTuple):
    """Why a message may not be taught."""

    rule: str
    figure: float | None = None
    lost_to: str | None = None
    """The message above it that it fell with."""
    note: str | None = None


@dataclass(slots=True, eq=False)
class Node:
    """A message in its tree."""

    message_id: str
    event_id: str
    role: str
    text: str
    rank: int | None
    depth: int
    parent: Node | None
    drop: Drop | None
    """None: it may be taught."""
    replies: list[Node] = field(default_factory=list)
    """All of them, the best first."""

    @property
    def kept(self) -> list[Node]:
        """The replies that may be taught."""
        return [reply for reply in self.replies if reply.drop is None]

    @property
    def path(self) -> list[Node]:
        """The way from the prompt to this message, which is its last."""
        found = [self]
        while (above := found[-1].parent) is not None:
            found.append(above)
        found.reverse()
        return found

    @property
    def turn(self) -> tuple[str, str]:
        """The message as chats have it: role and content."""
        return _CHAT_ROLES[self.role], self.text


@dataclass(slots=True, eq=False)
class Grown:
    """A tree of published messages."""

    tree_id: str
    language: str
    nodes: list[Node]
    """Depth-first; the first is the prompt."""


_CHAT_ROLES = {"prompter": "user", "assistant": "assistant"}
_COLUMNS = (
    "tree_id", "language", "message_id", "parent_id", "event_id", "role", "text", "rank", "depth", "rule", "figure", "note",
)  # fmt: skip
BELOW_DROPPED = "below_dropped"
"""The rule of a message that fell with one above it."""


def whole_trees(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows, cut so that every frame holds whole trees."""
    waiting: list[pl.DataFrame] = []
    last = ""
    for frame in frames:
        if frame.is_empty():
            continue
        trees = frame.get_column("tree_id")
        if not trees.is_sorted() or trees[0] < last:
            raise ValueError(f"trees are not in the order of their ids near tree {trees[0]}")
        last = trees[-1]
        starts = int(trees.search_sorted(last, side="left"))
        if waiting and (starts or waiting[0].item(0, "tree_id") != last):
            yield pl.concat([*waiting, frame.head(starts)])
            waiting = []
        elif starts:
            yield frame.head(starts)
        waiting.append(frame.slice(starts))
    if waiting:
        yield pl.concat(waiting)


def grown(frame: pl.DataFrame) -> list[Grown]:
    """The trees of a frame of whole trees, which has `rule`, `figure` and `note` of what drops each message itself.

    A dropped message takes all below it with it.
    """
    trees: list[Grown] = []
    by_id: dict[str, Node] = {}
    for tree_id, language, name, above, event, role, text, rank, depth, *why in frame.select(_COLUMNS).iter_rows():
        if above is None:
            trees.append(Grown(tree_id, language, []))
            by_id = {}
        parent = by_id.get(above)
        if (parent is None) != (above is None) or not trees or trees[-1].tree_id != tree_id:
            raise ValueError(f"message {name} of tree {tree_id} stands before its parent {above}, or without it")
        node = Node(name, event, role, text, rank, depth, parent, _drop(parent, *why))
        by_id[name] = node
        trees[-1].nodes.append(node)
        if parent is not None:
            parent.replies.append(node)
    return trees


def fallen(parent: Node, why: Drop) -> Drop:
    """Why a reply is dropped whose parent is: the topmost dropped message above it, with its rule as note."""
    return why if why.rule == BELOW_DROPPED else Drop(BELOW_DROPPED, why.figure, parent.message_id, why.rule)


def _drop(parent: Node | None, rule: str | None, figure: float | None, note: str | None) -> Drop | None:
    if parent is not None and parent.drop is not None:
        return fallen(parent, parent.drop)
    return None if rule is None else Drop(rule, figure, None, note)
