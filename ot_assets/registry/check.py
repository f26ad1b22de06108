"""`ot check`: the whole registry read and judged, as a result instead of an exception.

Belongs here: the report. It loads no data library, no Dagster and no model library, so that it takes a moment. Fails never.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ot_assets.registry.catalogue import SECTIONS
from ot_assets.registry.errors import Problem, RegistryErrors
from ot_assets.registry.loader import extra_folder, load_registry


@dataclass(frozen=True)
class CheckReport:
    """What is wrong, what is doubtful, how much is there (by section), and how long it took."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    counts: Mapping[str, int]
    seconds: float
    folder: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether the registry can be used."""
        return not self.errors

    def summary(self) -> str:
        """One line: what there is, or how much is wrong."""
        if self.errors:
            return f"{len(self.errors)} error{'s' if len(self.errors) > 1 else ''}, {len(self.warnings)} warnings"
        there = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return f"{there}: all well{f', {len(self.warnings)} warnings' if self.warnings else ''} ({self.seconds:.1f} s)"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "ok": self.ok,
            "errors": [problem.to_json() for problem in self.errors],
            "warnings": [problem.to_json() for problem in self.warnings],
            "counts": dict(self.counts),
            "seconds": round(self.seconds, 3),
            "folder": str(self.folder) if self.folder else None,
        }


def check(extra: Path | None = None, *, record: Path | None = None) -> CheckReport:
    """Read and judge the shipped registry and the user's folder (``extra``, default ``OT_REGISTRY``). Writes nothing."""
    started = time.monotonic()
    folder = extra if extra is not None else extra_folder()
    try:
        found = load_registry(folder, record=record)
    except RegistryErrors as errors:
        wrong = tuple(p for p in errors.problems if p.severity == "error")
        doubtful = tuple(p for p in errors.problems if p.severity == "warning")
        return CheckReport(wrong, doubtful, {}, time.monotonic() - started, folder)
    counts: dict[str, int] = {name: len(found.section(name)) for name in SECTIONS}
    return CheckReport((), found.warnings, counts, time.monotonic() - started, folder)
