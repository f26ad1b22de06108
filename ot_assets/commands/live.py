"""What a person sees while `ot run` works: one compact block in a terminal, a line now and then in a log, step lines in CI.

Contract: never fails for want of a terminal; says each thing once. `quiet` says nothing at all (JSON goes out instead),
`steps_only` leaves out how far a step is: CI (`CI=true`) and `--quiet` want logs that can be read.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from ot_assets.commands.output import own_console
from resources.generation.progress import Progress, clock, short

if TYPE_CHECKING:
    from rich.console import RenderableType

_LOG_EVERY_SECONDS = 15.0
_REFRESH_PER_SECOND = 4.0


def in_ci() -> bool:
    """Whether the environment says that nobody watches (`CI=true`, as every CI service sets it)."""
    return os.environ.get("CI", "").strip().lower() in ("1", "true", "yes")


def block(head: str, progress: Progress) -> RenderableType:
    """The figures of asking a model, in at most five short lines under the step's name; what is 0 is left out."""
    from rich.console import Group

    return Group(Text(head, style="bold"), *(Text(f"  {line}") for line in lines(progress)))


def lines(progress: Progress) -> list[str]:
    """The block's lines: how far, how fast, what went wrong, how replies ended, what it costs."""
    of = f"/{progress.total:,}" if progress.total is not None else ""
    asked = [f"{progress.done:,}{of} requests", f"{progress.from_store:,} from store", f"{progress.new:,} new"]
    asked += [f"{progress.failed:,} failed"] if progress.failed else []
    pace = [f"{progress.rate:.3g} replies/s"] if progress.rate else []
    if progress.completion_tokens:
        pace.append(f"tokens/s {short(progress.tokens_in_rate)} in, {short(progress.tokens_out_rate)} out")
    pace += [f"{progress.in_flight:,} in flight"] if progress.in_flight else []
    ends = [f"{progress.cut_share:.1%} cut at max_tokens"] if progress.cut_share is not None else []
    ends += [f"reasoning closed in {progress.closed_share:.1%}"] if progress.closed_share is not None else []
    bill = (
        [f"{short(progress.prompt_tokens)} tokens in, {short(progress.completion_tokens)} out"] if progress.new else []
    )
    bill += [progress.money] if progress.money else []
    bill += [f"{clock(progress.eta_seconds)} left"] if progress.eta_seconds is not None else []
    again = [f"tried again: {progress.causes}"] if progress.retries else []
    return [" · ".join(parts) for parts in (asked, pace, again, ends, bill) if parts]


@dataclass
class Live:
    """Shows the steps of a run as they begin, go on and end."""

    total: int
    quiet: bool = False
    steps_only: bool = False
    started: float = field(default_factory=time.monotonic)
    _name: str = ""
    _number: int = 0
    _said: float = 0.0
    _told: str = ""

    def __post_init__(self) -> None:
        self._console = own_console()
        watched = self._console.is_terminal and not self.quiet and not self.steps_only
        self._spinner = self._console.status("", refresh_per_second=_REFRESH_PER_SECOND) if watched else None

    @property
    def _head(self) -> str:
        return f"[{self._number}/{self.total}] {self._name}"

    def begin(self, number: int, name: str) -> None:
        """A partition begins."""
        self._name, self._number, self._said = name, number, time.monotonic()
        if self._spinner:
            self._spinner.start()
        self.progress("")

    def progress(self, line: str) -> None:
        """A partition tells how far it is: a training step, rows screened, answers judged."""
        if self._spinner:
            self._spinner.update(Text(f"{self._head}  {line}"))
        elif line:
            self._now_and_then(line)

    def asking(self, progress: Progress) -> None:
        """A partition asks a model: the figures."""
        if self._spinner:
            self._spinner.update(block(self._head, progress))
        else:
            self._now_and_then(str(progress))

    def end(self, outcome: str, seconds: float, rows: int | None, reasons: tuple[str, ...]) -> None:
        """A partition is done; what was fresh is not worth a line."""
        if self._spinner:
            self._spinner.stop()
        if self.quiet or outcome == "fresh":
            return
        if outcome == "made":
            count = f"{rows:>8,} rows" if rows is not None else ""
            why = f"  ({reasons[0]})" if reasons else ""
            self._print(f"[{self._number}/{self.total}] {self._name:<44} {seconds:7.1f} s {count}{why}")
        elif outcome == "failed":
            why = "\n  ".join(reasons)
            told = "  (for the same reason)" if why == self._told else f"\n  {why}"
            self._print(f"failed: {self._name}{told}")
            self._told = why

    def summary(self, made: int, fresh: int, failed: int, skipped: int) -> None:
        """The last line."""
        seconds = time.monotonic() - self.started
        parts = [f"{made} made", f"{fresh} fresh"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{skipped} not tried, since they need what failed"] if skipped else []
        self._print(f"{', '.join(parts)} in {seconds:.0f} s")
        if failed:
            self._print("what was made is kept; mend the cause and run the same again")

    def warn(self, line: str) -> None:
        """Something that a person must know while waiting, such as whose lock is waited for."""
        if not self.quiet:
            self._print(f"    {line}")

    def _now_and_then(self, line: str) -> None:
        if self.quiet or self.steps_only or time.monotonic() - self._said <= _LOG_EVERY_SECONDS:
            return
        self._said = time.monotonic()
        self._print(f"    … {line}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)
