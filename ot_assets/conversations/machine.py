"""When a tree changes its state: the conditions of Open-Assistant's message tree state machine.

Belongs here: `enter`, the only place where a state is set, and `recheck`, which looks whether a tree goes on. Every
change is kept in the tree's history with the event behind it and the figures that decided. Source:
`backend/oasst_backend/tree_manager.py`.

    initial_prompt_review -> prompt_lottery_waiting   the prompt is accepted
    initial_prompt_review -> aborted_low_grade        its reviews are done and it is not; or too many red flags (`automod`)
    prompt_lottery_waiting -> growing                 drawn in the lottery
    prompt_lottery_waiting -> halted_by_moderator     its author is disabled
    growing -> ranking                                enough accepted messages, and no review outstanding
    growing -> halted_by_moderator                    nothing accepted is left; or too many skips (`automod`)
    ranking -> ready_for_scoring -> ready_for_export  every message with several accepted replies has its ballots
    ready_for_scoring -> scoring_failed               the ballots could not be merged
    backlog_ranking -> ranking | aborted_low_grade    drawn from the backlog | and there is nothing to rank

Under `recheck: always` conditions are looked at whenever something touches a tree, and a tree whose prompt is deleted
is halted. Under `recheck: original` they are looked at where the original does: reviews and growth after the answer
to a labelling task, the end of ranking after a ballot, all when a tree is let go on or settings change; but a
rejected prompt aborts its tree only by a label of its own. Contract: a tree in one of `state.FINAL` stays there until
a moderator's event. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ot_assets.conversations import lottery
from ot_assets.conversations.events import Event
from ot_assets.conversations.state import ACTIVE, Message, Step, Tree

if TYPE_CHECKING:
    from ot_assets.conversations.fold import Fold

_ENDS_WITH_ITS_PROMPT = ("initial_prompt_review", "prompt_lottery_waiting", "growing", "ranking")


def enter(fold: Fold, tree: Tree, state: str, event: Event, why: str) -> None:
    """Sets a tree's state and what hangs on it: counts, queues, history."""
    before, language = tree.state, fold.language
    if before:
        language.states[before] -= 1
    language.states[state] += 1
    tree.state = state
    tree.history.append(Step(event.at, event.event_id, before or None, state, why))
    if state in ACTIVE:
        language.open[tree.tree_id] = None
    else:
        language.open.pop(tree.tree_id, None)
    lottery.left(fold, tree, before)
    lottery.entered(fold, tree, state)
    if before in ACTIVE and state not in ACTIVE:
        lottery.from_backlog(fold, tree, event)


def recheck(fold: Fold, tree: Tree, event: Event) -> None:
    """Lets a tree go on as far as its conditions allow."""
    always = fold.settings.recheck == "always"
    if always and tree.root.deleted and tree.state in _ENDS_WITH_ITS_PROMPT:
        enter(fold, tree, "halted_by_moderator", event, "the prompt is deleted")
    if tree.state == "initial_prompt_review":
        _review(fold, tree, event, aborts=always)
    if tree.state == "growing":
        _growth(fold, tree, event)
    if tree.state == "ranking":
        _ranking(fold, tree, event)
    if tree.state == "ready_for_scoring":
        score(fold, tree, event)


def after_labels(fold: Fold, tree: Tree, message: Message, event: Event) -> None:
    """What the original looks at after the answer to a labelling task; else everything."""
    if fold.settings.recheck == "always":
        recheck(fold, tree, event)
    elif tree.state == "initial_prompt_review":
        _review(fold, tree, event, aborts=message is tree.root)
    elif tree.state == "growing":
        _growth(fold, tree, event)


def touched(fold: Fold, tree: Tree, event: Event) -> None:
    """`recheck` after what the original looks at nothing for."""
    if tree.state == "prompt_lottery_waiting":
        lottery.offer(fold, tree)
    if fold.settings.recheck == "always":
        recheck(fold, tree, event)


def recheck_all(fold: Fold, event: Event) -> None:
    """`recheck` of every tree that people work on, after settings changed; messages that now have their reviews are judged."""
    for tree_id in list(fold.language.open):
        tree = fold.shelf.tree(tree_id)
        assert tree is not None
        if fold.settings.recheck == "always":
            for message in tree.messages.values():
                judge(fold, message, event)
        recheck(fold, tree, event)


def judge(fold: Fold, message: Message, event: Event) -> None:
    """A message is judged once it has its reviews; later ones can still accept it, never reject it."""
    settings = fold.settings
    if message.depth:
        needed, threshold = settings.num_reviews_reply, settings.acceptance_threshold_reply
    else:
        needed, threshold = settings.num_reviews_initial_prompt, settings.acceptance_threshold_initial_prompt
    if message.review_count < needed or message.review_result is True:
        return
    share = acceptance(message)
    if share is None:
        return
    if share > threshold or message.review_result is None:
        message.review_result = share > threshold
        message.decided_by = event.event_id


