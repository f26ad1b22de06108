"""Mixing: which rows of its sources a part of a recipe draws.

Belongs here: shares, rows and filling (OpenThoughts3, arXiv 2506.04178, sections on sourcing and mixing). It works on
ids; `gather` then reads the texts batch by batch, so memory holds ids only. Contract:

* the draw of a source is decided by (seed, source, question_id): adding a source does not reshuffle another, and the
  rows drawn for a smaller number are among those drawn for a larger one;
* `rows: all` takes every row; otherwise a source gives its quota (`Part.quotas`: equal shares of all sources or of the top of a
  ranking, stated shares, shares by size, or rows a source). A source smaller than its quota gives what it has (`fill: none`,
  told in the figures), is repeated in the same order with copy 1, 2, ... (`fill: repeat`), or is refused (`fill: error`);
* a question that two sources hold is drawn twice: removing it is a step of `selection`;
* every row is drawn or in the ledger: rows read + copies made = rows drawn + ledger rows (rule `not_drawn`).

Fails with `UserError` when a source has no rows left, naming how many were screened out and by which benchmark; and, with
`fill: error`, when sources have less than their quotas, naming what each lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ot_assets.curation.draws import draw_order
from ot_assets.curation.ledgers import joined, ledger_rows
from ot_assets.registry.specs.recipe import Part
from resources.errors import UserError

NOT_DRAWN = "not_drawn"
"""Ledger rule for rows that a draw did not take."""

ROW = "row"
"""Column with a row's place in the artifact that it is read from, 0-based."""

DRAWS = {
    "part": pl.String,
    "source": pl.String,
    "question_id": pl.String,
    "source_row": pl.String,
    ROW: pl.Int64,
    "copy": pl.Int64,
}
"""Columns of the drawn rows."""


@dataclass(frozen=True)
class SourceRows:
    """What is left of a source after screening.

    `ids` has the columns `question_id` and `source_row`, in the order of its screened artifact; `screened_out` is the number of
    rows that screening dropped, by benchmark (`screening.screened_out_by`).
    """

    key: str
    ids: pl.DataFrame
    screened_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceDraw:
    """What was drawn of one source: rows there, rows wanted, rows drawn (copies included), copies among them."""

    source: str
    available: int
    wanted: int
    drawn: int
    copies: int

    @property
    def short(self) -> int:
        """Rows that the source could not give."""
        return self.wanted - self.drawn


@dataclass(frozen=True)
class MixResult:
    """The draw of a part: `draws` (columns `DRAWS`, by source), the ledger, and figures a source."""

    draws: pl.DataFrame
    ledger: pl.DataFrame
    sources: tuple[SourceDraw, ...]

    @property
    def rows_in(self) -> int:
        """Rows that went in: rows of the sources and the copies made of them. Equals rows drawn plus ledger rows."""
        return sum(one.available + one.copies for one in self.sources)


def mix(name: str, part: Part, sources: Mapping[str, SourceRows], seed: int) -> MixResult:
    """Draws the rows of the part `name`. `sources` holds at least the part's; `seed` is `RecipeSpec.part_seed(name)`."""
    wanted_rows = _wanted(name, part, [sources[draw.source] for draw in part.used])
    frames, ledgers, figures = [pl.DataFrame(schema=DRAWS)], [], []
    for key, wanted in wanted_rows.items():
        source, available = sources[key], len(sources[key].ids)
        taken = wanted if part.fill == "repeat" else min(wanted, available)
        drawn, left = _draw(name, source, taken, seed)
        frames.append(drawn)
        ledgers.append(
            ledger_rows(left, NOT_DRAWN, note=f"part {name}: {taken:,} of {available:,} rows", id_column="question_id")
        )
        figures.append(SourceDraw(key, available, wanted, taken, max(0, taken - available)))
    return MixResult(pl.concat(frames), joined(ledgers), tuple(figures))


