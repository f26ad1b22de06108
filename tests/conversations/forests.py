"""Trees of every shape, as the fold holds them, and their rows as `conversation_trees` publishes them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import polars as pl
from hypothesis import strategies as st

from ot_assets.conversations.rows import TreeRows, tree_rows
from ot_assets.conversations.state import Ballot, Message, Step, Tree
from ot_assets.registry.specs.conversation import ConversationSpec
from schemas import violations
from schemas.base import DataSchema

ROLES = ("prompter", "assistant")


def a_spec(**fields: Any) -> ConversationSpec:
    said = {"key": "en", "description": "tests", "language": "en", "licence": "Apache-2.0", "logs": ("a.jsonl",)}
    return ConversationSpec.model_validate({**said, **fields})


def said(name: str, *replies: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A message and its replies; accepted unless a field says otherwise."""
    return {"name": name, "replies": replies, "review_result": True, "review_count": 3, **fields}


def a_tree(root: dict[str, Any], *, state: str = "ready_for_export", language: str = "en") -> Tree:
    """A tree whose ids are its messages' names."""
    tree = Tree(root["name"], language, state, "crowd", 12, 5, 3)
    at = 1_680_000_000_000

    def add(said: dict[str, Any], parent: Message | None) -> None:
        fields = {name: value for name, value in said.items() if name not in ("name", "replies", "text")}
        name, depth = said["name"], parent.depth + 1 if parent else 0
        text = said.get("text", f"text of {name}")
        number = len(tree.messages)
        above = parent.message_id if parent else None
        message = Message(name, above, f"user-{number % 3}", f"e-{name}", at + number, ROLES[depth % 2], text, depth)
        for field, value in fields.items():
            setattr(message, field, value)
        tree.messages[name] = message
        if parent is not None:
            parent.children.append(name)
        for reply in said["replies"]:
            add(reply, message)

    add(root, None)
    tree.history = [Step(at, f"e-{root['name']}", None, state, "made for a test")]
    return tree


def cast(tree: Tree, parent: str, *rankings: Sequence[str]) -> Tree:
    """Ballots on the replies to a message."""
    for ranking in rankings:
        number = len(tree.ballots)
        event = f"b-{tree.tree_id}-{number}"
        tree.ballots.append(Ballot(f"judge-{number}", event, 0, parent, tuple(ranking), tuple(sorted(ranking)), False))
    return tree


def rows_of(*trees: Tree, at_once: int = 10) -> list[TreeRows]:
    return list(tree_rows(sorted(trees, key=lambda tree: tree.tree_id), at_once))


def messages_of(*trees: Tree, at_once: int = 10) -> list[pl.DataFrame]:
    return [rows.messages for rows in rows_of(*trees, at_once=at_once)]


def ballots_of(*trees: Tree, at_once: int = 10) -> list[pl.DataFrame]:
    return [rows.ballots for rows in rows_of(*trees, at_once=at_once)]


def holds(schema: type[DataSchema], frame: pl.DataFrame) -> None:
    assert violations(schema, frame) == []
    assert dict(frame.schema) == schema.dtypes() and frame.columns == list(schema.dtypes())


def any_tree(draws: random.Random, name: str, *, clean: bool) -> Tree:
    """A tree of any shape whose siblings are ranked, partly ranked or unranked; with ballots on some.

    `clean`: everything is accepted and by persons, the tree is ready; else anything goes.
    """
    parents = [draws.randrange(number) for number in range(1, draws.randint(1, 14))]
    nodes = [said(f"t-{name}")] + [said(f"m-{name}-{number}") for number in range(1, len(parents) + 1)]
    children: dict[int, list[int]] = {}
    for number, parent in enumerate(parents, 1):
        children.setdefault(parent, []).append(number)
    for number in reversed(range(len(nodes))):
        nodes[number]["replies"] = tuple(nodes[child] for child in children.get(number, ()))
        if not clean:
            nodes[number]["review_result"] = draws.choice((True, True, True, True, True, False, None))
            nodes[number]["deleted"] = draws.random() < 0.1
            nodes[number]["synthetic"] = draws.random() < 0.1
            nodes[number]["text"] = draws.choice(("same", "äöü ✓", f"text {number}", "<b>x</b>\n\n"))
    for some in children.values():
        for rank, child in enumerate(draws.sample(some, draws.randint(0, len(some)))):
            nodes[child]["rank"] = rank
    tree = a_tree(nodes[0], state="ready_for_export" if clean or draws.random() < 0.8 else "growing")
    for parent, some in children.items():
        ids = [nodes[child]["name"] for child in some]
        for _ in range(draws.randint(0, 3)):
            cast(tree, nodes[parent]["name"], draws.sample(ids, len(ids)))
    return tree


def forests(*, clean: bool = False) -> st.SearchStrategy[list[Tree]]:
    """Some trees, made of a seed: drawing every choice of them by itself takes many times as long."""

    def made(seed: int, number: int) -> list[Tree]:
        draws = random.Random(seed)
        return [any_tree(draws, f"{draws.randrange(100)}-{place}", clean=clean) for place in range(number)]

    return st.builds(made, st.integers(0, 2**32), st.integers(0, 12))
