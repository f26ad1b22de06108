"""Who comes next: which waiting prompt grows, and which tree of the backlog is ranked.

Belongs here: the two queues of a language and the draws from them. The lottery draws an author, each weighted by 1 +
how often a reply of theirs was put first by a ballot within the last month, then one of that author's first
`_PROMPTS` waiting prompts, all alike; so that a person who writes many prompts does not win more often. It draws as
soon as fewer than `max_active_trees` grow (the original one or two whenever somebody asks for a task, which a fold
does not see). Where an active tree becomes inactive, the backlog gives one with `p_activate_backlog_tree`, and one
where too few messages wait for ballots; those with nothing to rank are aborted on the way. Chance comes from the
settings' seed and the event (`chance`); under `draws: logged` there is none, and `lottery_drawn` events draw. Source:
`backend/oasst_backend/tree_manager.py`. Raises nothing.
"""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from ot_assets.conversations import automod, machine
from ot_assets.conversations.chance import chance
from ot_assets.conversations.events import Event
from ot_assets.conversations.state import Tree

if TYPE_CHECKING:
    from ot_assets.conversations.fold import Fold

MONTH = 30 * 24 * 3600 * 1000
_PROMPTS = 100


def entered(fold: Fold, tree: Tree, state: str) -> None:
    """A tree came to a state: it joins the queue of that state, if there is one."""
    if state == "prompt_lottery_waiting":
        _join(fold, tree)
    elif state == "backlog_ranking":
        fold.language.backlog.append(tree.tree_id)


def left(fold: Fold, tree: Tree, state: str) -> None:
    """A tree leaves a state, and its queue; one that grew makes room."""
    if state == "prompt_lottery_waiting":
        _withdraw(fold, tree)
    elif state == "backlog_ranking":
        fold.language.backlog.remove(tree.tree_id)
    elif state == "growing":
        fold.drawing = True


def offer(fold: Fold, tree: Tree) -> None:
    """A tree that waits for the lottery takes part in it, unless its prompt is deleted."""
    _withdraw(fold, tree)
    _join(fold, tree)


def put_first(fold: Fold, author: str, at: int) -> None:
    """A ballot put a reply of this author first."""
    language = fold.language
    language.firsts.append((at, author))
    language.wins[author] = language.wins.get(author, 0) + 1
    weigh(fold, author)
    _forget(fold, at)


def draw(fold: Fold, event: Event) -> None:
    """Lets waiting prompts grow while there is room."""
    times = 0
    while fold.settings.draws == "seed" and fold.language.states["growing"] < fold.settings.max_active_trees:
        tree_id = _winner(fold, event, times)
        if tree_id is None:
            return
        times += 1
        tree = fold.shelf.tree(tree_id)
        assert tree is not None
        grow(fold, tree, event, "drawn in the lottery")


def grow(fold: Fold, tree: Tree, event: Event, why: str) -> None:
    """A waiting prompt begins to grow; what was flagged while it waited, and a goal that it meets already, count now."""
    tree.won_at = event.at
    machine.enter(fold, tree, "growing", event, why)
    automod.look(fold, tree, tree.root, event)
    machine.touched(fold, tree, event)


def from_backlog(fold: Fold, ended: Tree, event: Event) -> None:
    """An active tree became inactive: one of the backlog may take its place."""
    settings = fold.settings
    if settings.draws == "logged" or not fold.language.backlog:
        return
    draws = chance(fold, event, f"backlog {ended.tree_id}")
    if draws.random() < settings.p_activate_backlog_tree:
        _activate(fold, event, draws)
    least = settings.min_active_rankings_per_lang
    if least and fold.language.backlog and not _wait_for_ballots(fold, least):
        _activate(fold, event, draws)


def activate(fold: Fold, tree: Tree, event: Event, why: str) -> bool:
    """A tree of the backlog is ranked; False where it has nothing to rank and is aborted."""
    if machine.to_rank(fold, tree):
        machine.enter(fold, tree, "ranking", event, why)
        return True
    machine.enter(fold, tree, "aborted_low_grade", event, f"{why}, with nothing to rank")
    return False


def weigh(fold: Fold, author: str) -> None:
    """Gives an author the weight that they now have in the lottery."""
    language = fold.language
    if author not in language.waiting or author in language.disabled:
        language.urn.set(author, 0)
    elif fold.settings.lottery_weights == "uniform":
        language.urn.set(author, 1)
    else:
        language.urn.set(author, 1 + language.wins.get(author, 0))


def _activate(fold: Fold, event: Event, draws: Random) -> None:
    backlog = fold.language.backlog
    while backlog:
        tree = fold.shelf.tree(backlog[int(draws.random() * len(backlog))])
        assert tree is not None
        if activate(fold, tree, event, "drawn from the backlog"):
            return


def _wait_for_ballots(fold: Fold, least: int) -> bool:
    """Whether so many messages' replies lack ballots, in the trees that are ranked; no more trees are read than it takes."""
    if not fold.language.states["ranking"]:
        return False
    trees = (tree for tree in map(fold.shelf.tree, fold.language.open) if tree is not None and tree.state == "ranking")
    lacking = (None for tree in trees for missing in machine.to_rank(fold, tree).values() if missing)
    return sum(1 for _ in islice(lacking, least)) == least


def _join(fold: Fold, tree: Tree) -> None:
    """A tree that does not wait yet, which nobody looks up among all that wait."""
    if not tree.root.deleted:
        author = tree.root.user_id
        fold.language.waiting.setdefault(author, []).append(tree.tree_id)
        weigh(fold, author)
        fold.drawing = True


def _withdraw(fold: Fold, tree: Tree) -> None:
    author, waiting = tree.root.user_id, fold.language.waiting
    mine = waiting.get(author, [])
    if mine and mine[-1] == tree.tree_id:  # as that of one who just came: imports may all wait under one author
        mine.pop()
    elif tree.tree_id in mine:
        mine.remove(tree.tree_id)
    else:
        return
    if not mine:
        del waiting[author]
        weigh(fold, author)


def _winner(fold: Fold, event: Event, times: int) -> str | None:
    language = fold.language
    _forget(fold, event.at)
    if not language.urn.total:
        return None
    draws = chance(fold, event, f"lottery {times}")
    author = language.urn.draw(draws.random())
    assert author is not None
    prompts = language.waiting[author][:_PROMPTS]
    return prompts[int(draws.random() * len(prompts))]


def _forget(fold: Fold, at: int) -> None:
    """Drops what is older than a month."""
    firsts, wins = fold.language.firsts, fold.language.wins
    while firsts and firsts[0][0] <= at - MONTH:
        _, author = firsts.popleft()
        wins[author] -= 1
        if not wins[author]:
            del wins[author]
        weigh(fold, author)
