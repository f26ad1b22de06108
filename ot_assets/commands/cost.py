"""`ot cost`: what a recipe has cost so far."""

from __future__ import annotations

from ot_assets.commands.output import console, print_json
from ot_assets.commands.world import open_world
from ot_assets.scope import scope
from ot_assets.spending.cost import cost_of
from ot_assets.spending.stored import store_if_there
from ot_assets.spending.view import render
from resources.home import Home


def run(recipe: str, teachers: tuple[str, ...], *, as_json: bool) -> None:
    """Shows cost and tokens by asset, partition, source and teacher, and per kept row."""
    world = open_world()
    about = scope(world, recipe, teachers)
    store = store_if_there(Home.from_env())
    try:
        cost = cost_of(world, store, recipe, about.teachers)
    finally:
        if store is not None:
            store.close()
    if as_json:
        print_json(cost.to_json())
    else:
        console.print(render(cost))
