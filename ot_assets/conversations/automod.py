"""What the crowd's red flags and skips do by themselves, without a moderator.

Belongs here: `look`. As in the original only while a tree is reviewed or grows, and only for its prompt, accepted
replies and those under review: so many red flags abort a tree whose prompt has them and delete a reply with all under
it; so many persons who skip replying to a message halt its tree. The original looks whenever somebody asks for a
task; here it is when a flag or skip comes, and when a prompt that was flagged while it waited begins to grow; so what
a moderator lets go on is not stopped again before the next flag. Raises nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ot_assets.conversations import machine
from ot_assets.conversations.events import Event
from ot_assets.conversations.labels import RED_FLAG
from ot_assets.conversations.state import Message, Tree

if TYPE_CHECKING:
    from ot_assets.conversations.fold import Fold

_WHERE = ("initial_prompt_review", "growing")


def look(fold: Fold, tree: Tree, message: Message, event: Event) -> None:
    """Stops a tree, or deletes a reply, where the crowd wants it."""
    settings = fold.settings
    rejected = message.review_result is not True and message.review_count >= settings.num_reviews_reply
    if tree.state not in _WHERE or message.deleted or (message.depth and rejected):
        return
    flags, skips = len(message.emojis.get(RED_FLAG, ())), message.skips
    if settings.auto_mod_red_flags and flags >= settings.auto_mod_red_flags:
        if not message.depth:
            machine.enter(fold, tree, "aborted_low_grade", event, f"the prompt has {flags} red flags")
            return
        for one in tree.below(message):
            one.deleted = True
        machine.touched(fold, tree, event)
    elif settings.auto_mod_max_skip_reply and skips >= settings.auto_mod_max_skip_reply:
        why = f"{skips} persons skipped replying to {message.message_id}"
        machine.enter(fold, tree, "halted_by_moderator", event, why)
