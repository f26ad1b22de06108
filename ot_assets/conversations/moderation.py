"""What moderators do: edit, delete and bring back messages, halt trees and let them go on, retry a scoring, shut
persons out, import trees, change settings.

Belongs here: each such event and what follows from it. Deleting a message deletes all under it; bringing one back
brings back all above it. Rules: `nothing_changes` (the message or tree already is so), `no_lottery` (the tree waits
neither for the lottery nor in the backlog, or there is no room), `not_failed`, `last_moderator`, `bad_settings`,
`bad_tree` and those of `importing`. A purged person's events are dropped before the fold (`contributions`), so
`user_purged` only shuts the person out. Raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ot_assets.conversations import importing, lottery, machine
from ot_assets.conversations.authority import nobody_left
from ot_assets.conversations.events import Event, Refused
from ot_assets.conversations.state import FINAL
from ot_assets.conversations.submissions import check_text

if TYPE_CHECKING:
    from ot_assets.conversations.fold import Fold


def message_edited(fold: Fold, event: Event) -> None:
    """The text is another from here on."""
    assert event.text is not None
    _, message = fold.the_message(event)
    check_text(fold.settings.message_max_characters, event.text)
    message.text, message.edited = event.text, True


def message_deleted(fold: Fold, event: Event) -> None:
    """The message and all under it are deleted."""
    tree, message = fold.the_message(event)
    if message.deleted:
        raise Refused("nothing_changes", f"message {message.message_id} is deleted already")
    for one in tree.below(message):
        one.deleted = True
    machine.touched(fold, tree, event)


def message_undeleted(fold: Fold, event: Event) -> None:
    """The message and all above it are back."""
    tree, message = fold.the_message(event)
    if not message.deleted:
        raise Refused("nothing_changes", f"message {message.message_id} is not deleted")
    message.deleted = False
    for one in tree.above(message):
        one.deleted = False
    machine.touched(fold, tree, event)


def tree_halted(fold: Fold, event: Event) -> None:
    """A moderator stops a tree, whatever its state."""
    tree = fold.the_tree(event)
    if tree.state == "halted_by_moderator":
        raise Refused("nothing_changes", f"tree {tree.tree_id} is halted already")
    machine.enter(fold, tree, "halted_by_moderator", event, event.text or f"halted by {event.user_id}")


def tree_unhalted(fold: Fold, event: Event) -> None:
    """A moderator lets a tree go on: it grows where it ever was drawn, else it is reviewed; then conditions are looked at."""
    tree = fold.the_tree(event)
    if tree.state not in FINAL:
        raise Refused("nothing_changes", f"tree {tree.tree_id} is {tree.state}, which is no end")
    state = "growing" if tree.won_at is not None else "initial_prompt_review"
    machine.enter(fold, tree, state, event, event.text or f"let go on by {event.user_id}")
    machine.recheck(fold, tree, event)


def scoring_retried(fold: Fold, event: Event) -> None:
    """A failed scoring is tried again; back to ranking where ballots are missing."""
    tree = fold.the_tree(event)
    if tree.state != "scoring_failed":
        raise Refused("not_failed", f"tree {tree.tree_id} is {tree.state}")
    enough = not any(machine.to_rank(fold, tree).values())
    machine.enter(fold, tree, "ready_for_scoring" if enough else "ranking", event, f"retried by {event.user_id}")
    machine.recheck(fold, tree, event)


def lottery_drawn(fold: Fold, event: Event) -> None:
    """A waiting prompt, or a tree of the backlog, was drawn by whoever keeps the log."""
    tree = fold.the_tree(event)
    why = f"drawn by {event.user_id or 'the log'}"
    if tree.state == "backlog_ranking":
        lottery.activate(fold, tree, event, why)
        return
    if tree.state != "prompt_lottery_waiting" or tree.root.deleted:
        raise Refused("no_lottery", f"tree {tree.tree_id} is {'deleted' if tree.root.deleted else tree.state}")
    growing, most = fold.language.states["growing"], fold.settings.max_active_trees
    if growing >= most:
        raise Refused("no_lottery", f"{growing} trees grow, at most {most} may")
    lottery.grow(fold, tree, event, why)


def user_disabled(fold: Fold, event: Event) -> None:
    """A person is shut out; their waiting prompts are halted."""
    assert event.about_user is not None
    if event.about_user in fold.language.disabled:
        raise Refused("nothing_changes", f"{event.about_user} is disabled already")
    if nobody_left(fold.settings.moderators, {*fold.language.disabled, event.about_user}):
        raise Refused("last_moderator", f"nobody could moderate without {event.about_user}")
    _shut_out(fold, event)


def user_enabled(fold: Fold, event: Event) -> None:
    """A person may take part again."""
    if event.about_user is None or event.about_user not in fold.language.disabled:
        raise Refused("nothing_changes", f"{event.about_user} is not disabled")
    fold.language.disabled.discard(event.about_user)
    lottery.weigh(fold, event.about_user)
    fold.drawing = True


def user_purged(fold: Fold, event: Event) -> None:
    """Nothing of the person reaches the fold any more."""
    _shut_out(fold, event)


def config_changed(fold: Fold, event: Event) -> None:
    """Settings are others from here on, and conditions are looked at anew; trees keep the limits that they have."""
    assert event.settings is not None
    try:
        changed = fold.settings.changed(event.settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Refused("bad_settings", f"{where}: {first['msg']}") from None
    if nobody_left(changed.moderators, fold.language.disabled):
        raise Refused("bad_settings", "moderators: all who are named are shut out")
    weights = fold.settings.lottery_weights
    fold.shelf.settings = changed
    if changed.lottery_weights != weights:
        for author in fold.language.waiting:
            lottery.weigh(fold, author)
    machine.recheck_all(fold, event)
    fold.drawing = True


def tree_imported(fold: Fold, event: Event) -> None:
    """A whole tree from elsewhere."""
    assert event.tree is not None
    tree, state, why = importing.tree_of(event, fold.settings)
    for name in tree.messages:
        if fold.shelf.knows_message(name):
            raise Refused("known_message", f"there already is a message {name}")
    fold.shelf.put_tree(tree)
    for name in tree.messages:
        fold.shelf.put_message(name, tree.tree_id)
    machine.enter(fold, tree, state, event, why)
    machine.touched(fold, tree, event)


def _shut_out(fold: Fold, event: Event) -> None:
    """The person takes part in nothing more, and their waiting prompts are halted."""
    assert event.about_user is not None
    language = fold.language
    language.disabled.add(event.about_user)
    for tree_id in list(language.waiting.get(event.about_user, ())):
        tree = fold.shelf.tree(tree_id)
        assert tree is not None
        machine.enter(fold, tree, "halted_by_moderator", event, f"its author {event.about_user} is disabled")


HANDLERS: Mapping[str, Callable[[Fold, Event], None]] = {
    "message_edited": message_edited,
    "message_deleted": message_deleted,
    "message_undeleted": message_undeleted,
    "tree_halted": tree_halted,
    "tree_unhalted": tree_unhalted,
    "scoring_retried": scoring_retried,
    "lottery_drawn": lottery_drawn,
    "tree_imported": tree_imported,
    "user_enabled": user_enabled,
    "user_disabled": user_disabled,
    "user_purged": user_purged,
    "config_changed": config_changed,
}
