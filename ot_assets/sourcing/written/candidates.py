"""A question on its way from a reply to a row of the source, and what was dropped on that way.

Belongs here: the value that the steps of writing hand on. A step is given candidates and gives back, for each, the
candidate (perhaps changed) or a `Lost` that says by which rule it goes to the ledger. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from ot_assets.sourcing.rows import RawRow
from ot_assets.sourcing.written.parents import Parent
from ot_assets.sourcing.written.replies import Written


@dataclass(frozen=True, slots=True)
class Candidate:
    """One question that was written."""

    call: str
    index: int
    """Its place in the reply, from 0."""
    written: Written
    parents: tuple[Parent, ...]
    key: str
    """Under which the reply that it stood in is stored."""

    @property
    def name(self) -> str:
        """Its row in the source: `call-000012:0`."""
        return f"{self.call}:{self.index}"

    def row(self) -> RawRow:
        """As sourcing shapes it."""
        values = {"question": self.written.question, "gold": self.written.answer, "solution": self.written.solution}
        return RawRow(self.call, self.index, {**values, "verifier_args": None})


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a candidate is no question of the source."""

    rule: str
    note: str
    figure: float | None = None
    to: str | None = None

    def row(self, call: str, index: int) -> RawRow:
        """As sourcing puts it into the ledger."""
        return RawRow(call, index, None, self.note, self.rule, figure=self.figure, lost_to=self.to)


Fate = Candidate | Lost
