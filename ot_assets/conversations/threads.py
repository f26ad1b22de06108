"""Chat examples: one row a reply of the assistant, with the way to it as its prompt.

Belongs here: `threads`, from trees with their drops to rows of `schemas.Threads`, and `Selection`, the counts that say
how so many trees became so many rows. Contract: every reply of the assistant is either taught or in the ledger once,
with a rule of `kept`, or `top_k` (its rank is k or worse), `unranked` (top_k is asked, it has no rank but siblings), or
`below_dropped` (it fell with a message above it). The loss is on the reply alone, and each reply is taught with all
that was said before it. Pure; raises nothing.

A thread is a way from the prompt to a reply of the assistant below which no reply is taught: messages of the prompter
that end a way are cut off. `once` makes one row of a reply, however many threads run through it; `all` makes one for
each of them, as whole threads do which Open-Assistant trains on, so that early turns of wide trees count for more;
`weighted` makes the same rows, with weights that sum to 1 for each reply. Where a reply is left out by `top_k`, the
replies above it stay; Open-Assistant's loader leaves out the whole thread, and with it those that no other thread holds
(`model_training/custom_datasets/oasst_dataset.py`). Siblings are those that may be taught, as there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ot_assets.conversations.columns import chats, lists
from ot_assets.conversations.forest import Drop, Grown, Node, fallen
from ot_assets.conversations.kept import ledger_of
from ot_assets.conversations.splitting import sides
from ot_assets.registry.specs.conversation import ConversationSpec
from schemas.conversations import NAMES, Threads
from schemas.ids import content_hash


@dataclass
class Selection:
    """How trees became rows. trees = taught + lost; replies of the assistant = taught + lost."""

    trees: int = 0
    trees_taught: int = 0
    trees_lost: Counter[str] = field(default_factory=Counter)
    """Rule of the prompt; `no_reply` where nobody replied, `no_reply_taught` where all replies were dropped."""
    replies: int = 0
    replies_taught: int = 0
    replies_lost: Counter[str] = field(default_factory=Counter)
    threads: int = 0
    """Ways from a prompt to a last reply."""
    rows: int = 0

    def __add__(self, other: Selection) -> Selection:
        return Selection(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def rows_in(self) -> int:
        """What rows and ledger rows add up to: all replies, and the further rows of those in several threads."""
        return self.replies + self.rows - self.replies_taught

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            name: dict(value.most_common()) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class ThreadRows:
    """Rows of `Threads`, the ledger rows of the other replies, and the counts."""

    frame: pl.DataFrame
    ledger: pl.DataFrame
    selection: Selection


def threads(trees: Sequence[Grown], spec: ConversationSpec) -> ThreadRows:
    """The chat examples of some trees."""
    counts, rows = Selection(), _Rows(spec)
    losses: list[tuple[str, Drop]] = []
    for tree, side in zip(trees, sides([t.tree_id for t in trees], spec.seed, spec.validation), strict=True):
        drops = chosen(tree, spec.threads.top_k)
        leaves = _leaves(tree, drops)
        replies = [node for node in tree.nodes if node.role == "assistant"]
        taught = [node for node in replies if node.message_id not in drops]
        lost = [(node.message_id, drops[node.message_id]) for node in replies if node.message_id in drops]
        made = sum(rows.add(tree, side, node, leaves[node.message_id]) for node in taught)
        losses += lost
        counts.trees += 1
        counts.trees_taught += bool(taught)
        if not taught:
            counts.trees_lost[_why_none(tree)] += 1
        counts.replies += len(replies)
        counts.replies_taught += len(taught)
        counts.replies_lost.update(why.rule for _, why in lost)
        counts.threads += len(leaves.get(tree.tree_id, ()))
        counts.rows += made
    return ThreadRows(rows.frame(), ledger_of(losses), counts)


def chosen(tree: Grown, top_k: int | None) -> dict[str, Drop]:
    """The messages of a tree that are not taught, by id, and why: what `kept` dropped, and replies that are not of rank
    < `top_k`.
    """
    drops: dict[str, Drop] = {}
    for node in tree.nodes:
        why = node.drop or _above(node, drops) or (_rank(node, top_k) if top_k is not None else None)
        if why is not None:
            drops[node.message_id] = why
    return drops


def _above(node: Node, drops: dict[str, Drop]) -> Drop | None:
    why = drops.get(node.parent.message_id) if node.parent is not None else None
    return None if why is None or node.parent is None else fallen(node.parent, why)


def _rank(node: Node, top_k: int) -> Drop | None:
    if node.role != "assistant" or node.parent is None:
        return None
    if node.rank is not None:
        return Drop("top_k", float(node.rank), None, f"below {top_k} is asked") if node.rank >= top_k else None
    siblings = len(node.parent.kept) - 1
    return Drop("unranked", float(siblings), None, "no rank beside so many siblings") if siblings else None


def _leaves(tree: Grown, drops: dict[str, Drop]) -> dict[str, list[str]]:
    """Message -> the replies in which the threads through it end."""
    leaves: dict[str, list[str]] = {}
    for node in reversed(tree.nodes):
        if node.message_id in drops:
            continue
        ends = [end for reply in node.replies for end in leaves.get(reply.message_id, ())]
        if not ends and node.role == "assistant":
            ends = [node.message_id]
        if ends:
            leaves[node.message_id] = ends
    return leaves


def _why_none(tree: Grown) -> str:
    root = tree.nodes[0]
    if root.drop is not None:
        return root.drop.rule
    return "no_reply_taught" if root.replies else "no_reply"


class _Rows:
    """Columns of `Threads` that grow."""

    def __init__(self, spec: ConversationSpec) -> None:
        self._repeated = spec.threads.repeated
        self._licence = spec.licence
        self._rows: list[tuple[object, ...]] = []
        self._paths: list[list[Node]] = []

    def add(self, tree: Grown, side: str, reply: Node, leaves: Sequence[str]) -> int:
        """Takes a reply in; returns its rows."""
        path = reply.path
        said = [[node.message_id, node.text] for node in path]
        weight = 1 / len(leaves) if self._repeated == "weighted" else 1.0
        for end in self._ends(leaves):
            name = "c" + content_hash([said, end])[:31]
            self._paths.append(path)
            self._rows.append(
                (name, tree.tree_id, tree.language, reply.rank, reply.depth, len(leaves), weight, side, self._licence)
            )
        return 1 if self._repeated == "once" else len(leaves)

    def frame(self) -> pl.DataFrame:
        """The rows."""
        dtypes = Threads.dtypes()
        plain = ("thread_id", "tree_id", "language", "rank", "depth", "threads", "weight", "split", "licence")
        frame = pl.DataFrame(self._rows, schema={name: dtypes[name] for name in plain}, orient="row")
        frame = frame.with_columns(
            chats([node.turn for node in path[:-1]] for path in self._paths).alias("prompt"),
            chats([path[-1].turn] for path in self._paths).alias("completion"),
            lists([[node.message_id for node in path] for path in self._paths], NAMES).alias("message_ids"),
            lists([[node.event_id for node in path] for path in self._paths], NAMES).alias("event_ids"),
        )
        return frame.select(list(dtypes))

    def _ends(self, leaves: Sequence[str]) -> Iterator[str | None]:
        """One row, whatever thread; or one a thread."""
        yield from (None,) if self._repeated == "once" else leaves
