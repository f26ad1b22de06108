"""What readers hand on and what sourcing gives: raw rows, batches, and the surroundings in which they are read.

Contract of a reader: an iterator of `RawRow`, in the order in which the rows lie, in bounded memory; what cannot be
read as a row is a `RawRow` with a `problem` and not an exception. What keeps the whole origin from being read (no
connection, no such file, not parquet at all) raises `UserError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from schemas.base import MAX_TEXT


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it lies in its origin."""

    file: str
    """Where it lies: a file, a split or a generator; the same on every machine."""
    index: int
    """Its number there, from 0. In a file of lines every line counts."""
    values: Mapping[str, Any] | None
    """Column -> value; None where it could not be read."""
    problem: str = ""
    """Why it could not be read, where `values` is None; or why the origin itself calls the row unusable."""
    rule: str = "unreadable"
    """The rule that a `problem` drops it by."""
    left_out: bool = False
    """Whether the origin's own conditions leave it out (a score, a tag): it is no part of the source then, as with
    `where`.
    """
    figure: float | None = None
    """The figure behind a `problem`."""
    lost_to: str | None = None
    """The row that it lost to, as `source/source_row`."""

    @property
    def place(self) -> str:
        """`<file>:<index>`."""
        return f"{self.file}:{self.index}"


@dataclass(frozen=True)
class SourcedBatch:
    """Some rows of a source, shaped. Rows read = rows of `frame` + rows of `rejected`."""

    frame: pl.DataFrame
    """Questions, in the `Questions` schema."""
    rejected: pl.DataFrame
    """Rows that are no question, in the `Ledger` schema; `row_id` is `<file>:<index>`."""
    read: int
    """Rows read that the spec's `where` selects."""
    not_selected: int = 0
    """Rows that `where` leaves out: they are not part of the source, and in no ledger."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """Counts of what is worth knowing about the kept rows: `gold_missing`, `gold_unverifiable`."""
    examples: tuple[str, ...] = ()
    """A few of those rows, in words."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was found out about the origin: the resolved `revision` of a hub data set."""


@dataclass(frozen=True)
class SourcingContext:
    """The surroundings of reading."""

    cache: Path
    """Folder for what is fetched once (wheels)."""
    base: Path | None = None
    """Folder that relative paths of a files origin start from: that of the YAML file. None = the current one."""
    hub_mirror: Path | None = None
    """Folder that holds copies of hub data sets as `<owner>/<name>`, asked before the hub itself."""
    written: Callable[[], Iterator[RawRow]] | None = None
    """Rows of a source that a model writes: asking takes more than a spec. None where no model can be asked."""
    prompts: Callable[[], Iterator[RawRow]] | None = None
    """Rows of a source of conversations: they come from another asset. None outside a run."""
    log: Callable[[str], None] = lambda line: None
    """Told what is going on, a line at a time."""
    workers: int = 2
    """Processes that check gold answers; 0 = this process, without protection from golds that hang."""
    batch_rows: int = 2_000
    """Rows that are read and shaped at a time."""
    max_chars: int = MAX_TEXT
    """Longest question, in characters."""


@dataclass
class Tally:
    """Counts over a whole read, for the end of it."""

    read: int = 0
    kept: int = 0
    not_selected: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    first: str = ""
    """The first row that could not be read, and why."""

    def add(self, batch: SourcedBatch) -> None:
        """Counts a batch."""
        self.read += batch.read
        self.kept += len(batch.frame)
        self.not_selected += batch.not_selected
        self.rules.update(batch.rejected["rule"].to_list())
        broken = batch.rejected.filter(pl.col("rule") == "unreadable").head(1)
        if not self.first and len(broken):
            self.first = f"{broken['row_id'][0]}: {broken['note'][0]}"
