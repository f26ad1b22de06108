"""Prompts: conversations that wait for a reply of the assistant.

Belongs here: `prompts`, from trees with their drops to rows of `schemas.Prompts`: every prompter's message that may be
taught, with all that was said before it, for RL to sample from and for recipes to ask. The best reply is the one of
rank 0, or the only one, of those that may be taught; where the best is not known there is none. Contract: every
prompter's message is a row, or in the ledger once with a rule of `kept`. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ot_assets.conversations.columns import chats
from ot_assets.conversations.forest import Drop, Grown, Node
from ot_assets.conversations.kept import ledger_of
from ot_assets.conversations.splitting import sides
from ot_assets.registry.specs.conversation import ConversationSpec
from schemas.conversations import Prompts


@dataclass(frozen=True)
class PromptRows:
    """Rows of `Prompts`, and the ledger rows of the prompter's other messages."""

    frame: pl.DataFrame
    ledger: pl.DataFrame

    @property
    def rows_in(self) -> int:
        """The prompter's messages."""
        return len(self.frame) + len(self.ledger)


def prompts(trees: Sequence[Grown], spec: ConversationSpec) -> PromptRows:
    """The conversations of some trees that end in a message of the prompter."""
    rows: list[tuple[object, ...]] = []
    paths: list[list[Node]] = []
    losses: list[tuple[str, Drop]] = []
    for tree, side in zip(trees, sides([t.tree_id for t in trees], spec.seed, spec.validation), strict=True):
        for node in tree.nodes:
            if node.role != "prompter":
                continue
            if node.drop is not None:
                losses.append((node.message_id, node.drop))
                continue
            best = best_reply(node)
            paths.append(node.path)
            rows.append(
                (
                    node.message_id, node.text, best and best.text, best and best.message_id, tree.tree_id, node.event_id,
                    node.depth, tree.language, side, spec.licence,
                )
            )  # fmt: skip
    dtypes = Prompts.dtypes()
    frame = pl.DataFrame(rows, schema={name: dtypes[name] for name in dtypes if name != "prompt"}, orient="row")
    said = chats([node.turn for node in path] for path in paths).alias("prompt")
    return PromptRows(frame.with_columns(said).select(list(dtypes)), ledger_of(losses))


def best_reply(node: Node) -> Node | None:
    """The reply of rank 0, or the only one, of those that may be taught."""
    replies = node.kept
    if len(replies) == 1:
        return replies[0]
    return next((reply for reply in replies if reply.rank == 0), None)
