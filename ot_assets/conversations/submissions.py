"""What people write: prompts and replies.

Belongs here: when a text is taken in, and what becomes of it. Rules: `blank_text`, `text_too_long`, `duplicate_text` (the same
text by the same person within `duplicate_minutes`), `known_message` (an id that is taken), and for replies `unknown_message`,
`wrong_role` (roles alternate), `second_reply` (one reply a person and message), `tree_not_growing`, `parent_not_accepted`,
`too_deep`, `parent_full`. Under `late_replies: keep` the last three are taken in, and replies to trees that are
ranked or ready. Raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from ot_assets.conversations import machine
from ot_assets.conversations.chance import chance
from ot_assets.conversations.events import Event, Refused
from ot_assets.conversations.state import Message, Person, Tree

if TYPE_CHECKING:
    from ot_assets.conversations.fold import Fold

OTHER = {"prompter": "assistant", "assistant": "prompter"}
_KEPT = ("growing", "ranking", "ready_for_scoring", "ready_for_export")
"""States in which the original keeps a reply."""


def prompt_submitted(fold: Fold, event: Event) -> None:
    """A prompt begins a tree, under review."""
    assert event.tree_id is not None and event.user_id is not None
    if fold.shelf.knows_message(event.tree_id):
        raise Refused("known_message", f"there already is a message {event.tree_id}")
    person, digest = _writer(fold, event)
    settings = fold.settings
    goal = settings.goal_tree_size
    if settings.random_goal_tree_size:
        low = min(settings.min_goal_tree_size, goal)
        goal = low + int(chance(fold, event, "goal").random() * (goal - low + 1))
    tree = Tree(event.tree_id, event.language, "", "crowd", goal, settings.max_tree_depth, settings.max_children_count)
    tree.messages[event.tree_id] = _message(event, None, "prompter", 0)
    fold.shelf.put_tree(tree)
    fold.shelf.put_message(event.tree_id, event.tree_id)
    _remember(fold, person, event, digest)
    machine.enter(fold, tree, "initial_prompt_review", event, "a new prompt")


def reply_submitted(fold: Fold, event: Event) -> None:
    """A reply joins its parent's tree, under review."""
    assert event.message_id is not None and event.role is not None
    tree = fold.the_tree(event)
    parent = tree.messages.get(event.parent_id or "")
    if parent is None:
        raise Refused("unknown_message", f"tree {tree.tree_id} has no message {event.parent_id} to reply to")
    if fold.shelf.knows_message(event.message_id):
        raise Refused("known_message", f"there already is a message {event.message_id}")
    if event.role != OTHER[parent.role]:
        raise Refused("wrong_role", f"a reply to a message of the {parent.role} is the {OTHER[parent.role]}'s")
    if any(child.user_id == event.user_id for child in tree.children(parent)):
        raise Refused("second_reply", f"{event.user_id} has replied to {parent.message_id} before")
    if fold.settings.late_replies == "refuse":
        _in_time(fold, tree, parent)
    elif tree.state not in _KEPT:
        raise Refused("tree_not_growing", f"tree {tree.tree_id} is {tree.state}")
    person, digest = _writer(fold, event)
    reply = _message(event, parent.message_id, event.role, parent.depth + 1)
    reply.deleted = parent.deleted
    tree.messages[reply.message_id] = reply
    parent.children.append(reply.message_id)
    fold.shelf.put_message(reply.message_id, tree.tree_id)
    _remember(fold, person, event, digest)


def room(fold: Fold, tree: Tree, parent: Message) -> int:
    """How many more replies a message may have; accepted ones count, and those whose review is not done."""
    most = tree.max_children
    if parent.role == "assistant":
        most = min(most, fold.settings.num_prompter_replies)
    return max(0, most - counted(fold, tree, parent))


def counted(fold: Fold, tree: Tree, parent: Message) -> int:
    """Replies to a message that are accepted, or whose review is not done."""
    return sum(child.accepted or machine.outstanding(fold, child) for child in tree.children(parent))


def missing(fold: Fold, tree: Tree) -> int:
    """How many replies a growing tree still asks for; those whose review is not done count as if they were accepted."""
    messages = tree.messages.values()
    return max(
        0, tree.goal - sum(one.accepted or (one.depth > 0 and machine.outstanding(fold, one)) for one in messages)
    )


def extendible(fold: Fold, tree: Tree, parent: Message) -> bool:
    """Whether replies to a message are asked for, as far as its tree can tell; whom to ask is a matter of tasks.

    Under `reopen_rejected: false` never where it has replies and all are rejected or deleted, as in the original's query.
    """
    if tree.state != "growing" or not parent.accepted or parent.depth >= tree.max_depth:
        return False
    lost = bool(parent.children) and not fold.settings.reopen_rejected and not counted(fold, tree, parent)
    return not lost and room(fold, tree, parent) > 0


def check_text(settings_most: int, text: str) -> None:
    """Raises `Refused` for a text that no message may have."""
    if not text.strip():
        raise Refused("blank_text", "the text is blank")
    if len(text) > settings_most:
        raise Refused("text_too_long", f"the text has {len(text):,} characters, at most {settings_most:,} are allowed")


def _in_time(fold: Fold, tree: Tree, parent: Message) -> None:
    if tree.state != "growing":
        raise Refused("tree_not_growing", f"tree {tree.tree_id} is {tree.state}")
    if not parent.accepted:
        what = "deleted" if parent.deleted else "not accepted"
        raise Refused("parent_not_accepted", f"message {parent.message_id} is {what}")
    if parent.depth >= tree.max_depth:
        raise Refused(
            "too_deep", f"a reply would stand at depth {parent.depth + 1}, the tree's limit is {tree.max_depth}"
        )
    if not room(fold, tree, parent):
        raise Refused("parent_full", f"message {parent.message_id} has all the replies that it may have")


def _writer(fold: Fold, event: Event) -> tuple[Person, str]:
    """The writer, if the text may be sent, and its digest."""
    assert event.text is not None and event.user_id is not None
    check_text(fold.settings.message_max_characters, event.text)
    person = fold.shelf.person(event.user_id)
    digest, since = _digest(event.text), event.at - fold.settings.duplicate_minutes * 60_000
    if any(at > since and old == digest for at, old in person.recent):
        minutes = fold.settings.duplicate_minutes
        raise Refused("duplicate_text", f"{event.user_id} sent the same text within {minutes} minutes")
    return person, digest


def _remember(fold: Fold, person: Person, event: Event, digest: str) -> None:
    since = event.at - fold.settings.duplicate_minutes * 60_000
    person.recent = [one for one in person.recent if one[0] > since]
    person.recent.append((event.at, digest))


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _message(event: Event, parent_id: str | None, role: str, depth: int) -> Message:
    assert event.message_id is not None and event.user_id is not None and event.text is not None
    return Message(
        event.message_id,
        parent_id,
        event.user_id,
        event.event_id,
        event.at,
        role,
        event.text,
        depth,
        bool(event.synthetic),
        event.model_name,
    )


HANDLERS: Mapping[str, Callable[[Fold, Event], None]] = {
    "prompt_submitted": prompt_submitted,
    "reply_submitted": reply_submitted,
}
