"""The lottery, the backlog and drawn goals: the same every time, and in the right proportions."""

from __future__ import annotations

from collections import Counter

import pytest
from scipy import stats

from ot_assets.conversations import lottery
from tests.conversations.acting import SMALL, Acting, imported

DAY = 24 * 3600 * 1000
SURE = 1e-4
"""Seeds are fixed: a test below this would fail always or never."""


def _waiting(crowd: Acting, prompts: dict[str, int]) -> dict[str, str]:
    """Prompts that wait for the lottery -> their author."""
    crowd.settings(max_active_trees=0)
    return {crowd.accept(crowd.prompt(author)): author for author, count in prompts.items() for _ in range(count)}


def _drawn(crowd: Acting) -> str:
    """The next tree that the lottery draws; it is halted at once and waits again."""
    crowd.settings(max_active_trees=1)
    (tree,) = (name for name in crowd.fold.language.open if crowd.state_of(name) == "growing")
    crowd.settings(max_active_trees=0)
    crowd.moderate("tree_halted", tree)
    crowd.tree(tree).won_at = None  # so that it goes back to where it was
    crowd.moderate("tree_unhalted", tree)
    assert crowd.state_of(tree) == "prompt_lottery_waiting"
    return tree


def _draws(crowd: Acting, count: int) -> list[str]:
    return [_drawn(crowd) for _ in range(count)]


def test_an_author_is_drawn_first_so_that_many_prompts_win_no_more_often():
    crowd = Acting(**SMALL)
    author = _waiting(crowd, {"few": 1, "many": 20, "some": 5})
    drawn = Counter(author[tree] for tree in _draws(crowd, 600))
    assert stats.chisquare([drawn["few"], drawn["many"], drawn["some"]]).pvalue > SURE


def test_an_authors_prompts_are_alike():
    crowd = Acting(**SMALL)
    author = _waiting(crowd, {"a": 6})
    drawn = Counter(_draws(crowd, 600))
    assert drawn.keys() == author.keys() and stats.chisquare(list(drawn.values())).pvalue > SURE


def _first(crowd: Acting, author: str, times: int) -> None:
    """So many ballots put a reply of this person first."""
    crowd.settings(max_active_trees=5)
    tree = crowd.accept(crowd.prompt("asker"))
    assert crowd.state_of(tree) == "growing"
    good, bad = crowd.accept(crowd.reply(tree, author)), crowd.accept(crowd.reply(tree, "other"))
    for _ in range(times):
        crowd.rank(tree, good, bad)


@pytest.mark.parametrize(
    ("weights", "expected"), [("ranked_first", {"a": 6, "b": 3, "c": 1}), ("uniform", {"a": 1, "b": 1, "c": 1})]
)
def test_authors_whose_replies_were_ranked_first_are_drawn_more_often(weights, expected):
    crowd = Acting(**SMALL, lottery_weights=weights)
    _first(crowd, "a", 5)
    _first(crowd, "b", 2)
    author = _waiting(crowd, {"a": 3, "b": 3, "c": 3})
    drawn = Counter(author[tree] for tree in _draws(crowd, 600))
    whole = sum(expected.values())
    assert (
        stats.chisquare([drawn[name] for name in expected], [600 * n / whole for n in expected.values()]).pvalue > SURE
    )


def test_weights_change_with_the_setting_and_with_time():
    crowd = Acting(**SMALL)
    _first(crowd, "a", 4)
    _waiting(crowd, {"a": 1, "c": 1})
    urn = crowd.fold.language.urn
    assert urn.total == 6
    crowd.settings(lottery_weights="uniform")
    assert urn.total == 2
    crowd.settings(lottery_weights="ranked_first")
    assert urn.total == 6
    crowd.at += 30 * DAY
    crowd.settings(max_active_trees=1)
    assert urn.total == 1  # one was drawn, and what is a month old is forgotten
    assert not crowd.fold.language.wins and not crowd.fold.language.firsts


def test_a_disabled_author_is_never_drawn():
    crowd = Acting(**SMALL)
    author = _waiting(crowd, {"a": 3, "b": 1})
    crowd.do("user_disabled", user_id="m", about_user="a")
    assert {author[tree] for tree in _draws(crowd, 5)} == {"b"}


def test_no_more_grow_than_may():
    crowd = Acting(**SMALL)
    _waiting(crowd, dict.fromkeys("abcdefgh", 2))
    for most in (0, 3, 2, 7):
        crowd.settings(max_active_trees=most)
        growing = crowd.fold.language.states["growing"]
        assert growing == (3 if most == 2 else most)  # what grows goes on growing
    assert crowd.fold.language.states["prompt_lottery_waiting"] == 16 - 7


def test_the_same_events_are_drawn_the_same_way_and_another_seed_otherwise():
    def drawn(seed):
        crowd = Acting(**SMALL, seed=seed)
        _waiting(crowd, dict.fromkeys("abcdefgh", 2))
        return _draws(crowd, 10)

    assert drawn(1) == drawn(1) != drawn(2)


