"""What became of a source row, as it is told: stage by stage, and the examples and students that it led to.

Belongs here: the result of `where.where`, frozen, with a form for programs. No reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ot_assets.lineage.path import Drop
from ot_assets.lineage.written import Ancestor, Descendant
from resources.artifacts import Partition

Status = Literal["present", "dropped", "absent", "unreadable"]


@dataclass(frozen=True)
class SourceRow:
    """One question that the row is or was: as the current version of the source has it, or as an older one that is
    still in use.
    """

    question_id: str
    source_row: str
    artifact: str
    current: bool
    question: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Presence:
    """The row in one artifact.

    `present`: `rows` rows are it, `ids` names the first of them. `dropped`: none is left, `drops` says why. Present
    rows can have drops beside them: other answers to the same question, other copies. `absent`: the artifact never
    had it. `unreadable`: `reason` says why.
    """

    asset: str
    partition: Partition
    artifact: str
    status: Status
    rows: int = 0
    ids: tuple[str, ...] = ()
    drops: tuple[Drop, ...] = ()
    dropped: int = 0
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "asset": self.asset,
            "partition": self.partition.as_dict(),
            "artifact": self.artifact,
            "status": self.status,
            "rows": self.rows,
            "ids": list(self.ids),
            "dropped": self.dropped,
            "drops": [drop.as_dict() for drop in self.drops],
        } | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True)
class Taught:
    """A student that learned from the row: which training set it read, and how many of its examples come from the
    row.
    """

    recipe: str
    teacher: str
    artifact: str
    training_set: str
    examples: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"examples": list(self.examples)}


@dataclass(frozen=True)
class Fate:
    """What became of one row of a source, in everything that is current."""

    source: str
    asked: str
    rows: tuple[SourceRow, ...]
    stages: tuple[Presence, ...]
    students: tuple[Taught, ...]
    written_from: tuple[Ancestor, ...] = ()
    """What it was written from, where a model wrote it."""
    descendants: tuple[Descendant, ...] = ()
    """Questions that a model wrote from it."""

    @property
    def examples(self) -> tuple[str, ...]:
        """Examples of the current training sets that come from the row."""
        return tuple(i for stage in self.stages if stage.asset == "training_set" for i in stage.ids)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "source": self.source,
            "asked": self.asked,
            "rows": [row.as_dict() for row in self.rows],
            "stages": [stage.as_dict() for stage in self.stages],
            "examples": list(self.examples),
            "students": [student.as_dict() for student in self.students],
            **({"written_from": [one.as_dict() for one in self.written_from]} if self.written_from else {}),
            **({"descendants": [one.as_dict() for one in self.descendants]} if self.descendants else {}),
        }
