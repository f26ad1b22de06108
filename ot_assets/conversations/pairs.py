"""Preference pairs: of two ranked replies of the assistant to the same message, the better and the worse one.

Belongs here: `pairs`, from trees with their drops, and the raw ballots, to rows of `schemas.PreferencePairs`. Contract:
every two replies of the assistant to one message are a row, or in the ledger once, as `better worse` by their ids, with
the first rule that fits: `message_dropped` (one of them may not be taught: `lost_to`), `unranked` (one of them has no
rank), `same_rank`, `not_asked` (the rule takes only neighbours, or only the best and the worst), `same_text`,
`few_ballots`, `low_agreement`. The margin is the gap between the two ranks. A pair's agreement is the share of the
ballots with both replies that put the better one first; without ballots, as in an import of published files, it is not
known, and min_agreement lets the pair stay. The weight is 1 / the pairs that the rule takes of the message: 1 / C(K, 2)
of K ranked replies that may be taught, for `all`; so every message counts for one (as the loss of InstructGPT's reward
model has it, Ouyang et al., arXiv 2203.02155, eq. 1), and for less where its pairs are dropped for their ballots or
texts. Pure; fails with ValueError where ballots are not in the order of the trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import polars as pl

from ot_assets.conversations.columns import chats, lists
from ot_assets.conversations.forest import Drop, Grown, Node
from ot_assets.conversations.kept import ledger_of
from ot_assets.conversations.splitting import sides
from ot_assets.registry.specs.conversation import ConversationSpec, PairRules
from schemas.conversations import NAMES, PreferencePairs

Cast = tuple[str, Sequence[str]]
"""A ballot: its event, and message ids with the best first."""


class BallotBox:
    """The ballots of a stream of `Ballots` frames, tree by tree, without all of them in memory."""

    def __init__(self, frames: Iterable[pl.DataFrame]) -> None:
        """The frames' rows are in the order of the trees, as `conversation_trees` holds them."""
        columns = ("tree_id", "parent_id", "event_id", "ranking")
        self._rows: Iterator[tuple[str, str, str, list[str]]] = (
            row for frame in frames for row in frame.select(columns).iter_rows()
        )
        self._next = next(self._rows, None)
        self._last = ""

    def of(self, tree_id: str) -> dict[str, list[Cast]]:
        """The ballots of a tree by the message whose replies they order; trees are asked for in their order, each once."""
        found: dict[str, list[Cast]] = {}
        if tree_id <= self._last:
            raise ValueError(f"tree {tree_id} is asked for after {self._last}")
        while self._next is not None and self._next[0] <= tree_id:
            tree, parent, event, ranking = self._next
            if tree < self._last:
                raise ValueError(f"the ballots of tree {tree} stand after those of {self._last}")
            if tree == tree_id:
                found.setdefault(parent, []).append((event, ranking))
            self._last = tree
            self._next = next(self._rows, None)
        self._last = tree_id
        return found


@dataclass(frozen=True)
class PairRows:
    """Rows of `PreferencePairs`, and the ledger rows of the other pairs of replies."""

    frame: pl.DataFrame
    ledger: pl.DataFrame

    @property
    def rows_in(self) -> int:
        """Every two replies of the assistant to one message."""
        return len(self.frame) + len(self.ledger)


@dataclass(frozen=True)
class Support:
    """What the ballots with both replies of a pair say."""

    event_ids: list[str]
    first: int
    """How many put the better one first."""

    @property
    def agreement(self) -> float | None:
        """Their share; None without ballots."""
        return self.first / len(self.event_ids) if self.event_ids else None