def _backlog(crowd: Acting, count: int) -> None:
    for number in range(count):
        tree = imported(
            f"i{number}", (f"a{number}", f"i{number}"), (f"b{number}", f"i{number}"), tree_state="backlog_ranking"
        )
        crowd.do("tree_imported", tree_id=f"i{number}", tree=tree)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_backlog_gives_a_tree_as_often_as_settings_say(share):
    crowd = Acting(**SMALL, p_activate_backlog_tree=share)
    _backlog(crowd, 400)
    for _ in range(400):
        crowd.reject(crowd.prompt())
    given = 400 - len(crowd.fold.language.backlog)
    assert stats.binomtest(given, 400, share).pvalue > SURE
    assert crowd.fold.language.states["ranking"] == given


def test_any_active_tree_that_becomes_inactive_asks_the_backlog():
    crowd = Acting(**SMALL, p_activate_backlog_tree=1.0, max_active_trees=0)
    _backlog(crowd, 4)

    def left() -> int:
        return len(crowd.fold.language.backlog)

    tree = crowd.prompt()
    assert left() == 4
    crowd.accept(tree)  # waiting for the lottery is no activity
    assert left() == 3
    crowd.settings(max_active_trees=1)
    assert crowd.state_of(tree) == "growing" and left() == 3
    crowd.moderate("tree_halted", tree)
    assert left() == 2
    crowd.reject(crowd.prompt())
    assert left() == 1
    ranked = next(iter(crowd.fold.language.open))
    crowd.rank(ranked, *crowd.tree(ranked).root.children)
    assert crowd.state_of(ranked) == "ready_for_export" and left() == 0
    crowd.moderate("tree_halted", ranked)  # it was not active any more


def test_the_backlog_gives_a_tree_while_too_few_messages_wait_for_ballots():
    crowd = Acting(**SMALL, p_activate_backlog_tree=0.0, min_active_rankings_per_lang=2)
    _backlog(crowd, 6)
    for expected in (1, 2, 2, 2):
        crowd.reject(crowd.prompt())
        assert crowd.fold.language.states["ranking"] == expected


def test_logged_draws_alone():
    crowd = Acting(**SMALL, draws="logged", p_activate_backlog_tree=1.0)
    _backlog(crowd, 2)
    crowd.reject(crowd.prompt())
    assert len(crowd.fold.language.backlog) == 2
    crowd.do("lottery_drawn", tree_id="i1")
    assert crowd.state_of("i1") == "ranking" and crowd.why("i1") == "drawn by the log"
    empty = imported("e", ("x", "e"), tree_state="backlog_ranking")
    crowd.do("tree_imported", tree_id="e", tree=empty)
    crowd.do("lottery_drawn", tree_id="e")
    assert crowd.state_of("e") == "aborted_low_grade" and crowd.why("e") == "drawn by the log, with nothing to rank"


def test_goals_are_drawn_alike_between_the_least_and_the_goal():
    crowd = Acting(random_goal_tree_size=True)
    goals = Counter(crowd.tree(crowd.prompt(f"u{n}")).goal for n in range(800))
    assert sorted(goals) == list(range(5, 13)) and stats.chisquare(list(goals.values())).pvalue > SURE
    crowd.settings(min_goal_tree_size=50)
    assert crowd.tree(crowd.prompt()).goal == 12


class _Searched(list[str]):
    """A queue that counts how often it is searched."""

    searches = 0

    def __contains__(self, name: object) -> bool:
        self.searches += 1
        return super().__contains__(name)


def test_one_more_prompt_of_an_author_is_not_looked_up_among_all_that_wait():
    crowd = Acting(max_active_trees=0)
    crowd.do("tree_imported", tree_id="i0", tree=imported("i0", tree_state="prompt_lottery_waiting"))
    waiting = crowd.fold.language.waiting
    queue = waiting["unknown"] = _Searched(waiting["unknown"])
    for number in range(1, 50):
        tree = imported(f"i{number}", tree_state="prompt_lottery_waiting")
        crowd.do("tree_imported", tree_id=f"i{number}", tree=tree)
    assert len(queue) == 50 and queue is waiting["unknown"] and queue.searches == 0


@pytest.mark.parametrize("least", [1, 2, 5])
def test_no_more_trees_are_read_for_the_backlog_than_it_takes(least):
    crowd = Acting(**SMALL)
    for number in range(6):
        name = f"i{number}"
        replies = [(f"{name}a", name), (f"{name}b", name)]
        crowd.do("tree_imported", tree_id=name, tree=imported(name, *replies, tree_state="ranking"))
    read: list[str] = []
    whole = crowd.shelf.tree
    crowd.shelf.tree = lambda name: read.append(name) or whole(name)  # type: ignore[func-returns-value,method-assign]
    assert lottery._wait_for_ballots(crowd.fold, least) and len(read) == least
    assert not lottery._wait_for_ballots(crowd.fold, 7)
