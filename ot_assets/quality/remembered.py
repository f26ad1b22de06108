"""Figures of a data set's last version, so that a drift need not read that version again.

Belongs here: `Remembered`, one small JSON file a data set under `<home>/quality`. It is a help and never a hindrance: what
is not there, is torn or is of another version is measured, and a file that cannot be written costs the next run its time.
A figure is known by a hash of its expression as polars stores it, so one that changes is measured anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

import polars as pl

from ot_assets.quality.drift import number
from ot_assets.quality.project import folder_name
from ot_assets.quality.rules import Over, SuiteContext


class Remembered:
    """What is known of the previous version, and what is found out of this one. Without `home` or versions it only measures."""

    def __init__(self, suite: str, context: SuiteContext, home: Path | None) -> None:
        self._path = home / "quality" / suite / f"{folder_name(context.run_name)}.json" if home else None
        self._version = context.version
        self._now: dict[str, float | None] = {}
        self._before = self._read(context.previous)

    @property
    def keeps(self) -> bool:
        """Whether what is found out will be written down."""
        return self._path is not None and bool(self._version)

    def note(self, figure: pl.Expr | Over, value: float | None) -> None:
        """What a figure of this version is."""
        self._now[_name(figure)] = value

    def before(self, frame: pl.LazyFrame, figure: pl.Expr | Over) -> float | None:
        """A figure of the previous version, whose rows are `frame`."""
        known = _name(figure)
        return self._before[known] if known in self._before else number(frame, figure)

    def keep(self) -> None:
        """Writes down what was found out."""
        if self._path is None or not self.keeps or not self._now:
            return
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                beside.write_text(json.dumps({"version": self._version, "figures": self._now}))
                beside.replace(self._path)
            finally:
                beside.unlink(missing_ok=True)

    def _read(self, version: str) -> dict[str, float | None]:
        if self._path is None or not version:
            return {}
        try:
            said = json.loads(self._path.read_bytes())
            figures = said["figures"] if said["version"] == version else {}
            return {str(name): None if value is None else float(value) for name, value in figures.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def _name(figure: pl.Expr | Over) -> str:
    expressions = [figure] if isinstance(figure, pl.Expr) else [figure.value(0), figure.figure]
    text = b"".join(expression.meta.serialize() for expression in expressions)
    return hashlib.sha256(pl.__version__.encode() + text).hexdigest()[:16]
