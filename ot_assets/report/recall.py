"""How much of planted contamination the screening finds, by method and threshold, as it was measured with the
screening.

Belongs here: the table of `curation.recall` as a page shows it: one row a method and threshold, one column a kind of
planted copy, the false positives last. Contract: reads the figures of a screening's manifest; None where nothing was
measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ot_assets.curation.recall import AS_SET, CLEAN
from ot_assets.report.stages import Stages


@dataclass(frozen=True)
class RecallRow:
    """A method at a threshold: its cells by column, and whether it is the screening as it is set."""

    method: str
    threshold: str
    cells: tuple[str, ...]
    as_set: bool


@dataclass(frozen=True)
class RecallTable:
    """`columns` are kinds of copies, then false positives; `note` says how it was measured."""

    note: str
    columns: tuple[str, ...]
    rows: tuple[RecallRow, ...]


def recall_table(stages: Stages) -> RecallTable | None:
    """The table of the first source that was screened with one."""
    for artifact in stages.screened.values():
        if found := artifact.manifest.stats.get("screening_recall"):
            return _table(found)
    return None


def _table(found: list[Mapping[str, Any]]) -> RecallTable:
    kinds = dict.fromkeys(str(row["kind"]) for row in found)
    columns = [*(kind for kind in kinds if kind != CLEAN), *([CLEAN] if CLEAN in kinds else [])]
    cells: dict[tuple[str, float | None], dict[str, Mapping[str, Any]]] = {}
    for row in found:
        cells.setdefault((row["method"], row["threshold"]), {})[row["kind"]] = row
    tried = max((int(row["tried"]) for row in found), default=0)
    note = (
        f"Shares of planted copies of the benchmarks' own items that are found (up to {tried:,} of a kind), in percent, "
        f"and of {CLEAN}, which are no copies: false positives. In brackets the 95 % interval."
    )
    rows = tuple(
        RecallRow(
            method,
            "" if threshold is None else f"{threshold:g}",
            tuple(_cell(own.get(kind)) for kind in columns),
            method == AS_SET,
        )
        for (method, threshold), own in cells.items()
    )
    return RecallTable(note, tuple(columns), rows)


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None or not row["tried"]:
        return ""
    return f"{100 * row['found'] / row['tried']:.1f} ({100 * row['low']:.0f}–{100 * row['high']:.0f})"
