"""How much of planted contamination the screening finds, by method: the measured table that comes with the package.

Belongs here: reading that table. Contract: None where no table was measured. Pure but for reading the file.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecallTable:
    """`columns` and rows of ready cells; `note` says how it was measured."""

    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def recall_table() -> RecallTable | None:
    """The table that was measured for this version of the screening; None where there is none."""
    return None
