"""`ot conversations` and `ot tree`: fold what people contributed, look at it, and hand it on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl

from ot_assets.commands.output import console, print_json
from ot_assets.commands.run import carry_out
from ot_assets.commands.world import open_world
from ot_assets.conversations.rows import TreeRows
from ot_assets.graph import World, language
from ot_assets.scope import conversation_steps
from resources.artifacts import Artifact
from resources.errors import UserError
from resources.home import Home

SEED = "OT_ANONYMISE_SEED"


def fold(keys: tuple[str, ...], *, as_json: bool, quiet: bool) -> int:
    """Makes contributions, trees, threads, pairs and prompts where they are missing or stale; the exit code."""
    world = open_world()
    steps = conversation_steps(world, keys)
    return carry_out(world, steps, as_json=as_json, quiet=quiet, about={"conversations": ", ".join(keys) or "all"})


def report(key: str, *, out: Path | None, open_browser: bool) -> None:
    """Writes the page about a language's conversations."""
    from ot_assets.conversations.report.page import write_report

    world = open_world()
    made = _trees(world, key)
    page = out or Home.from_env().path / "reports" / f"conversations-{key}.html"
    settings = world.registry.conversation(key).settings
    write_report(_rows(made), page, ledger=made.ledger().collect(), settings=settings, title=f"Conversations: {key}")
    console.print(str(page), markup=False, soft_wrap=True)
    if open_browser:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def export(key: str, form: str, out: Path, *, anonymous: bool, as_json: bool) -> None:
    """Writes trees or messages in the published formats."""
    from ot_assets.conversations.oasst.writing import READY
    from ot_assets.conversations.oasst.writing import export as write

    seed = os.environ.get(SEED) if anonymous else None
    if anonymous and not seed:
        raise UserError(
            f"{SEED} is not set", fix=f"set {SEED} to a secret text; the same text gives the same ids again"
        )
    made = write(_trees(open_world(), key).scan(), out, _form(form), wanted=READY, seed=seed)
    said = {
        "file": str(made.file),
        "trees": made.trees,
        "messages": made.messages,
        "trees_left_out": dict(made.trees_left_out),
        "messages_left_out": dict(made.messages_left_out),
    }
    if as_json:
        print_json(said)
        return
    console.print(f"{made.file}: {made.trees:,} trees, {made.messages:,} messages", markup=False, soft_wrap=True)
    for what, left in (("trees", made.trees_left_out), ("messages", made.messages_left_out)):
        for rule, number in sorted(left.items()):
            console.print(f"  {number:,} {what} left out: {rule}", markup=False)


def tree(name: str, *, key: str | None, why: bool, whole: bool) -> None:
    """Shows the tree that has this id, or holds the message that has it."""
    from ot_assets.conversations.tree_view import tree_view
    from ot_assets.conversations.why import why_view

    world = open_world()
    for one in (key,) if key else tuple(world.registry.conversations):
        made = world.store.current("conversation_trees", language(one))
        tree_id = made and _tree_of(made, name)
        if made and tree_id:
            rows = _rows(made, tree_id)
            settings = world.registry.conversation(one).settings
            console.print(why_view(rows, name, settings) if why else tree_view(rows, name, whole=whole))
            return
    raise UserError(
        f"no tree or message {name!r} in {key or 'any conversation'}",
        fix="`ot conversations fold` takes in what was contributed since; `ot conversations report` names the trees",
    )


def points(key: str, person: str | None, *, window: str, as_json: bool) -> None:
    """Points of everybody, or how one person came to theirs."""
    from ot_assets.conversations.points import explained
    from ot_assets.conversations.points import points as count

    world = open_world()
    rows = _rows(_trees(world, key))
    made = count(rows, good_rankings=world.registry.conversation(key).settings.good_rankings)
    if person is not None:
        for line in explained(made, person, window=window):
            console.print(line, markup=False)
        return
    standings = made.standings.filter(pl.col("window") == window)
    if as_json:
        print_json(standings.to_dicts())
        return
    from rich.table import Table

    shown = ("rank", "user_id", "score", "level")
    table = Table(*shown)
    for row in standings.sort("rank").select(shown).head(50).iter_rows():
        table.add_row(*map(str, row))
    console.print(table)


def _trees(world: World, key: str) -> Artifact:
    world.registry.conversation(key)
    made = world.store.current("conversation_trees", language(key))
    if made is None:
        raise UserError(f"the trees of {key} are not made yet", fix=f"run `ot conversations fold {key}`")
    return made


def _tree_of(made: Artifact, name: str) -> str | None:
    found = made.scan().filter(pl.col("message_id") == name).select("tree_id").head(1).collect()
    return str(found.item()) if len(found) else None


def _rows(made: Artifact, tree_id: str | None = None) -> TreeRows:
    def table(name: str) -> pl.DataFrame:
        rows = made.scan(name)
        return (rows if tree_id is None else rows.filter(pl.col("tree_id") == tree_id)).collect()

    return TreeRows(table(""), table("trees"), table("history"), table("ballots"), table("labels"))


def _form(form: str) -> Any:
    if form not in ("trees", "messages", "parquet"):
        raise UserError(f"--as {form}: no such format", fix="trees, messages or parquet")
    return form
