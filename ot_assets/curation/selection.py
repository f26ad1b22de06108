"""Selection: a part's steps over its rows of the pool, in order; what is left, what went, and the funnel.

Belongs here: running the steps; what each does is in `ot_assets.curation.steps`. It holds ids and scores; texts are read by
the steps that need them. Contract: rows in = rows out + ledger rows, checked for every step; rows keep the pool's order; the
outcome depends on the rows and the spec only. A step that is to keep more rows than reach it keeps all and says so in its
figures (`asked`, `short`). Fails with `UserError` where a step does, and in a part with `fill: error` where one is short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
from pydantic import JsonValue

from ot_assets.curation.ledgers import joined
from ot_assets.curation.mixing import ROW
from ot_assets.curation.steps.context import FrameTexts, StepContext, Texts
from ot_assets.curation.steps.dispatch import run, title
from ot_assets.curation.steps.scored import NO_SCORE
from ot_assets.registry.specs.part import Part
from ot_assets.registry.specs.select import Step, rows_of
from resources.errors import UserError
from resources.home import Home

__all__ = ["NO_SCORE", "FunnelStep", "Selection", "select"]


@dataclass(frozen=True)
class FunnelStep:
    """One step: its name, rows that reached it, rows that it left, and what it says of itself."""

    name: str
    rows_in: int
    rows_out: int
    figures: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def short(self) -> int:
        """Rows that it was to keep and did not get."""
        short = self.figures.get("short", 0)
        return short if isinstance(short, int) else 0

    def to_dict(self) -> dict[str, JsonValue]:
        """For the manifest."""
        return {"step": self.name, "rows_in": self.rows_in, "rows_out": self.rows_out, "figures": dict(self.figures)}


@dataclass(frozen=True)
class Selection:
    """What the steps left of a pool: the rows (columns of the pool and `row`, their place in it), ledger, funnel, side tables.

    Every side table starts with the columns `part` and `step` (number of the step that made it).
    """

    frame: pl.DataFrame
    ledger: pl.DataFrame
    funnel: tuple[FunnelStep, ...]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def select(
    part: Part,
    pool: pl.DataFrame,
    scores: Mapping[str, pl.DataFrame],
    seed: int,
    *,
    name: str = "",
    texts: Texts | None = None,
    home: Home | None = None,
) -> Selection:
    """Runs the part's steps over its rows of the pool.

    `pool` has at least `question_id`, `source`, `source_row` and `copy`; `row` is added when it is not there. `scores`
    maps a source to its scores (`question_id` and one column a score); it may be empty when no step needs one. `seed` is
    the part's, `name` its name. Without `texts` the pool itself must have the columns that steps read.
    """
    frame = pool if ROW in pool.columns else pool.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW))
    frame = frame if "part" in frame.columns else frame.with_columns(part=pl.lit(name))
    texts = FrameTexts(pool) if texts is None else texts
    ledgers, funnel = [], []
    tables: dict[str, list[pl.DataFrame]] = {}
    for number, step in enumerate(part.select, 1):
        cut = run(step, StepContext(part, number, frame, scores, seed, texts, home))
        left = frame.filter(cut.stay)
        if len(frame) != len(left) + len(cut.ledger):
            told = f"{len(frame)} in, {len(left)} out, {len(cut.ledger)} in the ledger"
            raise RuntimeError(f"step {number} ({step.kind}) does not account for its rows: {told}")
        figures = {**_asked(name, part, number, step, len(left)), **cut.figures}
        funnel.append(FunnelStep(f"{number}. {title(step)}", len(frame), len(left), figures))
        ledgers.append(cut.ledger)
        for table, rows in cut.tables.items():
            where = (pl.lit(name).alias("part"), pl.lit(number, pl.Int64).alias("step"))
            tables.setdefault(table, []).append(rows.select(*where, *rows.columns))
        frame = left
    return Selection(frame, joined(ledgers), tuple(funnel), {table: pl.concat(rows) for table, rows in tables.items()})


def _asked(name: str, part: Part, number: int, step: Step, left: int) -> dict[str, JsonValue]:
    """What a step that keeps a number of rows was to keep, and how many it lacks. UserError where the part allows none."""
    rows = rows_of(step)
    if rows is None:
        return {}
    if left < rows and part.fill == "error":
        raise UserError(
            f"step {number} of part {name!r} ({title(step)}) is to keep {rows:,} rows, and only {left:,} could be had",
            fix="ask for fewer rows, draw more, or let the part take what there is (`fill: none`)",
        )
    return {"asked": rows, "short": max(0, rows - left)}
