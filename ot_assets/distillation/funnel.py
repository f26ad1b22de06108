"""What every answer filter does with rows: drop some with a ledger row each, rank them, draw among them.

Belongs here: the frame that shrinks from step to step and the ledger that grows by what it lost. Contract: rows in = rows
left + ledger rows, rows keep their order, and every outcome depends on the rows, the step and the seed only. Pure; raises
nothing of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from ot_assets.curation.draws import draw_keys
from ot_assets.curation.ledgers import joined, ledger_rows

RANK = "_rank"
KEY = "_key"
NOT_KEPT = "not_kept"
NOT_DRAWN = "not_drawn"
NO_ANSWER = "no_answer"


@dataclass
class Funnel:
    """Traces that are left (`frame`: the columns of facts, `copies`, `verdict`, `extracted`), and ledgers of the others."""

    frame: pl.DataFrame
    seed: int
    ledgers: list[pl.DataFrame] = field(default_factory=list)

    @property
    def ledger(self) -> pl.DataFrame:
        """All rows that were dropped so far."""
        return joined(self.ledgers)

    def drop(
        self,
        which: pl.Expr,
        rule: pl.Expr | str,
        *,
        figure: pl.Expr | None = None,
        note: pl.Expr | str | None = None,
        lost_to: pl.Expr | None = None,
    ) -> None:
        """Drops the rows of which `which` is true. The figure is the completion tokens where the rule looks at no other."""
        marked = self.frame.with_columns(which.fill_null(False).alias("_gone"))
        gone = marked.filter("_gone")
        told = pl.col("completion_tokens") if figure is None else figure
        self.ledgers.append(ledger_rows(gone, rule, figure=told, lost_to=lost_to, note=note, id_column="trace_id"))
        self.frame = marked.filter(~pl.col("_gone")).drop("_gone")

    def drop_listed(self, ledger: pl.DataFrame) -> None:
        """Drops the rows that a ledger names, and takes that ledger over."""
        self.ledgers.append(ledger)
        self.frame = self.frame.join(ledger.select(trace_id="row_id"), on="trace_id", how="anti", maintain_order="left")

    def with_figures(self, figures: pl.DataFrame) -> None:
        """Adds columns by trace_id; null where there is no figure."""
        names = [name for name in figures.columns if name != "trace_id"]
        frame = self.frame.drop(names, strict=False)
        self.frame = frame.join(figures, on="trace_id", how="left", maintain_order="left")

    def without(self, *names: str) -> None:
        """Takes columns of a step away again."""
        self.frame = self.frame.drop(names, strict=False)

    def need_answers(self) -> None:
        """Drops unfinished answers: there is nothing in them to compare or to judge."""
        self.drop(pl.col("unfinished").is_not_null(), NO_ANSWER, note=pl.col("unfinished"))

    def keep(self, most: int, *by: pl.Expr, rule: str = NOT_KEPT, figure: pl.Expr | None = None) -> None:
        """At most so many answers a question and time it was drawn, the first in the order of `by` (nulls last, ties by
        sample); what goes lost to the last that stays.
        """
        self.frame = ranked(self.frame, *by, pl.col("sample_index"), over="question_id")
        stays = pl.col(RANK) < most * pl.col("copies")
        last = self.frame.filter(stays).sort(RANK).group_by("question_id").agg(pl.col("trace_id").last().alias("_last"))
        self.frame = self.frame.join(last, on="question_id", how="left", maintain_order="left")
        self.drop(~stays, rule, figure=figure, lost_to=pl.col("_last"))
        self.without("_last", RANK)

    def keyed(self, seed: int | None, scope: str = "answers") -> None:
        """Adds the number that the seed (the step's own, else the recipe's) gives each trace."""
        keys = draw_keys(self.seed if seed is None else seed, scope, self.frame.get_column("trace_id").to_list())
        self.frame = self.frame.with_columns(pl.Series(KEY, keys, dtype=pl.UInt64))

    def draw(self, rows: int, seed: int | None) -> None:
        """At most so many traces in all. A smaller number is part of a larger one."""
        self.keyed(seed)
        self.first(rows, pl.col(KEY), rule=NOT_DRAWN, said="were drawn")
        self.without(KEY)

    def first(self, rows: int, *by: pl.Expr, rule: str, said: str, figure: pl.Expr | None = None) -> None:
        """At most so many traces in all, the first in the order of `by`."""
        self.frame = ranked(self.frame, *by)
        note = f"{min(rows, len(self.frame)):,} of {len(self.frame):,} {said}"
        self.drop(pl.col(RANK) >= rows, rule, figure=figure, note=pl.lit(note))
        self.without(RANK)


def ranked(frame: pl.DataFrame, *by: pl.Expr, over: str | None = None) -> pl.DataFrame:
    """With the place of each row, 0-based, in the given order (nulls last, ties as they stand), within its group if any."""
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    ordered = frame.drop(RANK, strict=False).with_columns(place.alias("_place"))
    ordered = ordered.sort(*by, nulls_last=True, maintain_order=True)
    ordered = ordered.with_columns((place.over(over) if over else place).alias(RANK))
    return ordered.sort("_place").drop("_place")
