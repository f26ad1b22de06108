"""`ot run`: shows where it is, one line a partition that is made, and what is left when something fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.markup import escape

from ot_assets.commands.instance import prepare_instance
from ot_assets.commands.output import own_console, print_json, warnings_to
from ot_assets.commands.world import open_world
from ot_assets.graph import Need
from ot_assets.registry import remember_keys
from ot_assets.scope import scope
from resources.home import Home


def run(recipe: str, teachers: tuple[str, ...], *, as_json: bool) -> int:
    """Makes what is missing or stale; the exit code."""
    home = Home.from_env()
    world = open_world()
    steps = scope(world, recipe, teachers).steps()
    prepare_instance(home)
    remember_keys(world.registry)

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
        with warnings_to(shown.warn):
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
        self._console = own_console()
        self._live = self._console.status("") if self._console.is_terminal and not self.quiet else None

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
            self._live.update(escape(text))
        elif not self.quiet and line and time.monotonic() - self._said > 15:
            self._said = time.monotonic()
            self._console.print(f"    … {line}", markup=False)

    def end(self, outcome: str, seconds: float, rows: int | None, reasons: tuple[str, ...]) -> None:
        """A partition is done; what was fresh is not worth a line."""
        if self._live:
            self._live.stop()
        if self.quiet or outcome == "fresh":
            return
        if outcome == "made":
            count = f"{rows:>8,} rows" if rows is not None else ""
            why = f"  ({reasons[0]})" if reasons else ""
            self._console.print(
                f"[{self._number}/{self.total}] {self._name:<44} {seconds:7.1f} s {count}{why}",
                markup=False,
                soft_wrap=True,
            )
        elif outcome == "failed":
            why = "\n  ".join(reasons)
            told = "  (for the same reason)" if why == self._told else f"\n  {why}"
            self._console.print(f"failed: {self._name}{told}", markup=False, soft_wrap=True)
            self._told = why

    def summary(self, made: int, fresh: int, failed: int, skipped: int) -> None:
        """The last line."""
        seconds = time.monotonic() - self.started
        parts = [f"{made} made", f"{fresh} fresh"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{skipped} not tried, since they need what failed"] if skipped else []
        self._console.print(f"{', '.join(parts)} in {seconds:.0f} s", markup=False)
        if failed:
            self._console.print("what was made is kept; mend the cause and run the same again", markup=False)

    def warn(self, line: str) -> None:
        """Something that a person must know while waiting, such as whose lock is waited for."""
        if not self.quiet:
            self._console.print(f"    {line}", markup=False, soft_wrap=True)
