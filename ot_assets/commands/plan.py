"""`ot plan`: what a recipe would make, from specs, stored replies, or a pilot that asks a few."""

from __future__ import annotations

from ot_assets.commands.output import console, print_json
from ot_assets.commands.world import open_world
from ot_assets.planning import plan
from ot_assets.planning.known import Stored
from ot_assets.planning.threads import thread_rows
from ot_assets.planning.training import training_pace
from ot_assets.planning.view import render
from ot_assets.registry import registry
from ot_assets.spending.stored import store_if_there
from resources.home import Home


def run(recipe: str, teacher: str | None, *, as_json: bool, pilot: int = 0) -> None:
    """Shows stages, rows, requests, tokens, money and hours; first asks `pilot` requests a teacher and source."""
    plan(registry(), recipe, teacher)  # what is wrong with the recipe is said before anything is asked
    asked: tuple[str, ...] = ()
    if pilot:
        from ot_assets.commands.pilot import ask_some

        asked = ask_some(recipe, teacher, pilot, quiet=as_json)
    store = store_if_there(Home.from_env())
    try:
        world = open_world()
        base = world.registry.models[world.registry.recipe(recipe).student.base].identity()
        known = Stored(store, asked) if store is not None else None
        pace, threads = training_pace(world.store, base), thread_rows(world.store, world.registry.recipe(recipe))
        planned = plan(world.registry, recipe, teacher, known, pace, threads)
    finally:
        if store is not None:
            store.close()
    if as_json:
        print_json(planned.to_json())
    else:
        console.print(render(planned))