def acceptance(message: Message) -> float | None:
    """1 - (mean spam + mean lang_mismatch) over the answers to labelling tasks, and over the reviews that an import brought
    as means of their labels; a missing one counts as 0. None without answers, and for an import's reviews without labels.
    """
    tasks, against = 0, 0.0
    for one in message.labelled:
        if one.task:
            tasks += 1
            against += one.values.get("spam", 0.0) + one.values.get("lang_mismatch", 0.0)
    brought = message.imported.get("labels") if message.imported else None
    if isinstance(brought, Mapping) and (before := message.review_count - tasks) > 0:
        against += before * sum(brought[name]["value"] for name in ("spam", "lang_mismatch") if name in brought)
        tasks += before
    return 1.0 - against / tasks if tasks else None


def outstanding(fold: Fold, message: Message) -> bool:
    """Whether a message's review is not done, so that the tree waits for it."""
    needed = fold.settings.num_reviews_reply if message.depth else fold.settings.num_reviews_initial_prompt
    return not message.deleted and message.review_result is not True and message.review_count < needed


def rankable(fold: Fold, tree: Tree, parent: Message) -> list[Message]:
    """The replies to a message that are put in order; fewer than two: none."""
    some = [
        child
        for child in tree.children(parent)
        if child.accepted and (child.role == "assistant" or fold.settings.rank_prompter_replies)
    ]
    return some if len(some) > 1 and not parent.deleted else []


def to_rank(fold: Fold, tree: Tree) -> dict[str, int]:
    """Messages whose replies are put in order -> ballots that are still missing."""
    return dict(_missing(fold, tree))


def score(fold: Fold, tree: Tree, event: Event) -> None:
    """Merges the ballots; the tree is then ready, or its scoring failed."""
    failed = merge_ballots(fold, tree)
    if failed is None:
        enter(fold, tree, "ready_for_export", event, f"ballots merged by {fold.settings.rank}")
    else:
        enter(fold, tree, "scoring_failed", event, failed)


def merge_ballots(fold: Fold, tree: Tree) -> str | None:
    """Ranks of all replies that are put in order; returns why that failed, and then no rank has changed."""
    cast: dict[str, list[tuple[str, ...]]] = {}
    for ballot in tree.ballots:
        cast.setdefault(ballot.parent_id, []).append(ballot.ranking)
    merged: list[tuple[Message, dict[str, int]]] = []
    for name, ballots in cast.items():
        parent = tree.messages[name]
        if not rankable(fold, tree, parent):
            continue
        try:
            order = fold.merge(fold.settings.rank, ballots)
        except (ArithmeticError, ValueError) as error:
            return f"ballots on the replies to {name} could not be merged: {error}"
        if order is not None:
            merged.append((parent, {message: rank for rank, message in enumerate(order)}))
    for parent, ranks in merged:
        for child in tree.children(parent):
            child.rank = ranks.get(child.message_id)
    return None


def _review(fold: Fold, tree: Tree, event: Event, *, aborts: bool) -> None:
    root = tree.root
    share = acceptance(root)
    figures = (
        "judged before it was imported"
        if share is None or root.decided_by is None
        else f"{root.review_count} reviews, acceptance {share:.3f}"
    )
    if root.review_result is True:
        enter(fold, tree, "prompt_lottery_waiting", event, figures)
        if root.user_id in fold.language.disabled:
            enter(fold, tree, "halted_by_moderator", event, f"its author {root.user_id} is disabled")
    elif root.review_result is False and aborts:
        limit = fold.settings.acceptance_threshold_initial_prompt
        enter(fold, tree, "aborted_low_grade", event, f"{figures}, more than {limit:g} is needed")


def _growth(fold: Fold, tree: Tree, event: Event) -> None:
    size = tree.size
    if size == 0:
        enter(fold, tree, "halted_by_moderator", event, "nothing accepted is left")
    elif size >= tree.goal and not any(outstanding(fold, message) for message in tree.messages.values()):
        enter(fold, tree, "ranking", event, f"{size} accepted messages, the goal is {tree.goal}; no review outstanding")


def _ranking(fold: Fold, tree: Tree, event: Event) -> None:
    if any(missing for _, missing in _missing(fold, tree)):
        return
    ranked = len(to_rank(fold, tree))
    what = f"all {ranked} messages with several replies have their ballots" if ranked else "nothing to rank"
    enter(fold, tree, "ready_for_scoring", event, what)


def _missing(fold: Fold, tree: Tree) -> Iterator[tuple[str, int]]:
    needed = fold.settings.num_required_rankings
    cast: dict[str, int] = {}
    for ballot in tree.ballots:
        cast[ballot.parent_id] = cast.get(ballot.parent_id, 0) + 1
    for name, parent in tree.messages.items():
        if len(parent.children) > 1 and rankable(fold, tree, parent):
            yield name, max(0, needed - cast.get(name, 0))