def _wanted(name: str, part: Part, sources: Sequence[SourceRows]) -> dict[str, int]:
    """Rows wanted of each source in use, in order. UserError for an empty source, or (`fill: error`) one that is too small."""
    for source in sources:
        if not len(source.ids):
            raise _nothing_left(name, source)
    sizes = {source.key: len(source.ids) for source in sources}
    quotas = part.quotas(sizes) or {}
    wanted = {key: size if (quota := quotas.get(key)) is None else quota for key, size in sizes.items()}
    if part.fill == "error":
        short = [f"{key} has {size:,} of {wanted[key]:,}" for key, size in sizes.items() if size < wanted[key]]
        if short:
            raise UserError(
                f"part {name!r} asks for {sum(wanted.values()):,} rows, more than its sources have: {'; '.join(short)}",
                fix="ask for fewer rows, give the others more, or say what to do with `fill: none` or `fill: repeat`",
            )
    return wanted


def _draw(name: str, source: SourceRows, taken: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The drawn rows in draw order (in the source's where all are drawn), copy after copy; and the rows that were not drawn, in
    the source's order.
    """
    ids = source.ids.select("question_id", "source_row").with_columns(source=pl.lit(source.key))
    every = taken % len(ids) == 0
    order = np.arange(len(ids)) if every else draw_order(seed, source.key, ids.get_column("question_id"))
    places = np.resize(order, taken)
    drawn = (ids if every and taken == len(ids) else ids[places]).with_columns(
        part=pl.lit(name),
        copy=pl.Series(np.arange(taken) // len(ids), dtype=pl.Int64),
        row=pl.Series(places, dtype=pl.Int64),
    )
    left = np.ones(len(ids), np.bool_)
    left[order[:taken]] = False
    return drawn.select(*DRAWS), ids.filter(pl.Series(left))


def gather(picks: pl.DataFrame, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The picked rows of an artifact, read batch by batch: the batches' columns and those that only `picks` has.

    `picks` names rows by `row`, their place in the artifact; a row that is picked twice comes twice. Rows come in the
    artifact's order, the same row in the order of `picks`. Batches without a picked row give nothing. Raises `ValueError`
    when `picks` was made from another artifact: a `question_id` that does not match, or a row past the end.
    """
    start = first = 0
    every = picks.get_column(ROW).to_numpy()
    if (every[1:] < every[:-1]).any():
        picks = picks.sort(ROW, maintain_order=True)
        every = picks.get_column(ROW).to_numpy()
    for batch in batches:
        last = int(np.searchsorted(every, start + len(batch)))
        here, places, first = picks[first:last], every[first:last] - start, last
        rows = batch if np.array_equal(places, np.arange(len(batch))) else batch[places]
        start += len(batch)
        if "question_id" in here.columns and not here.get_column("question_id").equals(rows.get_column("question_id")):
            raise ValueError("the rows were picked from another version of this artifact")
        if len(here):
            extra = [column for column in here.columns if column not in batch.columns and column != ROW]
            yield rows.hstack(here.select(extra).get_columns())
    if len(picks) and picks.item(-1, ROW) >= start:
        raise ValueError(f"row {picks.item(-1, ROW)} was picked, but the artifact has {start} rows")


def _nothing_left(name: str, source: SourceRows) -> UserError:
    out = sum(source.screened_out.values())
    if not out:
        return UserError(
            f"source {source.key!r} has no questions, so part {name!r} cannot draw from it",
            fix="look at its origin and columns in the registry, or take it out of the recipe",
        )
    by = ", ".join(f"{benchmark}: {count:,}" for benchmark, count in source.screened_out.items())
    return UserError(
        f"source {source.key!r} has no questions left for part {name!r}: all {out:,} were screened out ({by})",
        fix="a source that equals a benchmark cannot be trained on: take one of the two out, "
        "or loosen the benchmark's `screen`",
    )
