"""One tree in a terminal: its messages, its history, and why one message was accepted and ranked as it is.

Belongs here: what rich prints for `ot tree`. `tree_view` shows every message under the one that it replies to, and
below the tree every change of its state with the event and the figures behind it. `why_view` shows the reviews of one
message, which of them decided and by what sum, and the ballots and pairwise margins behind its rank. Contract: what
people wrote is shown as text: no markup, and no character that moves the cursor or turns the line around. Reads frames
alone; whoever has a large artifact hands in the rows of one tree. Fails with UserError for an id that no row has.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ot_assets.conversations.labels import LABELS
from ot_assets.conversations.rows import TreeRows
from ot_assets.report.texts import visible
from resources.errors import UserError

_CUT = 160
_RESULTS = {True: ("accepted", "green"), False: ("rejected", "red"), None: ("undecided", "yellow")}
_ORDER = {name: place for place, name in enumerate(LABELS)}


def tree_view(rows: TreeRows, tree_id: str, *, whole: bool = False) -> RenderableType:
    """A tree, by its id or that of one of its messages. `whole`: texts are not cut."""
    one = _one(rows, tree_id)
    facts = one.trees.row(0, named=True)
    branches: dict[str, Tree] = {}
    for message in one.messages.iter_rows(named=True):
        label = _message(message, whole)
        above = branches.get(message["parent_id"] or "")
        branches[message["message_id"]] = above.add(label) if above else Tree(label, guide_style="dim")
    root = branches[facts["tree_id"]]
    return Group(_head(facts), root, Text(""), _history(one.history))


def as_text(shown: RenderableType, *, width: int = 120) -> str:
    """What a terminal without colours shows, lines at most `width` wide."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(shown)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def one_tree(rows: TreeRows, tree_id: str) -> TreeRows:
    """The rows of one tree."""
    mine = pl.col("tree_id") == tree_id
    return TreeRows(
        *(frame.filter(mine) for frame in (rows.messages, rows.trees, rows.history, rows.ballots, rows.labels))
    )


def plain(text: str | None) -> str:
    """Somebody's text in one line, with nothing in it that is not seen."""
    return " ".join(visible(text or "").split())


def cut(text: str, cells: int) -> str:
    """At most so many cells of a terminal or of a picture."""
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"


def when(moment: datetime | None) -> str:
    """A time, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment is not None else ""


def result_words(message: Mapping[str, Any]) -> tuple[str, str]:
    """What became of a message's review, and its colour."""
    return _RESULTS[message["review_result"]]


def label_words(labels: Sequence[Mapping[str, Any]]) -> str:
    """Label means, in the order in which they are asked for; those that are 0 are left out."""
    ordered = sorted(labels, key=lambda one: _ORDER.get(one["name"], len(_ORDER)))
    return " ".join(f"{one['name']} {one['value']:.2f}" for one in ordered if one["value"])


def table(*columns: str) -> Table:
    """A table without frills; columns that begin with `#` hold numbers."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(
            column.removeprefix("#"), justify="right" if column.startswith("#") else "left", overflow="fold"
        )
    return made


def find_message(rows: TreeRows, message_id: str) -> dict[str, Any]:
    """The row of a message. Raises `UserError` where there is none."""
    found = rows.messages.filter(pl.col("message_id") == message_id)
    if found.is_empty():
        raise UserError(f"there is no message {message_id}", fix="ids stand in conversation_trees, column message_id")
    return found.row(0, named=True)


def _one(rows: TreeRows, tree_id: str) -> TreeRows:
    found = one_tree(rows, tree_id)
    if found.trees.is_empty():
        of = rows.messages.filter(pl.col("message_id") == tree_id)["tree_id"].to_list()
        if not of:
            raise UserError(
                f"there is no tree {tree_id}", fix="ids stand in conversation_trees, table trees, column tree_id"
            )
        found = one_tree(rows, of[0])
    return found


def _head(facts: Mapping[str, Any]) -> Text:
    text = Text()
    text.append(plain(facts["tree_id"]), style="bold")
    text.append(f"  {facts['state']}", style="bold cyan").append(
        f"  {facts['language']}  {facts['origin']}\n", style="dim"
    )
    text.append(f"{plain(facts['why'])}; since {when(facts['since'])} by {plain(facts['since_event'])}\n")
    limits = f"depth {facts['max_depth']}, {facts['max_children']} replies"
    sizes = f"{facts['messages']} messages, {facts['accepted']} accepted, the goal is {facts['goal']}; limits: {limits}"
    won = f"; drawn in the lottery {when(facts['won_at'])}" if facts["won_at"] else ""
    return text.append(sizes + won, style="dim")


def _message(message: Mapping[str, Any], whole: bool) -> Text:
    words, colour = result_words(message)
    text = Text()
    text.append(message["role"], style="bold").append(f"  {plain(message['user_id'])}", style="cyan")
    reviews = message["review_count"]
    text.append(f"  {words}", style=colour).append(f" ({reviews} review{'' if reviews == 1 else 's'})", style="dim")
    if message["rank"] is not None:
        text.append(f"  rank {message['rank']}", style="bold magenta")
    if message["ranking_count"]:
        text.append(f" ({message['ranking_count']} ballots)", style="dim")
    for mark, style in (("deleted", "bold red"), ("synthetic", "yellow"), ("edited", "yellow")):
        if message[mark]:
            model = f" by {plain(message['model_name'])}" if mark == "synthetic" and message["model_name"] else ""
            text.append(f"  {mark}{model}", style=style)
    said = plain(message["text"])
    text.append(f"\n{said if whole else cut(said, _CUT)}", style="strike" if message["deleted"] else "")
    emojis = " ".join(f"{plain(one['name'])} {one['count']}" for one in message["emojis"])
    skips = f"skipped {message['skips']} times" if message["skips"] else ""
    facts = (plain(message["message_id"]), label_words(message["labels"]), emojis, skips)
    return text.append("\n" + " · ".join(fact for fact in facts if fact), style="dim")


def _history(history: pl.DataFrame) -> Table:
    made = table("when", "state", "event", "why")
    for step in history.sort("number").iter_rows(named=True):
        made.add_row(
            when(step["at"]), Text(step["after"], style="cyan"), Text(plain(step["event_id"])), Text(plain(step["why"]))
        )
    return made