def pairs(trees: Sequence[Grown], ballots: BallotBox, spec: ConversationSpec) -> PairRows:
    """The preference pairs of some trees."""
    rows: list[tuple[object, ...]] = []
    told: list[tuple[list[Node], Node, Node, list[str]]] = []
    losses: list[tuple[str, Drop]] = []
    for tree, side in zip(trees, sides([t.tree_id for t in trees], spec.seed, spec.validation), strict=True):
        cast = ballots.of(tree.tree_id)
        for parent in tree.nodes:
            replies = [reply for reply in parent.replies if reply.role == "assistant"]
            if len(replies) < 2:
                continue
            asked = taken(replies, spec.pairs)
            for better, worse in combinations(sorted(replies, key=_order), 2):
                support = supported(better, worse, cast.get(parent.message_id, ()))
                why = _drop(better, worse, support, asked, spec.pairs)
                if why is not None:
                    losses.append((f"{better.message_id} {worse.message_id}", why))
                    continue
                assert better.rank is not None and worse.rank is not None
                told.append((parent.path, better, worse, support.event_ids))
                rows.append(
                    (
                        float(worse.rank - better.rank), support.agreement, len(support.event_ids), 1 / len(asked),
                        tree.tree_id, parent.message_id, better.message_id, worse.message_id, tree.language, side,
                        spec.licence,
                    )
                )  # fmt: skip
    return PairRows(_frame(rows, told), ledger_of(losses))


def taken(replies: Iterable[Node], rules: PairRules) -> frozenset[tuple[str, str]]:
    """The pairs, better and worse by their ids, that the rule takes of the ranked replies that may be taught."""
    order = sorted((reply for reply in replies if reply.drop is None and reply.rank is not None), key=_order)
    if rules.pairs == "adjacent":
        some = list(pairwise(order))
    elif rules.pairs == "best_worst":
        some = [(order[0], order[-1])] if len(order) > 1 else []
    else:
        some = list(combinations(order, 2))
    return frozenset((better.message_id, worse.message_id) for better, worse in some)


def supported(better: Node, worse: Node, ballots: Iterable[Cast]) -> Support:
    """What the ballots with both say of a pair."""
    events, first = [], 0
    for event, ranking in ballots:
        if better.message_id in ranking and worse.message_id in ranking:
            events.append(event)
            first += ranking.index(better.message_id) < ranking.index(worse.message_id)
    return Support(events, first)


def _drop(
    better: Node, worse: Node, support: Support, asked: frozenset[tuple[str, str]], rules: PairRules
) -> Drop | None:
    for one in (better, worse):
        if one.drop is not None:
            return Drop("message_dropped", one.drop.figure, one.message_id, one.drop.rule)
    for one in (better, worse):
        if one.rank is None:
            return Drop("unranked", None, one.message_id)
    assert better.rank is not None and worse.rank is not None
    gap = float(worse.rank - better.rank)
    if not gap:
        return Drop("same_rank", gap)
    if (better.message_id, worse.message_id) not in asked:
        return Drop("not_asked", gap, None, f"pairs: {rules.pairs}")
    if better.text == worse.text:
        return Drop("same_text", gap)
    if len(support.event_ids) < rules.min_ballots:
        return Drop("few_ballots", float(len(support.event_ids)), None, f"{rules.min_ballots} are asked")
    if support.agreement is not None and support.agreement < rules.min_agreement:
        return Drop("low_agreement", support.agreement, None, f"{rules.min_agreement:g} is asked")
    return None


def _order(reply: Node) -> tuple[bool, int, str]:
    return reply.rank is None, reply.rank or 0, reply.message_id


def _frame(
    rows: Sequence[tuple[object, ...]], told: Sequence[tuple[Sequence[Node], Node, Node, Sequence[str]]]
) -> pl.DataFrame:
    dtypes = PreferencePairs.dtypes()
    plain = {name: dtypes[name] for name in dtypes if name not in ("prompt", "chosen", "rejected", "event_ids")}
    return (
        pl.DataFrame(list(rows), schema=plain, orient="row")
        .with_columns(
            chats([node.turn for node in path] for path, *_ in told).alias("prompt"),
            chats([better.turn] for _, better, _, _ in told).alias("chosen"),
            chats([worse.turn] for _, _, worse, _ in told).alias("rejected"),
            lists([events for *_, events in told], NAMES).alias("event_ids"),
        )
        .select(list(dtypes))
    )
