"""`ot run`: shows where it is, one line a partition that is made, and what is left when something fails."""

from __future__ import annotations

from ot_assets.commands.instance import prepare_instance
from ot_assets.commands.live import Live, in_ci
from ot_assets.commands.output import print_json, warnings_to
from ot_assets.commands.world import open_world
from ot_assets.graph import Need, World
from ot_assets.quality import judge
from ot_assets.registry import remember_keys
from ot_assets.registry.specs.budget import BudgetSpec
from ot_assets.scope import scope
from ot_assets.spending.limits import RunBudget, require_prices, within
from resources.home import Home


def run(recipe: str, teachers: tuple[str, ...], *, as_json: bool, budget: BudgetSpec, quiet: bool = False) -> int:
    """Makes what is missing or stale, within the budget; the exit code."""
    judge.warm()
    world = open_world()
    about = scope(world, recipe, teachers)
    steps = about.steps()
    within_budget = RunBudget(recipe, about.teachers, budget)
    require_prices(world.registry, within_budget)
    with within(within_budget):
        return carry_out(world, steps, as_json=as_json, quiet=quiet, about={"recipe": recipe})


def carry_out(world: World, steps: list[Need], *, as_json: bool, quiet: bool, about: dict[str, str]) -> int:
    """Makes what is missing or stale among the steps, shows it, and returns the exit code. `about` begins the JSON."""
    home = Home.from_env()
    prepare_instance(home)
    remember_keys(world.registry)

    import dagster as dg

    from ot_assets.definitions import build_definitions
    from ot_assets.running import Runner, StepReport, observe_specs

    definitions = build_definitions(world.registry)
    with dg.DagsterInstance.get() as instance:
        shown = Live(len(steps), quiet=as_json, steps_only=quiet or in_ci())

        def on_step(number: int, total: int, need: Need) -> None:
            shown.begin(number, str(need))

        def on_done(report: StepReport) -> None:
            shown.end(report.outcome, report.seconds, report.rows, report.reasons)

        observe_specs(world.registry, instance)
        runner = Runner(
            world, definitions, instance, home.path / "locks", on_step, shown.progress, on_done, shown.asking
        )
        with warnings_to(shown.warn):
            report = runner.run(steps)
    if as_json:
        print_json(
            {
                **about,
                "made": report.count("made"),
                "fresh": report.count("fresh"),
                "failed": report.count("failed"),
                "skipped": report.count("skipped"),
                "steps": [
                    {
                        "asset": s.need.asset,
                        "partition": s.need.partition.as_dict(),
                        "outcome": s.outcome,
                        "seconds": round(s.seconds, 3),
                        "rows": s.rows,
                        "reasons": list(s.reasons),
                    }
                    for s in report.steps
                ],
            }
        )
    else:
        shown.summary(report.count("made"), report.count("fresh"), report.count("failed"), report.count("skipped"))
    return 0 if report.ok else 1
