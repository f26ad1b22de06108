"""A row's path and a row's fate as text for a terminal.

Belongs here: renderings of `RowPath` and `Fate`; programs read their `as_dict()`. Pure. Cells come from data: they
are made printable and are never read as markup.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ot_assets.lineage import words
from ot_assets.lineage.fate import Fate, Presence
from ot_assets.lineage.path import Drop, RowPath, Step
from ot_assets.lineage.written import Ancestor

_STATUS = {"present": "green", "dropped": "yellow", "absent": "dim", "unreadable": "red"}
_IDS = 3
_DESCENDANTS = 50


def path_rich(path: RowPath) -> Tree:
    """The steps of a row's path, the training row first. A step names only the cells that the steps above it have
    not.
    """
    title = Text(f"{path.outcome} {words.clean(path.row_id)}", style="bold")
    title.append(f"  {path.recipe}|{path.teacher}", style="cyan")
    tree = Tree(title, guide_style="dim")
    shown: dict[str, Any] = {}
    for step in path.steps:
        tree.add(_step(step, {k: v for k, v in step.values.items() if shown.get(k, ...) != v}))
        shown.update(step.values)
    _grow(tree, path.written_from)
    return tree


def path_text(path: RowPath, *, width: int = 160) -> str:
    """The same without colours."""
    return _plain(path_rich(path), width)


def fate_rich(fate: Fate) -> RenderableType:
    """The stages that a source row came to, those that it did not, and the students that learned from it."""
    head = [
        Text.assemble(
            (words.clean(f"{fate.source} {row.source_row}"), "bold"),
            (
                f"  {row.question_id}"
                + ("" if row.current else f"  (in the older version {words.short(row.artifact)})"),
                "dim",
            ),
            f"\n{words.clean(words.cut(row.question))}",
        )
        for row in fate.rows
    ]
    if not fate.rows:
        head = [Text(words.clean(f"{fate.source} {fate.asked}: dropped at sourcing"), style="bold")]
    absent = [f"{stage.asset} {stage.partition}" for stage in fate.stages if stage.status == "absent"]
    never = [Text(f"never came to: {words.listed(absent)}", style="dim")] if absent else []
    return Group(*head, *_written(fate), _stages(fate), *never, _students(fate))


def fate_text(fate: Fate, *, width: int = 160) -> str:
    """The same without colours."""
    return _plain(fate_rich(fate), width)


def _grow(tree: Tree, parents: tuple[Ancestor, ...]) -> None:
    """Adds what a question was written from, and that in turn."""
    for one in parents:
        text = Text(f"written from {one.kind} ", style="bold").append(words.clean(_place(one)), style="cyan")
        text.append(f"\nreply {words.short(one.response_key)}", style="dim")
        if one.question:
            text.append(f" · {words.clean(one.question)}", style="dim")
        if one.reason:
            text.append(f"\n✗ {words.clean(one.reason)}", style="red")
        _grow(tree.add(text), one.parents)


def _place(one: Ancestor) -> str:
    return f"{one.source} {one.source_row}" if one.source else one.name


def _written(fate: Fate) -> list[RenderableType]:
    """What a row was written from, and what was written from it."""
    found: list[RenderableType] = []
    if fate.written_from:
        tree = Tree("", hide_root=True, guide_style="dim")
        _grow(tree, fate.written_from)
        found.append(tree)
    if fate.descendants:
        named = [f"{one.source} {one.question_id}" for one in fate.descendants[:_DESCENDANTS]]
        more = f" … {len(fate.descendants) - len(named):,} more" if len(fate.descendants) > len(named) else ""
        found.append(Text(f"written from it: {words.listed(named)}{more}", style="cyan"))
    return found


def _step(step: Step, fresh: Mapping[str, Any]) -> Text:
    text = Text(step.asset, style="bold")
    text.append(f"  {words.clean(step.partition)}", style="cyan").append(
        f"  {words.short(step.artifact)}", style="magenta"
    )
    if step.place is not None:
        text.append(f"  {step.place}", style="dim")
    if step.rows > 1:
        text.append(f"  (first of {step.rows} rows)", style="dim")
    if step.drop is not None:
        text.append(f"\ndropped: {_drop(step.drop)}", style="yellow")
    elif fresh:
        cells = (f"{name} {words.clean(value)}" for name, value in fresh.items() if value is not None)
        text.append("\n" + " · ".join(cells), style="dim")
    if step.reason:
        text.append(f"\n✗ {words.clean(step.reason)}", style="red")
    return text


def _drop(drop: Drop) -> str:
    parts = [drop.rule]
    if drop.figure is not None:
        parts.append(f"figure {drop.figure:g}")
    if drop.lost_to:
        parts.append(f"lost to {drop.lost_to}")
    if drop.note:
        parts.append(drop.note)
    return words.clean(", ".join(parts))


def _stages(fate: Fate) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("stage", "partition", "artifact", "", "what became of it"):
        table.add_column(name, overflow="fold")
    for stage in fate.stages:
        if stage.status == "absent":
            continue
        status = Text(stage.status, style=_STATUS[stage.status])
        where = Text(words.clean(stage.partition)), Text(words.short(stage.artifact))
        table.add_row(Text(stage.asset), *where, status, Text(_told(stage)))
    return table


def _told(stage: Presence) -> str:
    parts = []
    if stage.rows:
        more = f" … {len(stage.ids) - _IDS} more" if len(stage.ids) > _IDS else ""
        parts.append(f"{stage.rows} row{'s' if stage.rows > 1 else ''}: {words.listed(stage.ids[:_IDS])}{more}")
    if stage.dropped:
        lines = list(dict.fromkeys(_drop(drop) for drop in stage.drops))
        more = f" … {len(lines) - _IDS} more" if len(lines) > _IDS else ""
        parts.append(f"dropped {stage.dropped}: {'; '.join(lines[:_IDS])}{more}")
    if stage.reason:
        parts.append(words.clean(stage.reason))
    return " · ".join(parts)


def _students(fate: Fate) -> Text:
    if not fate.students:
        return Text("no current student learned from it", style="dim")
    lines = [
        f"student {s.recipe}|{s.teacher} {words.short(s.artifact)} learned {len(s.examples)} example(s) of it"
        for s in fate.students
    ]
    return Text("\n".join(lines), style="green")


def _plain(shown: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(shown)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
