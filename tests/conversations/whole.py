"""The whole state of a language, from memory or from a file, and what must hold of it after any events.

Belongs here: `whole`, to compare two states, and `broken`, which says what does not hold.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ot_assets.conversations.shelf import Shelf, loaded
from ot_assets.conversations.state import ACTIVE, FINAL, STATES, Tree

BY_MODERATOR = ("tree_halted", "tree_unhalted", "scoring_retried")
"""Events by which a tree may leave a final state."""
WAYS = {
    None: {*STATES},
    "initial_prompt_review": {"prompt_lottery_waiting", "aborted_low_grade", "halted_by_moderator"},
    "prompt_lottery_waiting": {"growing", "halted_by_moderator"},
    "growing": {"ranking", "aborted_low_grade", "halted_by_moderator"},
    "ranking": {"ready_for_scoring", "halted_by_moderator"},
    "ready_for_scoring": {"ready_for_export", "scoring_failed"},
    "ready_for_export": {"halted_by_moderator", "growing", "initial_prompt_review"},
    "scoring_failed": {"ready_for_scoring", "ranking", "halted_by_moderator", "growing", "initial_prompt_review"},
    "aborted_low_grade": {"halted_by_moderator", "growing", "initial_prompt_review"},
    "halted_by_moderator": {"growing", "initial_prompt_review"},
    "backlog_ranking": {"ranking", "aborted_low_grade", "halted_by_moderator"},
}
"""Where a tree can go from each state."""


def whole(shelf: Shelf) -> dict[str, Any]:
    """All that is kept, whether it was saved or not."""
    parts: dict[str, Any] = {
        "persons": {}, "messages": {}, "events": set(), "trees": {tree.tree_id: tree for tree in shelf.trees()},
    }  # fmt: skip
    if shelf._file is not None:
        parts["persons"] = {name: loaded(state) for name, state in shelf._file.execute("select * from persons")}
        parts["messages"] = dict(shelf._file.execute("select * from messages"))
        parts["events"] = {name for (name,) in shelf._file.execute("select id from events")}
    parts["persons"] |= shelf._persons
    parts["messages"] |= shelf._messages
    parts["events"] |= shelf._events
    return {"settings": shelf.settings, "language": shelf.language, "refused": list(shelf.refused()), **parts}


def rows_of(file: Path) -> dict[str, list[Any]]:
    """A shelf's file as it lies, table by table."""
    with sqlite3.connect(file) as lies:
        names = [name for (name,) in lies.execute("select name from sqlite_master where type = 'table' order by name")]
        return {name: list(lies.execute(f"select * from {name} order by 1")) for name in names}


def broken(shelf: Shelf, kinds: dict[str, str] | None = None) -> list[str]:
    """Everything that does not hold; `kinds`: event id -> kind, to see who let a tree leave a final state."""
    found = list(_queues(shelf))
    for tree in shelf.trees():
        found += (f"{tree.tree_id}: {what}" for what in (*_shape(tree), *_history(tree, kinds), *_ballots(tree)))
        for name in tree.messages:
            if shelf.tree_of(name) != tree.tree_id:
                found.append(f"{name} is not known to be in {tree.tree_id}")
    return found


