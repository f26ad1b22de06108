"""What one person did, and their points, as the page shows them while events come in.

Belongs here: `Record`, which counts as events come, and `points_of`, the parts of `conversations.points` (same names, same
worth) for one person. Pure; raises nothing. The assets count anew from rows; this is the same sum without them, for imported
trees are not counted there either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ot_assets.conversations.events import Event
from ot_assets.conversations.points import PARTS, SIMPLE
from ot_assets.conversations.state import Tree

Trees = Callable[[str], Tree | None]


@dataclass
class Record:
    """Counts of what a person did, and where what they wrote and ranked stands."""

    counts: Counter[str] = field(default_factory=Counter)
    """Parts of the score that no later event changes."""
    wrote: list[tuple[str, str]] = field(default_factory=list)
    """(tree, message)."""
    ranked: list[tuple[str, str]] = field(default_factory=list)
    """(tree, message whose replies were ranked)."""
    tasks: int = 0

    def note(self, event: Event) -> None:
        """Counts an event of theirs."""
        self.tasks += event.task_id is not None and event.kind != "task_skipped"
        if event.kind in ("prompt_submitted", "reply_submitted"):
            assert event.tree_id is not None and event.message_id is not None
            self.wrote.append((event.tree_id, event.message_id))
        elif event.kind == "labels_submitted" and event.task_id is not None and event.labels is not None:
            self.counts["labels_simple" if event.labels.keys() <= set(SIMPLE) else "labels_full"] += 1
        elif event.kind == "ranking_submitted":
            assert event.tree_id is not None and event.parent_id is not None
            self.counts["rankings"] += 1
            self.ranked.append((event.tree_id, event.parent_id))

    def placed(self, place: int) -> None:
        """A ballot put a reply of theirs at this place, from 0."""
        self.counts[f"ranked_{place + 1}"] += 1


@dataclass(frozen=True)
class Got:
    """One part of a score."""

    words: str
    count: int
    points: int


def points_of(record: Record, user_id: str, trees: Trees, *, good_rankings: bool) -> list[Got]:
    """The parts of a person's score that are not nothing; their points add up to the score."""
    counts = Counter(record.counts)
    for tree_id, message_id in record.wrote:
        tree = trees(tree_id)
        message = tree.messages.get(message_id) if tree is not None else None
        if message is None or message.deleted:
            continue
        part = "prompts" if message.parent_id is None else f"{message.role}_replies"
        counts[part] += 1
        counts[f"accepted_{part}"] += message.review_result is True
    if good_rankings:
        counts["rankings_good"] = sum(_agrees(trees(tree_id), parent, user_id) for tree_id, parent in record.ranked)
    found = ((part, counts[part.name]) for part in PARTS)
    return [Got(part.words, count, count // part.per * part.points) for part, count in found if count]


def _agrees(tree: Tree | None, parent_id: str, user_id: str) -> bool:
    """Whether more pairs of a ballot stand as in the merged order than the other way round: Kendall's tau above 0."""
    for ballot in tree.ballots_of(parent_id) if tree is not None else ():
        if ballot.user_id == user_id:
            assert tree is not None
            ranks = [rank for name in ballot.ranking if (rank := tree.messages[name].rank) is not None]
            return sum((a < b) - (a > b) for at, a in enumerate(ranks) for b in ranks[at + 1 :]) > 0
    return False
