"""What the assets of conversations write: logs to contributions, contributions to trees, trees to what is taught.

Belongs here: opening inputs, calling the pure modules in order, writing tables, ledgers and figures. Contract of each: what a
row becomes is said by the module that makes it; here nothing is decided. Fails with UserError as those modules do.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl

from ot_assets.conversations.collecting import collect
from ot_assets.conversations.folding import fold_and_read, refused_rows
from ot_assets.conversations.forest import Grown
from ot_assets.conversations.kept import kept_trees
from ot_assets.conversations.logs import Logs
from ot_assets.conversations.oasst.lines import published_lines
from ot_assets.conversations.pairs import BallotBox, PairRows, pairs
from ot_assets.conversations.prompts import PromptRows, prompts
from ot_assets.conversations.rows import SCHEMAS, TreeRows, tree_rows
from ot_assets.conversations.shelf import Shelf
from ot_assets.conversations.statistics import figures, overview
from ot_assets.conversations.threads import Selection, ThreadRows, threads
from ot_assets.progress import report
from ot_assets.registry.specs.conversation import ConversationSpec
from resources.artifacts import Artifact
from schemas.ledger import Ledger

if TYPE_CHECKING:
    from ot_assets.step import Step

_ROWS = 20_000


def publish_contributions(step: Step, spec: ConversationSpec) -> Mapping[str, Any]:
    """All events of a language, from its files, its imports and the house's log."""
    logs = Logs.of(step.registry, spec.key)
    lines = chain(published_lines(spec, logs.folder), logs.lines())
    found = collect(lines, spec.language, now=round(time.time() * 1000), moderators=spec.settings)
    for rows in found.events.iter_slices(_ROWS):
        step.out.write(rows)
    step.out.drop(found.ledger)
    step.out.rows_in(found.lines)
    step.out.licences(spec.licence)
    kinds = dict(found.events.group_by("kind").len().sort("kind").iter_rows())
    step.out.stat(events=kinds, refused=found.rules)
    return {"refused": found.ledger.height}


def publish_trees(step: Step, spec: ConversationSpec) -> tuple[Mapping[str, Any], str]:
    """The fold, its tables, and the events that did not count; the second is an overview as markdown."""
    events = step.open("contributions", step.partition)
    folder = step.services.home.path / "conversations"
    folded, (made, refused) = fold_and_read(spec, lambda: events.batches(rows=_ROWS), folder, _read)
    states: Counter[str] = Counter()
    for rows in made:
        for frame in SCHEMAS:
            step.out.write(getattr(rows, frame), "" if frame == "messages" else frame)
        states.update(rows.trees.get_column("state").to_list())
        report(f"{states.total():,} trees written")
    step.out.drop(refused)
    step.licences_of("contributions")
    rules = dict(refused.group_by("rule").len().sort("rule").iter_rows())
    step.out.stat(states=dict(states), events=folded.events, folded_now=folded.again, refused=rules)
    frames = {name: [schema.empty(), *(getattr(rows, name) for rows in made)] for name, schema in SCHEMAS.items()}
    whole = TreeRows(**{name: pl.concat(some) for name, some in frames.items()})
    above = figures(whole)
    step.out.stat(statistics=dict(above))
    return {**states, "refused": refused.height, "folded_now": folded.again}, overview(whole, above)


def _read(shelf: Shelf) -> tuple[list[TreeRows], pl.DataFrame]:
    """All of a shelf, before any of it is written: a damaged one is made again."""
    return list(tree_rows(shelf.trees())), Ledger.frame(refused_rows(shelf))


def publish_rows(step: Step, spec: ConversationSpec) -> Mapping[str, Any]:
    """Threads, pairs or prompts, whichever the step's asset holds."""
    made = step.open("conversation_trees", step.partition)
    rows_in, selection = 0, Selection()
    for rows in _MAKERS[step.asset](made, spec):
        step.out.write(rows.frame)
        step.out.drop(rows.ledger)
        rows_in += rows.selection.rows_in if isinstance(rows, ThreadRows) else rows.rows_in
        selection = selection + rows.selection if isinstance(rows, ThreadRows) else selection
    step.out.rows_in(rows_in)
    step.licences_of("conversation_trees")
    if selection.trees:
        step.out.stat(selection=selection.to_json())
        return {"trees": selection.trees, "threads": selection.threads}
    return {}


def _trees(made: Artifact, spec: ConversationSpec) -> Iterator[Sequence[Grown]]:
    return kept_trees(made.batches(rows=_ROWS), spec.kept)


def _threads(made: Artifact, spec: ConversationSpec) -> Iterator[ThreadRows]:
    return (threads(trees, spec) for trees in _trees(made, spec))


def _pairs(made: Artifact, spec: ConversationSpec) -> Iterator[PairRows]:
    box = BallotBox(_table(made, "ballots"))
    return (pairs(trees, box, spec) for trees in _trees(made, spec))


def _prompts(made: Artifact, spec: ConversationSpec) -> Iterator[PromptRows]:
    return (prompts(trees, spec) for trees in _trees(made, spec))


def _table(made: Artifact, table: str) -> Iterator[pl.DataFrame]:
    return made.batches(rows=_ROWS, table=table)


_MAKERS: Mapping[str, Callable[[Artifact, ConversationSpec], Iterator[ThreadRows | PairRows | PromptRows]]] = {
    "sft_threads": _threads,
    "preference_pairs": _pairs,
    "prompts": _prompts,
}
