"""An imported tree: from the rows of a `tree_imported` event to a tree of the fold, or why it is none.

Belongs here: what makes rows a tree, and which state it comes in with. Rows have the fields of Open-Assistant's messages
(`schemas`' published columns): `message_id`, `parent_id`, `user_id`, `created_date`, `text`, `role`, `review_count`,
`review_result`, `deleted`, `rank`, `synthetic`, `model_name`, `emojis` {name: count}, `labels` {name: {value, count}},
`detoxify` {name: value}, and `lang` where it is not the tree's; only the first two, `text` and `role` must be there. As in
`backend/import.py` a tree without a stated state comes to be ranked: its goal is 0 and all its messages are accepted, but
those of which it says that they were not. Rules:
`bad_tree` (no rows, a field of the wrong type, an unknown state), `no_root`, `two_roots`, `known_message` (an id twice),
`unknown_parent`, `cycle` (rows that no way from the root reaches), `mixed_roles` (the root is the prompter's, roles
alternate), `blank_text`, `text_too_long`, `unknown_label`, `label_out_of_range`, `rank_gap` (ranks of siblings are 0, 1, 2
...). Notes quote no text that a person wrote. Raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from ot_assets.conversations.events import LONGEST_ID, LONGEST_TEXT, ROLES, Event, Refused, milliseconds
from ot_assets.conversations.labels import LABELS
from ot_assets.conversations.languages import normalised
from ot_assets.conversations.state import STATES, Message, Tree
from ot_assets.registry.specs.crowd import CrowdSettings

UNKNOWN = "unknown"
"""Stands for the person where an import names none."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "parent_id": (str,), "user_id": (str,), "role": (str,), "text": (str,), "review_count": (int,),
    "review_result": (bool,), "deleted": (bool,), "rank": (int,), "synthetic": (bool,), "model_name": (str,),
    "emojis": (Mapping,), "labels": (Mapping,), "detoxify": (Mapping,), "created_date": (str,), "lang": (str,),
}  # fmt: skip
_IDS = ("parent_id", "user_id")
_COUNTS = ("review_count", "rank")
MOST = 2**31 - 1
"""Most that is counted: the published columns are of 32 bits."""


def tree_of(event: Event, settings: CrowdSettings) -> tuple[Tree, str, str]:
    """The tree, the state that it comes in with, and the words for its history."""
    assert event.tree is not None and event.tree_id is not None
    rows = event.tree.get("messages")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise Refused("bad_tree", "tree.messages is to be a list of one or more messages")
    stated = event.tree.get("tree_state")
    if stated is not None and stated not in STATES:
        raise Refused("bad_tree", f"tree_state is {stated!r:.60}; known are {', '.join(STATES)}")
    by_id: dict[str, Mapping[str, Any]] = {}
    for number, row in enumerate(rows):
        name = _checked(number, row)
        if name in by_id:
            raise Refused("known_message", f"message {name} stands twice in the tree")
        by_id[name] = row
    goal = settings.goal_tree_size if stated in ("initial_prompt_review", "prompt_lottery_waiting", "growing") else 0
    tree = Tree(event.tree_id, event.language, "", "import", goal, settings.max_tree_depth, settings.max_children_count)
    for row in _ordered(event.tree_id, by_id):
        _add(tree, row, event, forced=stated is None)
    for message in tree.messages.values():
        _ranks_fit(tree, message)
    if stated not in (None, "initial_prompt_review", "prompt_lottery_waiting"):
        tree.won_at = event.at
    return tree, stated or "ranking", f"imported as {stated}" if stated else "imported, to be ranked"


def _checked(number: int, row: Any) -> str:
    """The id of a row whose fields have their types."""
    name = row.get("message_id") if isinstance(row, Mapping) else None
    if not isinstance(name, str) or not name:
        raise Refused("bad_tree", f"message {number} of the tree has no message_id")
    _id(name, "message_id", name)
    for field, types in _TYPES.items():
        value = row.get(field)
        if value is not None and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
            raise Refused("bad_tree", f"message {name}: {field} is of type {type(value).__name__}")
    for field in _IDS:
        if (said := row.get(field)) is not None:
            _id(name, field, said)
    for field in _COUNTS:
        if (said := row.get(field)) is not None and not _count(said):
            note = f"message {name}: {field} is {said!r:.60}; a number from 0 to {MOST:,} is expected"
            raise Refused("bad_tree", note)
    if row.get("role") not in ROLES:
        raise Refused("bad_tree", f"message {name}: role is {row.get('role')!r:.60}; known are {', '.join(ROLES)}")
    if not (row.get("text") or "").strip():
        raise Refused("blank_text", f"message {name} has no text")
    for field in ("text", "model_name"):
        _text(name, field, row.get(field) or "")
    _sums_are_some(name, row)
    return name


def _id(message: str, field: str, value: str) -> None:
    if not value.strip() or len(value) > LONGEST_ID or not value.isprintable():
        note = f"message {message!r:.60}: {field} is to be a printable text of 1 to {LONGEST_ID} characters"
        raise Refused("bad_tree", note)


