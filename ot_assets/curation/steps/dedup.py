"""Step `dedup`: of rows that are the same one stays.

What is the same is the method's to say (`curation.dedup`), `survivors` ranks who stays. Contract beyond that of all
steps: a row that goes is in the ledger with rule `dedup.<method>`, the similarity to its survivor in percent as figure,
the survivor's `source/source_row` as `lost_to`, and the size of its cluster as note; a survivor is a row that stays.
Table `clusters` (schemas.DuplicateClusters) has every row of every cluster of two or more. `exact` is the same
question_id: case counts and spacing does not. Memory: ids, one text a different question, and what the method's search
takes. Fails with `UserError` when an embedding model cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from ot_assets.curation.dedup.clusters import connected, star
from ot_assets.curation.dedup.found import Found
from ot_assets.curation.dedup.material import Material, gather, readings_for
from ot_assets.curation.dedup.methods import measured, pairs
from ot_assets.curation.dedup.survivors import ranks
from ot_assets.curation.ledgers import ledger_rows
from ot_assets.curation.steps.context import Cut, StepContext, copy_note, everything
from ot_assets.progress import report
from ot_assets.registry.specs.dedup import Dedup

CLUSTERS = "clusters"
"""Side table of the filtered set with the clusters of duplicates."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def title(step: Dedup) -> str:
    """Its name in the funnel."""
    return f"dedup {step.method}"


def run(step: Dedup, context: StepContext) -> Cut:
    """Keeps one row of each cluster."""
    if step.method == "none":
        return everything(context.frame)
    survivor, similarity = _exact(step, context) if step.method == "exact" else _compared(step, context)
    return _cut(step, context.frame, survivor, similarity)


def _exact(step: Dedup, context: StepContext) -> tuple[Ints, Floats]:
    frame = context.frame
    inside = ["question_id", "source"] if step.within == "source" else ["question_id"]
    node = frame.select(pl.struct(inside).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    best = _best(node, ranks(frame, _sources(context)))
    return best[node], np.full(len(frame), 100.0)


def _compared(step: Dedup, context: StepContext) -> tuple[Ints, Floats]:
    frame, home = context.frame, context.home
    if frame.is_empty():
        return np.empty(0, np.int64), np.empty(0)
    with readings_for(step, len(frame), None if home is None else home.path / "dedup") as readings:
        material = gather(step, frame, context.texts, readings, _told(f"{title(step)}: texts read"))
        found = pairs(step, material, home, _told(f"{title(step)}: texts compared"))
        ranked = _ranked(frame, _sources(context), material, found)
        best = _best(material.node, ranked)
        clusters = (star if step.clusters == "star" else connected)(ranked[best], *found)
        unnamed = np.flatnonzero(np.isnan(clusters.similarity))
        clusters.similarity[unnamed] = measured(step, material, unnamed, clusters.survivor[unnamed])
    return best[clusters.survivor[material.node]], clusters.similarity[material.node]


def _sources(context: StepContext) -> list[str]:
    return [draw.source for draw in context.part.sources]


def _ranked(frame: pl.DataFrame, sources: list[str], material: Material, found: Found) -> Ints:
    """As `ranks`, which takes time, of the rows that may lose to another; the others, behind them, in the order of rows."""
    contested = np.bincount(material.node, minlength=len(material)) > 1
    contested[found.left] = contested[found.right] = True
    rows = np.flatnonzero(contested[material.node])
    ranked = np.empty(len(frame), np.int64)
    ranked[rows] = ranks(
        frame[rows], sources, gold=pl.Series(material.gold[rows]), length=pl.Series(material.length[rows])
    )
    others = np.flatnonzero(~contested[material.node])
    ranked[others] = np.arange(len(rows), len(frame))
    return ranked


def _best(node: Ints, ranked: Ints) -> Ints:
    """The row of lowest rank of each node; ranks and nodes are all numbers from 0."""
    by_rank = np.empty(len(ranked), np.int64)
    by_rank[ranked] = np.arange(len(ranked))
    best = np.full(int(node.max(initial=-1)) + 1, len(ranked), np.int64)
    np.minimum.at(best, node, ranked)
    rows: Ints = by_rank[best]
    return rows


def _told(what: str) -> Callable[[int, int], None]:
    return lambda done, total: report(f"{what}: {done:,} of {total:,}")


def _cut(step: Dedup, frame: pl.DataFrame, survivor: Ints, similarity: Floats) -> Cut:
    """What goes, and what is said of it; `survivor` is a row for each row."""
    stays = survivor == np.arange(len(frame))
    sizes = np.bincount(survivor, minlength=len(frame))
    names = frame.select(pl.format("{}/{}", "source", "source_row")).to_series()
    said = frame.with_columns(
        pl.Series("_similarity", similarity, dtype=pl.Float64).fill_nan(None),
        names.gather(survivor).alias("_survivor"),
        pl.Series("_size", sizes[survivor], dtype=pl.Int64),
    )
    note = pl.concat_str([pl.format("one of {}", "_size"), copy_note()], separator=", ", ignore_nulls=True)
    ledger = ledger_rows(
        said.filter(~pl.Series(stays)),
        f"dedup.{step.method}",
        figure=pl.col("_similarity"),
        lost_to=pl.col("_survivor"),
        note=note,
        id_column="question_id",
    )
    several = int((sizes > 1).sum())
    figures = {"clusters": several, "largest": int(sizes.max()) if len(frame) else 0, "threshold": step.percent}
    return Cut(pl.Series(stays), ledger, figures, {CLUSTERS: _table(said, survivor, stays)})


def _table(said: pl.DataFrame, survivor: Ints, stays: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Every row of a cluster of two or more, the largest clusters first, the survivor first of each."""
    rows = said.select(
        pl.Series("_order", survivor, dtype=pl.Int64),
        pl.col("_size").alias("size"),
        "question_id",
        "source",
        "source_row",
        "copy",
        pl.Series("survivor", stays, dtype=pl.Boolean),
        pl.col("_similarity").alias("similarity"),
    ).filter(pl.col("size") > 1)
    ordered = rows.sort("size", "_order", "survivor", descending=[True, False, True], maintain_order=True)
    cluster = (pl.col("_order").rle_id() + 1).cast(pl.Int64).alias("cluster")
    return ordered.select(cluster, pl.exclude("_order"))
