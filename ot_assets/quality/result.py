"""What a suite said: every expectation with its bounds, what was observed, and a few offending rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ot_assets.previews import cell
from ot_assets.quality.rules import Bounds, in_words


@dataclass(frozen=True)
class Finding:
    """One expectation and what came of it."""

    name: str
    """Name of the figure."""
    says: str
    """What is expected, as a sentence."""
    passed: bool
    """True also where it does not apply."""
    observed: float | None
    """The figure; None where the expectation does not apply."""
    bounds: Bounds
    examples: tuple[str, ...] = ()
    """Ids of a few rows that speak against it; only when it failed."""
    skipped: str = ""
    """Why it does not apply."""

    def __str__(self) -> str:
        """One line for a message: what was expected, what was seen, a few rows."""
        if self.skipped:
            return f"{self.says}: not looked at ({self.skipped})"
        seen = f"{self.says}: {self.name} is {_figure(self.observed)}, expected {in_words(self.bounds)}"
        return seen + (f", e.g. {', '.join(self.examples)}" if self.examples else "")


@dataclass(frozen=True)
class SuiteResult:
    """What a suite said of one version of a data set."""

    suite: str
    run_name: str
    """Asset and partition: how the docs name it."""
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation that applies was met."""
        return all(f.passed for f in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The expectations that were not met."""
        return tuple(f for f in self.findings if not f.passed)

    def summary(self) -> str:
        """One line: how many were met, and the first that was not."""
        looked_at = [f for f in self.findings if not f.skipped]
        said = f"{len(looked_at) - len(self.failures)} of {len(looked_at)} expectations met"
        return said + (f"; {self.failures[0]}" if self.failures else "")

    def markdown(self) -> str:
        """A table for the UI: what failed first, then what was met, then what does not apply."""
        lines = ["| | expectation | observed | expected | rows |", "| --- | --- | --- | --- | --- |"]
        for f in sorted(self.findings, key=lambda f: (f.passed, bool(f.skipped))):
            mark = "–" if f.skipped else "✓" if f.passed else "✗"
            seen = cell(f.skipped) if f.skipped else _figure(f.observed)
            rows = ", ".join(cell(e) for e in f.examples)
            lines.append(f"| {mark} | {cell(f.says, 200)} | {seen} | {in_words(f.bounds)} | {rows} |")
        return "\n".join(lines)

    def metadata(self) -> dict[str, Any]:
        """Plain values for a manifest or an event: counts, and the figure of every expectation that applies."""
        return {
            "suite": self.suite,
            "met": sum(f.passed and not f.skipped for f in self.findings),
            "failed": [f.name for f in self.failures],
            "figures": {f.name: f.observed for f in self.findings if f.observed is not None},
        }


def _figure(value: float | None) -> str:
    return "—" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
