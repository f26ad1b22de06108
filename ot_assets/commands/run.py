"""`ot run`: shows where it is, one line a partition that is made, and what is left when something fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ot_assets.commands.instance import prepare_instance
from ot_assets.commands.output import console, print_json
from ot_assets.commands.world import open_world
from ot_assets.graph import Need
from ot_assets.scope import scope
from resources.home import Home


def run(recipe: str, teachers: tuple[str, ...], *, as_json: bool) -> int:
    """Makes what is missing or stale; the exit code."""
    home = Home.from_env()
    world = open_world()
    steps = scope(world, recipe, teachers).steps()
    prepare_instance(home)

    import dagster as dg

    from ot_assets.definitions import build_definitions
    from ot_assets.running import Runner, StepReport, observe_specs

    definitions = build_definitions(world.registry)
    with dg.DagsterInstance.get() as instance:
        shown = Live(len(steps), quiet=as_json)

        def on_step(number: int, total: int, need: Need) -> None:
            shown.begin(number, str(need))

        def on_done(report: StepReport) -> None:
            shown.end(report.outcome, report.seconds, report.rows, report.reasons)

        observe_specs(world.registry, instance)
        runner = Runner(world, definitions, instance, home.path / "locks", on_step, shown.progress, on_done)
        report = runner.run(steps)
    if as_json:
        print_json(
            {
                "recipe": recipe,
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


@dataclass
class Live:
    """What a person sees while it runs: a live line in a terminal, a line now and then in a log."""

    total: int
    quiet: bool = False
    started: float = field(default_factory=time.monotonic)
    _name: str = ""
    _number: int = 0
    _said: float = 0.0
    _told: str = ""

    def __post_init__(self) -> None:
        self._live = console.status("") if console.is_terminal and not self.quiet else None

    def begin(self, number: int, name: str) -> None:
        """A partition begins."""
        self._name, self._number, self._said = name, number, time.monotonic()
        if self._live:
            self._live.start()
        self.progress("")

    def progress(self, line: str) -> None:
        """A partition tells how far it is."""
        text = f"[{self._number}/{self.total}] {self._name}  {line}"
        if self._live:
            self._live.update(_escape(text))
        elif not self.quiet and line and time.monotonic() - self._said > 15:
            self._said = time.monotonic()
            console.print(f"    … {line}", markup=False)

    def end(self, outcome: str, seconds: float, rows: int | None, reasons: tuple[str, ...]) -> None:
        """A partition is done; what was fresh is not worth a line."""
        if self._live:
            self._live.stop()
        if self.quiet or outcome == "fresh":
            return
        if outcome == "made":
            count = f"{rows:>8,} rows" if rows is not None else ""
            why = f"  ({reasons[0]})" if reasons else ""
            console.print(
                f"[{self._number}/{self.total}] {self._name:<44} {seconds:7.1f} s {count}{why}",
                markup=False,
                soft_wrap=True,
            )
        elif outcome == "failed":
            why = "\n  ".join(reasons)
            told = "  (for the same reason)" if why == self._told else f"\n  {why}"
            console.print(f"failed: {self._name}{told}", markup=False, soft_wrap=True)
            self._told = why

    def summary(self, made: int, fresh: int, failed: int, skipped: int) -> None:
        """The last line."""
        seconds = time.monotonic() - self.started
        parts = [f"{made} made", f"{fresh} fresh"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{skipped} not tried, since they need what failed"] if skipped else []
        console.print(f"{', '.join(parts)} in {seconds:.0f} s", markup=False)
        if failed:
            console.print("what was made is kept; mend the cause and run the same again", markup=False)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