def _queues(shelf: Shelf) -> Iterator[str]:
    """Counts and queues of the language are those of its trees."""
    language, trees = shelf.language, list(shelf.trees())
    counts = Counter(tree.state for tree in trees)
    if {state: counts[state] for state in STATES} != language.states:
        yield f"states are {language.states}, counted {counts}"
    if set(language.open) != {tree.tree_id for tree in trees if tree.state in ACTIVE}:
        yield "open trees are others"
    if sorted(language.backlog) != sorted(tree.tree_id for tree in trees if tree.state == "backlog_ranking"):
        yield "the backlog is another"
    waiting = sorted((tree.root.user_id, tree.tree_id) for tree in trees
                     if tree.state == "prompt_lottery_waiting" and not tree.root.deleted)  # fmt: skip
    if sorted((author, tree) for author, mine in language.waiting.items() for tree in mine) != waiting:
        yield "the lottery's queue is another"
    if not all(language.waiting.values()):
        yield "an author without prompts waits"
    if Counter(author for _, author in language.firsts) != Counter(language.wins):
        yield "wins are not what was ranked first"
    uniform = shelf.settings.lottery_weights == "uniform"
    weights = {
        author: 1 if uniform else 1 + language.wins.get(author, 0)
        for author in language.waiting
        if author not in language.disabled
    }
    urn = dict(zip(language.urn._names, language.urn._weights, strict=True))
    if {name: weight for name, weight in urn.items() if weight} != weights or language.urn.total != sum(
        weights.values()
    ):
        yield f"the urn holds {urn}, weights are {weights}"
    room = language.states["growing"] < shelf.settings.max_active_trees
    if room and language.urn.total and shelf.settings.draws == "seed":
        yield "there is room, and somebody waits"


def _shape(tree: Tree) -> Iterator[str]:
    """A tree is one: parents are there, nothing goes in circles, roles alternate, what is under a deleted message is
    deleted.
    """
    if tree.root.parent_id is not None or tree.root.depth != 0 or tree.root.role != "prompter":
        yield "the root is none"
    seen = [message.message_id for message in tree.below(tree.root)]
    if sorted(seen) != sorted(tree.messages):
        yield "the messages are not those under the root, each once"
    for message in tree.messages.values():
        if message.parent_id is None:
            continue
        parent = tree.messages[message.parent_id]
        if message.message_id not in parent.children or message.depth != parent.depth + 1:
            yield f"{message.message_id} is not where it should be"
        if message.role == parent.role:
            yield f"{message.message_id} has its parent's role"
        if parent.deleted and not message.deleted:
            yield f"{message.message_id} is there under a deleted one"
    for message in tree.messages.values():
        if message.review_count < sum(one.task for one in message.labelled):
            yield f"{message.message_id} has fewer reviews than answers"
        raters = [one.user_id for one in message.labelled if one.task]
        if len(set(raters)) < len(raters) or message.user_id in {one.user_id for one in message.labelled}:
            yield f"{message.message_id} was labelled twice or by its author"
        if not all(persons and len(set(persons)) == len(persons) for persons in message.emojis.values()):
            yield f"{message.message_id} has an emoji twice"
        ranks = sorted(child.rank for child in tree.children(message) if child.rank is not None)
        if ranks != list(range(len(ranks))):
            yield f"ranks under {message.message_id} have gaps: {ranks}"


def _history(tree: Tree, kinds: dict[str, str] | None) -> Iterator[str]:
    """Steps follow each other to the state that the tree is in, and each says why."""
    if tree.state not in STATES or not tree.history or tree.history[-1].after != tree.state:
        yield f"it is {tree.state} without a step that brought it there"
    before, at = None, 0
    for step in tree.history:
        if step.before != before or step.after not in WAYS[before] or step.at < at or not step.why or not step.event_id:
            yield f"{before} does not lead to {step}"
        if kinds is not None and before in FINAL and kinds[step.event_id] not in BY_MODERATOR:
            yield f"it left {before} by {kinds[step.event_id]}"
        before, at = step.after, step.at


def _ballots(tree: Tree) -> Iterator[str]:
    cast = Counter((ballot.parent_id, ballot.user_id) for ballot in tree.ballots)
    if any(count > 1 for count in cast.values()):
        yield "somebody cast two ballots"
    counts = Counter(name for ballot in tree.ballots for name in ballot.ranking)
    for message in tree.messages.values():
        if message.ranking_count != counts[message.message_id]:
            yield f"{message.message_id} stands on {counts[message.message_id]} ballots, {message.ranking_count} are counted"
    for ballot in tree.ballots:
        siblings = set(tree.messages[ballot.parent_id].children)
        if sorted(ballot.ranking) != sorted(ballot.shown) or not siblings.issuperset(ballot.ranking):
            yield f"{ballot.event_id} is no ballot"
