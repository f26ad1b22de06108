"""`ot plan`: what a recipe would make."""

from __future__ import annotations

from ot_assets.commands.output import console, print_json
from ot_assets.planning import plan
from ot_assets.planning.view import render
from ot_assets.registry import registry


def run(recipe: str, teacher: str | None, *, as_json: bool) -> None:
    """Shows stages, rows, requests, tokens and money."""
    planned = plan(registry(), recipe, teacher)
    if as_json:
        print_json(planned.to_json())
    else:
        console.print(render(planned))
