"""What a row's way looks like: steps from a training row back to the row of the source, each with its file.

Belongs here: the result of `rows.example_path`, frozen, with a form for programs. No reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ot_assets.lineage.lookup import Place
from ot_assets.lineage.written import Ancestor
from resources.artifacts import Partition

_REST = ("figure", "lost_to", "note", "source", "source_row")


@dataclass(frozen=True)
class Drop:
    """One line of a ledger: why a row was dropped, by which figure, and what it lost to."""

    row_id: str
    rule: str
    figure: float | None = None
    lost_to: str | None = None
    note: str | None = None
    source: str | None = None
    source_row: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Drop:
        """From a ledger's row."""
        return cls(str(values.get("row_id")), str(values.get("rule")), *(values.get(name) for name in _REST))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Step:
    """One stage of the way: the artifact, where in it the row lies, and its cells (long text cut).

    `rows` counts the rows that are this one: copies in a pool that was filled by repeating, or dropped answers to one
    question. `reason` says why there is no row, or why it may not be the right one; it is empty when all is well.
    """

    asset: str
    partition: Partition
    artifact: str | None
    table: str = ""
    place: Place | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    drop: Drop | None = None
    reason: str = ""

    @property
    def file(self) -> str | None:
        """The file that the row lies in, below the store's root; None when there is no row."""
        if self.artifact is None or self.place is None:
            return None
        return "/".join(part for part in (self.asset, self.partition.path(), self.artifact, self.place.file) if part)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "asset": self.asset,
            "partition": self.partition.as_dict(),
            "artifact": self.artifact,
            "table": self.table,
            "file": self.file,
            "row": self.place.row if self.place else None,
            "rows": self.rows,
            "values": dict(self.values),
            "dropped": self.drop.as_dict() if self.drop else None,
        } | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True)
class RowPath:
    """The way of one row, from where it ended (first step) back to the source (last step)."""

    recipe: str
    teacher: str
    row_id: str
    outcome: Literal["example", "dropped"]
    steps: tuple[Step, ...]
    written_from: tuple[Ancestor, ...] = ()
    """What its question was written from, where a model wrote it."""

    @property
    def drop(self) -> Drop | None:
        """Why the row was dropped; None when it became an example."""
        return self.steps[0].drop

    @property
    def source(self) -> str | None:
        """Key of the source at the end of the way; None when the way is broken before it."""
        return self._last("source")

    @property
    def source_row(self) -> str | None:
        """The row in that source."""
        return self._last("source_row")

    @property
    def complete(self) -> bool:
        """Whether every step was found by the way that was recorded."""
        return not any(step.reason for step in self.steps)

    def step(self, asset: str) -> Step | None:
        """The step of that stage, if the row passed it."""
        return next((step for step in self.steps if step.asset == asset), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "recipe": self.recipe,
            "teacher": self.teacher,
            "row_id": self.row_id,
            "outcome": self.outcome,
            "source": self.source,
            "source_row": self.source_row,
            "complete": self.complete,
            "steps": [step.as_dict() for step in self.steps],
        } | ({"written_from": [one.as_dict() for one in self.written_from]} if self.written_from else {})

    def _last(self, name: str) -> str | None:
        found = (step.values.get(name) for step in reversed(self.steps))
        return next((str(value) for value in found if value), None)
