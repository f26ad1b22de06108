"""`ot status`: states from manifests, grouped by asset."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from ot_assets.commands.output import console, print_json
from ot_assets.commands.world import open_world
from ot_assets.graph import KINDS, Need, World
from ot_assets.scope import scope
from ot_assets.status import Status, StatusReader

_COLOURS = {"fresh": "green", "stale": "yellow", "missing": "dim"}


def run(recipe: str | None, *, all_partitions: bool, as_json: bool) -> None:
    """Shows the state of everything that is there, or of everything that one recipe needs."""
    world = open_world()
    if recipe is not None:
        needs: Iterable[Need] = scope(world, recipe).steps()
    elif all_partitions:
        needs = [n for key in world.registry.recipes for n in scope(world, key).steps()]
    else:
        needs = [Need(asset, p) for asset in KINDS for p in world.store.partitions(asset)]
    reader = StatusReader(world)
    found = {(n.asset, n.partition): reader.status(n.asset, n.partition) for n in needs if _known(world, n)}
    states = sorted(found.values(), key=lambda s: (list(KINDS).index(s.asset), str(s.partition)))
    if as_json:
        print_json([_json(s) for s in states])
    else:
        _show(states)


def _known(world: World, need: Need) -> bool:
    """Whether the registry still has every key of a partition; what it has dropped cannot be stale."""
    registry = world.registry
    keys = {
        "source": registry.sources,
        "recipe": registry.recipes,
        "teacher": registry.teachers,
        "benchmark": registry.benchmarks,
        "model": registry.all_models,
        "language": registry.conversations,
    }
    return all(key in keys[dim] for dim, key in need.partition.as_dict().items())


def _json(status: Status) -> dict[str, object]:
    return {
        "asset": status.asset,
        "partition": status.partition.as_dict(),
        "state": status.state,
        "artifact": status.artifact_id,
        "reasons": list(status.reasons),
    }


def _show(states: list[Status]) -> None:
    if not states:
        console.print("nothing is made yet; begin with: ot run demo")
        return
    table = Table("asset", "partition", "state", "why", box=None, pad_edge=False)
    for s in states:
        why = Text("; ".join(s.reasons[:3]))
        table.add_row(s.asset, str(s.partition), f"[{_COLOURS[s.state]}]{s.state}[/]", why)
    console.print(table)
    counts = {state: sum(s.state == state for s in states) for state in _COLOURS}
    console.print(", ".join(f"{n} {state}" for state, n in counts.items() if n))
