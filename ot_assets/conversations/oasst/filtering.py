"""Which trees and messages are wanted: the same filter for what is read and for what is written.

Belongs here: `Wanted`, and `filtered`, which gives a tree's wanted messages, depth-first, and the others with the reason.
Published files are always filtered again: those of OASST2 that are called ready hold deleted messages. Contract: a message
that is dropped takes all under it with it, each with a reason of its own; nothing is dropped in silence. Ranks are put
together again where a dropped message left a gap; a gap that was there before is refused or closed, as `ranks` says. Rules
that drop a message: `unknown_parent`, `deleted`, `not_accepted`, `too_deep`, `label_too_high`, `label_too_low`,
`parent_dropped` (one above it was). Rules that refuse a tree (`Refused`): `other_state`, `other_language`, `bad_language`,
`synthetic`, those of messages where the prompt is dropped, and what makes it no tree: `no_root`, `two_roots`, `known_message`
(an id twice), `cycle`, `rank_gap`, `rank_twice`, `bad_tree`. `Wanted` raises UserError for names that nothing has.

As Open-Assistant's exporter does it: synthetic messages keep a whole tree out, the language is that of the prompt, and
messages go before trees are looked at for synthetic ones. A tree without a stated state counts as `ranking`, since it comes
to be ranked, and its messages as accepted unless they say that they are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ot_assets.conversations.events import Refused
from ot_assets.conversations.labels import LABELS
from ot_assets.conversations.languages import matches, normalised
from ot_assets.conversations.oasst.published import Row
from ot_assets.conversations.state import STATES
from resources.errors import UserError

STATELESS = "ranking"
"""What a tree without a stated state counts as."""


@dataclass(frozen=True)
class Wanted:
    """What is wanted. The defaults are those of Open-Assistant's exporter."""

    states: tuple[str, ...] | None = ("ready_for_export",)
    """None: all."""
    languages: tuple[str, ...] = ()
    """Tags of the prompt; none named: all. `pt` takes `pt-BR` too, `pt-BR` only that."""
    synthetic: bool = False
    deleted: bool = False
    unreviewed: bool = False
    max_depth: int | None = None
    labels_below: Mapping[str, float] = field(default_factory=dict)
    """Label -> its mean must be below; messages without the label stay."""
    labels_above: Mapping[str, float] = field(default_factory=dict)
    ranks: Literal["refuse", "renumber"] = "refuse"

    def __post_init__(self) -> None:
        """Brings tags to their usual case. Raises UserError for a name that nothing can have."""
        object.__setattr__(self, "languages", tags(self.languages))
        for what, names, known in (
            ("state", self.states or (), STATES),
            ("label", (*self.labels_below, *self.labels_above), LABELS),
        ):
            for name in names:
                if name not in known:
                    raise UserError(f"no {what} is called {name!r}", fix=f"known are {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Lost:
    """A message that is not wanted, and why."""

    message_id: str
    rule: str
    note: str


@dataclass(frozen=True)
class Filtered:
    """The messages of a tree that are wanted, parents before children, siblings in the order given; and the others."""

    language: str
    """The prompt's tag, normalised."""
    rows: list[Row]
    lost: list[Lost]


def filtered(tree_id: str, state: str | None, rows: Sequence[Row], wanted: Wanted) -> Filtered:
    """What of a tree is wanted. Raises `Refused` where it is none of it."""
    told = state or STATELESS
    if wanted.states is not None and told not in wanted.states:
        raise Refused("other_state", f"the tree is {told}, only {_names(wanted.states)} is wanted ({_count(rows)})")
    links = _Links(tree_id, rows)
    language = _language(links.by_id[tree_id], wanted, len(rows))
    lost = list(links.orphans())
    kept: dict[str, tuple[Row, int]] = {}
    for row, depth in links.down():
        name, parent = row["message_id"], row.get("parent_id")
        if parent is not None and parent not in kept:
            lost.append(Lost(name, "parent_dropped", f"message {parent} above it was dropped"))
        elif (why := _unwanted(row, depth, wanted, stateless=state is None)) is not None:
            if parent is None:
                raise Refused(why[0], f"the prompt: {why[1]} ({_count(rows)})")
            lost.append(Lost(name, *why))
        else:
            kept[name] = (row, depth)
    if not wanted.synthetic:
        _no_synthetic([row for row, _ in kept.values()])
    ranks = _ranks(links, kept.keys(), wanted.ranks)
    return Filtered(language, [_ranked(row, ranks) for row, _ in kept.values()], lost)


def tags(languages: Iterable[str]) -> tuple[str, ...]:
    """Language tags in their usual case. Raises UserError for what is none."""
    found = []
    for tag in languages:
        if (told := normalised(tag)) is None:
            raise UserError(f"{tag!r} is no language tag", fix="write it as in en or pt-BR")
        found.append(told)
    return tuple(found)


class _Links:
    """The messages of a tree, and who replies to whom."""

    def __init__(self, tree_id: str, rows: Sequence[Row]) -> None:
        self.tree_id = tree_id
        self.by_id: dict[str, Row] = {}
        self.children: dict[str | None, list[str]] = {}
        for row in rows:
            name, parent = row.get("message_id"), row.get("parent_id")
            if not isinstance(name, str) or not isinstance(parent, str | None):
                raise Refused("bad_tree", "a message has no message_id, or a parent_id that is no text")
            if name in self.by_id:
                raise Refused("known_message", f"message {name} stands twice in the tree")
            self.by_id[name] = row
            self.children.setdefault(parent, []).append(name)
        self._one_root()
        self._reached = {row["message_id"] for row, _ in self.down()}
        self._lost = [name for name in self.by_id if name not in self._reached]
        self._no_cycle(self._lost)

    def down(self, top: str | None = None) -> Iterator[tuple[Row, int]]:
        """Messages from the prompt, or from another one, downwards, with their depth under it."""
        waiting = [(top or self.tree_id, 0)]
        while waiting:
            name, depth = waiting.pop()
            yield self.by_id[name], depth
            waiting.extend((child, depth + 1) for child in reversed(self.children.get(name, ())))

    def orphans(self) -> Iterator[Lost]:
        """Messages whose way up ends at a message that is not there."""
        for name in self._lost:
            parent = self.by_id[name].get("parent_id")
            if parent not in self.by_id:
                yield Lost(name, "unknown_parent", f"it replies to {parent}, which is not in the tree")
            else:
                yield Lost(name, "parent_dropped", f"message {parent} above it was dropped")

    def _one_root(self) -> None:
        roots = self.children.get(None, [])
        if len(roots) > 1:
            raise Refused("two_roots", f"{len(roots)} messages have no parent: {', '.join(sorted(roots)[:5])}")
        if roots != [self.tree_id]:
            self._no_cycle(list(self.by_id) if not roots else [])
            what = f"the message without a parent is {roots[0]}" if roots else "no message is without a parent"
            raise Refused("no_root", f"{what}, but the tree is {self.tree_id}")

    def _no_cycle(self, names: Iterable[str]) -> None:
        seen: set[str] = set()
        for name in names:
            way: set[str] = set()
            up: str | None = name
            while up in self.by_id and up not in seen:
                assert up is not None
                seen.add(up)
                way.add(up)
                up = self.by_id[up].get("parent_id")
            if up in way:
                raise Refused("cycle", f"the way up from message {name} comes back to {up}")


def _language(root: Row, wanted: Wanted, size: int) -> str:
    said = root.get("lang")
    found = normalised(said) if isinstance(said, str) else None
    if found is None:
        raise Refused("bad_language", f"the prompt's lang is {said!r:.60}; a tag such as en or pt-BR is expected")
    if wanted.languages and not any(matches(found, one) for one in wanted.languages):
        raise Refused(
            "other_language", f"the prompt is {found}, only {_names(wanted.languages)} is wanted ({size} messages)"
        )
    return found


def _unwanted(row: Row, depth: int, wanted: Wanted, *, stateless: bool) -> tuple[str, str] | None:
    """The rule and the words by which a message is dropped."""
    if _flag(row, "deleted") and not wanted.deleted:
        return "deleted", "it is deleted"
    result = _flag(row, "review_result")
    if not wanted.unreviewed and not (result or (stateless and result is None)):
        return "not_accepted", "its review rejected it" if result is False else "its review is open"
    if wanted.max_depth is not None and depth > wanted.max_depth:
        return "too_deep", f"it stands at depth {depth}, at most {wanted.max_depth} is wanted"
    for name, limit in wanted.labels_below.items():
        if (value := _mean(row, name)) is not None and value >= limit:
            return "label_too_high", f"{name} is {value:g}, below {limit:g} is wanted"
    for name, limit in wanted.labels_above.items():
        if (value := _mean(row, name)) is not None and value <= limit:
            return "label_too_low", f"{name} is {value:g}, above {limit:g} is wanted"
    return None


def _flag(row: Row, name: str) -> bool | None:
    value = row.get(name)
    if not isinstance(value, bool | None):
        raise Refused("bad_tree", f"message {row['message_id']}: {name} is {value!r:.60}; true or false is expected")
    return value


def _mean(row: Row, label: str) -> float | None:
    labels = row.get("labels")
    said = labels.get(label) if isinstance(labels, Mapping) else None
    value = said.get("value") if isinstance(said, Mapping) else None
    return value if isinstance(value, int | float) else None


def _no_synthetic(rows: Sequence[Row]) -> None:
    if written := [row["message_id"] for row in rows if _flag(row, "synthetic")]:
        raise Refused("synthetic", f"a model wrote {len(written)} of {_count(rows)}, {written[0]} among them")


def _ranks(links: _Links, kept: Iterable[str], mode: str) -> dict[str, int]:
    """Message -> rank among its siblings that are kept, where they have ranks that can be used."""
    alive, found = frozenset(kept), {}
    for parent, names in links.children.items():
        given = {name: rank for name in names if (rank := links.by_id[name].get("rank")) is not None}
        if not given or parent not in alive or not all(type(rank) is int for rank in given.values()):
            continue
        left = sorted((rank, name) for name, rank in given.items() if name in alive)
        ranks = [rank for rank, _ in left]
        if len(set(ranks)) < len(ranks):
            raise Refused("rank_twice", f"the replies to {parent} have the ranks {ranks}; each may stand once")
        told = sorted(set(given.values()))
        if mode == "refuse" and told != list(range(len(told))):
            raise Refused("rank_gap", f"the replies to {parent} have the ranks {told}; 0, 1, 2 ... are expected")
        found.update({name: place for place, (_, name) in enumerate(left)})
    return found


def _ranked(row: Row, ranks: Mapping[str, int]) -> Row:
    rank: Any = ranks.get(row["message_id"])
    return row if rank is None or rank == row["rank"] else {**row, "rank": rank}


def _names(names: Sequence[str]) -> str:
    return " or ".join(names) or "none"


def _count(rows: Sequence[Row]) -> str:
    return f"{len(rows)} message{'s' * (len(rows) != 1)}"
