"""Selection: the steps by which a part of a recipe cuts its pool down to the questions it asks.

Belongs here: what each step of `Part.select` does. It works on ids and scores, never on texts. Contract, for every
step: rows in = rows out + ledger rows, rows keep the pool's order, and the outcome depends on the rows and the spec
only.

* `random`: the first rows by (seed, source, question_id, copy); a smaller draw is part of a larger one. Rule
  `random`.
* `top`: the rows with the highest score; ties go to the smaller question_id, then source, then copy. A row without a
  score comes last; when it goes the rule is `no_score`, otherwise `top`, with the score as figure.
* `dedup` exact: of rows with the same normalised text (the same question_id, so case counts and spacing does not) the
  first stays, by the order of the part's sources and then by copy. Rule `dedup`, `lost_to` the survivor's
  `source/row`.

Fails with `UserError` when a source's scores lack the column that a step needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from ot_assets.curation.draws import draw_keys
from ot_assets.curation.ledgers import joined, ledger_rows
from ot_assets.curation.mixing import ROW
from ot_assets.registry.specs.recipe import Part
from ot_assets.registry.specs.select import Dedup, Random, Score, Step, Top
from resources.errors import UserError

NO_SCORE = "no_score"
"""Ledger rule for a row that went because it had no score."""

_PLACE = "_place"
_KEY = "_key"


@dataclass(frozen=True)
class FunnelStep:
    """One step: its name, rows that reached it, rows that it left."""

    name: str
    rows_in: int
    rows_out: int


@dataclass(frozen=True)
class Selection:
    """What the steps left of a pool: the rows (columns of the pool and `row`, their place in it), ledger and funnel."""

    frame: pl.DataFrame
    ledger: pl.DataFrame
    funnel: tuple[FunnelStep, ...]


@dataclass(frozen=True)
class _Cut:
    """What a step did: places that stay, and the ledger of the others."""

    stay: pl.Series
    ledger: pl.DataFrame


def select(part: Part, pool: pl.DataFrame, scores: Mapping[str, pl.DataFrame], seed: int) -> Selection:
    """Runs the part's steps over its rows of the pool.

    `pool` has at least `question_id`, `source`, `source_row` and `copy`; `row` is added when it is not there. `scores`
    maps a source to its scores (`question_id` and one column a score); it may be empty when no step needs one. `seed` is
    the part's.
    """
    frame = pool if ROW in pool.columns else pool.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW))
    ledgers, funnel = [], []
    for number, step in enumerate(part.select, 1):
        cut = _run(step, number, part, frame, scores, seed)
        left = frame.filter(cut.stay)
        funnel.append(FunnelStep(f"{number}. {_title(step)}", len(frame), len(left)))
        ledgers.append(cut.ledger)
        frame = left
    return Selection(frame, joined(ledgers), tuple(funnel))


def _run(
    step: Step, number: int, part: Part, frame: pl.DataFrame, scores: Mapping[str, pl.DataFrame], seed: int
) -> _Cut:
    match step:
        case Top():
            return _top(step, frame, _scored(step.score, number, frame, scores))
        case Random():
            return _random(step, frame, seed if step.seed is None else step.seed)
        case Dedup():
            return _dedup(part, frame)


def _title(step: Step) -> str:
    match step:
        case Top():
            return f"top {step.rows:,} by {step.score.column}"
        case Random():
            return f"random {step.rows:,}"
        case Dedup():
            return f"dedup {step.method}"


def _names(frame: pl.DataFrame) -> list[str]:
    """What tells a row of a pool from all others, as text."""
    return frame.select(pl.format("{}\0{}\0{}", "source", "question_id", "copy")).to_series().to_list()


def _random(step: Random, frame: pl.DataFrame, seed: int) -> _Cut:
    keys = draw_keys(seed, "select", _names(frame))
    stay = _first(frame.with_columns(pl.Series(_KEY, keys, dtype=pl.UInt64)), step.rows, [_KEY], [False])
    dropped = frame.filter(~stay)
    return _Cut(stay, ledger_rows(dropped, "random", note=_copy_note(), id_column="question_id"))


def _scored(score: Score, number: int, frame: pl.DataFrame, scores: Mapping[str, pl.DataFrame]) -> pl.Series:
    """The score of every row of the frame; null (and never NaN) where there is none."""
    column = score.column
    parts = []
    for source in frame.get_column("source").unique(maintain_order=True):
        known = scores.get(source)
        if known is None or column not in known.columns:
            raise UserError(
                f"the questions of source {source!r} have no score {column!r}, which step {number} sorts by",
                fix=f"make them: asset question_scores, partition {source} (`ot run` does it in order)",
            )
        own = known.select("question_id", pl.col(column).cast(pl.Float64).fill_nan(None).alias(_KEY))
        parts.append(own.unique("question_id", keep="first").with_columns(source=pl.lit(source)))
    if not parts:
        return pl.Series(_KEY, [], dtype=pl.Float64)
    return frame.join(pl.concat(parts), on=["source", "question_id"], how="left", maintain_order="left").get_column(
        _KEY
    )


def _top(step: Top, frame: pl.DataFrame, score: pl.Series) -> _Cut:
    scored = frame.with_columns(score)
    stay = _first(scored, step.rows, [_KEY, "question_id", "source", "copy"], [True, False, False, False])
    dropped = scored.filter(~stay)
    cut = scored.filter(stay).get_column(_KEY).min()
    note = pl.lit(f"{step.score.column}, cut at {cut:g}") if isinstance(cut, float) else pl.lit(step.score.column)
    rule = pl.when(pl.col(_KEY).is_null()).then(pl.lit(NO_SCORE)).otherwise(pl.lit("top"))
    return _Cut(stay, ledger_rows(dropped, rule, figure=pl.col(_KEY), note=note, id_column="question_id"))


def _dedup(part: Part, frame: pl.DataFrame) -> _Cut:
    order = {draw.source: place for place, draw in enumerate(part.sources)}
    ranked = frame.select(
        "question_id",
        pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE),
        pl.col("source").replace_strict(order, default=len(order), return_dtype=pl.Int64).alias(_KEY),
        "source",
        "copy",
        pl.format("{}/{}", "source", "source_row").alias("survivor"),
    ).sort(_KEY, "source", "copy", _PLACE)
    first = ranked.unique("question_id", keep="first", maintain_order=True)
    stay = _mask(len(frame), first.get_column(_PLACE))
    dropped = frame.filter(~stay).join(first.select("question_id", "survivor"), on="question_id", maintain_order="left")
    ledger = ledger_rows(dropped, "dedup", lost_to=pl.col("survivor"), note=_copy_note(), id_column="question_id")
    return _Cut(stay, ledger)


def _first(frame: pl.DataFrame, rows: int, by: list[str], descending: list[bool]) -> pl.Series:
    """A mask of the first `rows` rows in the given order, nulls last."""
    placed = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_PLACE))
    order = placed.sort(by, descending=descending, nulls_last=True, maintain_order=True).get_column(_PLACE)
    return _mask(len(frame), order.head(rows))


def _mask(length: int, places: pl.Series) -> pl.Series:
    mask = np.zeros(length, bool)
    mask[places.to_numpy()] = True
    return pl.Series(mask)


def _copy_note() -> pl.Expr:
    """Says which copy a dropped row was, where it was one."""
    return pl.when(pl.col("copy") > 0).then(pl.format("copy {}", "copy")).otherwise(None)
