"""What people say of messages: labels, ballots, reports, emojis and skips.

Belongs here: when a judgement counts, and what it does to a message before the tree is looked at again. Rules: `own_message`
(nobody labels, ranks or votes on what they wrote), `message_deleted`, `second_label` (one labelling task a person and message),
`missing_label` (a task must say `spam`), `second_ballot`, `not_siblings` (a ballot's messages are replies to its parent),
`too_few_ranked` (fewer than two), `nothing_to_rank` (fewer than two of them are put in order: the others are
rejected or deleted, or nobody ranks replies of their role; under `recheck: original` it counts where no reply is left
to rank), `not_ranking` (the tree is not at ranking, or past it under `late_ballots: refuse`),
`nothing_to_remove`, `second_emoji` (a report is a red flag). Free labels of one person replace those that they gave
before; only answers to tasks are reviews. Raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ot_assets.conversations import automod, lottery, machine
from ot_assets.conversations.events import Event, Refused
from ot_assets.conversations.labels import MANDATORY, RED_FLAG, SKIPS, VOTES
from ot_assets.conversations.state import Ballot, Labelled, Message

if TYPE_CHECKING:
    from ot_assets.conversations.fold import Fold

SCORED = ("ready_for_scoring", "ready_for_export", "scoring_failed")


def labels_submitted(fold: Fold, event: Event) -> None:
    """Labels of a message: a review where they answer a task, else free ones."""
    assert event.labels is not None and event.user_id is not None
    tree, message = fold.the_message(event)
    if message.user_id == event.user_id:
        raise Refused("own_message", f"{event.user_id} wrote {message.message_id}")
    given = Labelled(event.user_id, event.event_id, event.at, event.labels, event.task_id is not None)
    if not given.task:
        _free(message, given)
        return
    if message.deleted:
        raise Refused("message_deleted", f"message {message.message_id} is deleted")
    if any(one.task and one.user_id == event.user_id for one in message.labelled):
        raise Refused("second_label", f"{event.user_id} has labelled {message.message_id} for a task before")
    for name in MANDATORY:
        if name not in event.labels:
            raise Refused("missing_label", f"the answer to a labelling task must say {name}")
    message.labelled.append(given)
    message.review_count += 1
    machine.judge(fold, message, event)
    machine.after_labels(fold, tree, message, event)


def ranking_submitted(fold: Fold, event: Event) -> None:
    """A person's order of the replies to a message."""
    assert event.ranking is not None and event.shown is not None and event.user_id is not None
    tree = fold.the_tree(event)
    parent = tree.messages.get(event.parent_id or "")
    if parent is None:
        raise Refused("unknown_message", f"tree {tree.tree_id} has no message {event.parent_id}")
    late = tree.state in SCORED
    if (not late and tree.state != "ranking") or (late and fold.settings.late_ballots == "refuse"):
        raise Refused("not_ranking", f"tree {tree.tree_id} is {tree.state}")
    if len(event.ranking) < 2:
        raise Refused("too_few_ranked", f"the ballot holds {event.ranking[0]} alone; two replies make an order")
    for name in event.ranking:
        if name not in parent.children:
            raise Refused("not_siblings", f"{name} is no reply to {parent.message_id}")
    there = {child.message_id for child in machine.rankable(fold, tree, parent)}
    # A ballot that also holds a reply deleted meanwhile still orders the rest. Where nothing is left to rank, the original
    # ends a tree by such a ballot alone, so it must count there.
    if len(there.intersection(event.ranking)) < 2 and (there or fold.settings.recheck == "always"):
        raise Refused(
            "nothing_to_rank", f"fewer than two replies of the ballot on {parent.message_id} are put in order"
        )
    if any(child.user_id == event.user_id for child in tree.children(parent)):
        raise Refused("own_message", f"{event.user_id} wrote one of the replies to {parent.message_id}")
    if any(one.user_id == event.user_id for one in tree.ballots_of(parent.message_id)):
        raise Refused("second_ballot", f"{event.user_id} has ranked the replies to {parent.message_id} before")
    tree.ballots.append(
        Ballot(
            event.user_id,
            event.event_id,
            event.at,
            parent.message_id,
            event.ranking,
            event.shown,
            bool(event.not_rankable),
        )
    )
    for name in event.ranking:
        tree.messages[name].ranking_count += 1
    lottery.put_first(fold, tree.messages[event.ranking[0]].user_id, event.at)
    if not late:
        machine.recheck(fold, tree, event)
    elif fold.settings.late_ballots == "merge" and tree.state == "ready_for_export":
        machine.merge_ballots(fold, tree)


def report_submitted(fold: Fold, event: Event) -> None:
    """A report is a red flag with a text."""
    _flag(fold, event, RED_FLAG)


def emoji_added(fold: Fold, event: Event) -> None:
    """An emoji; `+1` and `-1` of one person exclude each other."""
    assert event.emoji is not None
    _flag(fold, event, event.emoji)


def emoji_removed(fold: Fold, event: Event) -> None:
    """A person takes an emoji back."""
    assert event.emoji is not None and event.user_id is not None
    _, message = fold.the_message(event)
    if event.user_id not in message.emojis.get(event.emoji, ()):
        raise Refused("nothing_to_remove", f"{event.user_id} has put no {event.emoji} on {message.message_id}")
    _take(message, event.emoji, event.user_id)


def task_skipped(fold: Fold, event: Event) -> None:
    """A person would not do a task; who does so again says nothing new."""
    assert event.task is not None and event.user_id is not None
    tree, message = fold.the_message(event)
    skip = SKIPS.get(event.task)
    if skip is None or event.user_id in message.emojis.get(skip, ()):
        return
    message.emojis.setdefault(skip, []).append(event.user_id)
    automod.look(fold, tree, message, event)


def _free(message: Message, given: Labelled) -> None:
    """Puts free labels in the place of those that the person gave before."""
    for place, one in enumerate(message.labelled):
        if not one.task and one.user_id == given.user_id:
            message.labelled[place] = given
            return
    message.labelled.append(given)


def _flag(fold: Fold, event: Event, emoji: str) -> None:
    assert event.user_id is not None
    tree, message = fold.the_message(event)
    if emoji in VOTES and message.user_id == event.user_id:
        raise Refused("own_message", f"{event.user_id} wrote {message.message_id}")
    if event.user_id in message.emojis.get(emoji, ()):
        raise Refused("second_emoji", f"{event.user_id} has put {emoji} on {message.message_id} before")
    for other in VOTES:
        if emoji in VOTES and other != emoji:
            _take(message, other, event.user_id)
    message.emojis.setdefault(emoji, []).append(event.user_id)
    if emoji == RED_FLAG:
        automod.look(fold, tree, message, event)


def _take(message: Message, emoji: str, user_id: str) -> None:
    persons = message.emojis.get(emoji, [])
    if user_id in persons:
        persons.remove(user_id)
        if not persons:
            del message.emojis[emoji]


HANDLERS: Mapping[str, Callable[[Fold, Event], None]] = {
    "labels_submitted": labels_submitted,
    "ranking_submitted": ranking_submitted,
    "report_submitted": report_submitted,
    "emoji_added": emoji_added,
    "emoji_removed": emoji_removed,
    "task_skipped": task_skipped,
}