def _text(name: str, field: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        note = f"message {name}: {field} has {len(text):,} characters, at most {LONGEST_TEXT:,} are read"
        raise Refused("text_too_long", note)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("bad_tree", f"message {name}: {field} holds half of a surrogate pair, which is no text") from None
    if "\0" in text:
        raise Refused("bad_tree", f"message {name}: {field} holds a NUL character")


def _sums_are_some(name: str, row: Mapping[str, Any]) -> None:
    """Labels, emojis and scores are numbers under names."""
    for label, said in (row.get("labels") or {}).items():
        if label not in LABELS:
            raise Refused("unknown_label", f"message {name}: no label is called {label!r:.60}")
        value = said.get("value") if isinstance(said, Mapping) else None
        if value is None or not _number(value) or not 0 <= value <= 1:
            raise Refused("label_out_of_range", f"message {name}: label {label} is {value!r:.60}; 0 to 1 is expected")
        if not _count(said.get("count", 1), least=1):
            raise Refused("bad_tree", f"message {name}: label {label} has the count {said.get('count')!r:.60}")
    for emoji, count in (row.get("emojis") or {}).items():
        if not isinstance(emoji, str) or not _count(count):
            raise Refused("bad_tree", f"message {name}: emoji {emoji!r:.60} has the count {count!r:.60}")
        _id(name, "the name of an emoji", emoji)
    for score, value in (row.get("detoxify") or {}).items():
        if not isinstance(score, str) or not _number(value) or not isfinite(value):
            raise Refused("bad_tree", f"message {name}: the score {score!r:.60} is {value!r:.60}")
        _id(name, "the name of a score", score)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Any, *, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST


def _ordered(root: str, rows: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows, parents before children, children in the order of the rows."""
    children: dict[str | None, list[str]] = {}
    for name, row in rows.items():
        children.setdefault(row.get("parent_id"), []).append(name)
    roots = children.get(None, [])
    if len(roots) > 1:
        raise Refused("two_roots", f"{len(roots)} messages have no parent: {', '.join(sorted(roots)[:5])}")
    if roots != [root]:
        what = f"the message without a parent is {roots[0]}" if roots else "no message is without a parent"
        raise Refused("no_root", f"{what}, but the tree is {root}")
    found, waiting = [], [root]
    while waiting:
        name = waiting.pop()
        found.append(rows[name])
        waiting.extend(reversed(children.get(name, [])))
    if len(found) < len(rows):
        lost = sorted(rows.keys() - {row["message_id"] for row in found})
        for name in lost:
            if (parent := rows[name].get("parent_id")) not in rows:
                raise Refused("unknown_parent", f"message {name} replies to {parent}, which is not in the tree")
        raise Refused("cycle", f"{len(lost)} messages are not reached from the root: {', '.join(lost[:5])}")
    return found


def _add(tree: Tree, row: Mapping[str, Any], event: Event, *, forced: bool) -> None:
    parent = tree.messages.get(row.get("parent_id") or "")
    role = row["role"]
    if role == (parent.role if parent else "assistant"):
        raise Refused("mixed_roles", f"message {row['message_id']} is the {role}'s, as is its parent" if parent else
                      f"the root {row['message_id']} is the assistant's")  # fmt: skip
    brought = {name: row[name] for name in ("labels", "emojis", "detoxify") if row.get(name)}
    if (language := _language(row)) not in (None, event.language):
        brought["lang"] = language
    message = Message(
        row["message_id"],
        parent.message_id if parent else None,
        row.get("user_id") or UNKNOWN,
        event.event_id,
        _date(row, event),
        role,
        row["text"],
        parent.depth + 1 if parent else 0,
        bool(row.get("synthetic")),
        row.get("model_name"),
    )
    message.deleted = bool(row.get("deleted")) or (parent is not None and parent.deleted)
    message.review_count = row.get("review_count") or 0
    said = row.get("review_result")
    message.review_result = True if forced and said is None else said
    message.rank = row.get("rank")
    message.imported = brought or None
    if parent is not None:
        parent.children.append(message.message_id)
    tree.messages[message.message_id] = message


def _language(row: Mapping[str, Any]) -> str | None:
    """A message's own tag; Open-Assistant keeps one for each."""
    if row.get("lang") is None:
        return None
    if (found := normalised(row["lang"])) is None:
        raise Refused("bad_tree", f"message {row['message_id']}: lang is {row['lang']!r:.60}; en or pt-BR is expected")
    return found


def _date(row: Mapping[str, Any], event: Event) -> int:
    given = row.get("created_date")
    if given is None:
        return event.at
    try:
        return milliseconds(given)
    except (ValueError, OverflowError):
        note = f"message {row['message_id']}: created_date is {given!r:.60}; ISO 8601 with a zone is expected"
        raise Refused("bad_tree", note) from None


def _ranks_fit(tree: Tree, parent: Message) -> None:
    ranks = sorted(child.rank for child in tree.children(parent) if child.rank is not None)
    if ranks != list(range(len(ranks))):
        raise Refused(
            "rank_gap", f"the replies to {parent.message_id} have the ranks {ranks}; 0, 1, 2 ... are expected"
        )
