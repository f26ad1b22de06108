"""Which row of a source is meant, and by which names later stages know it.

Belongs here: how a person's word for a row (its place, its number, its question id, the beginning of one) becomes the
question that stands there in each version of the source, and the expressions that recognise it in tables and ledgers.
`UserError` when nothing fits, with the nearest, or when several rows do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ot_assets.lineage.fate import SourceRow
from ot_assets.lineage.lookup import LEDGER, find_rows, neighbours
from resources.artifacts import Artifact
from resources.errors import UserError

_SHOWN = 10
_MOST = 1000
_QUESTION_ID = r"^q[0-9a-f]{31}$"
_ID = r"^[qt][0-9a-f]{31}$"
_SOME_QUESTION = re.compile(r"^q[0-9a-f]+$")
_COLUMNS = ("question_id", "source_row", "question")
_LEDGER_COLUMNS = ("row_id", "source_row")


@dataclass(frozen=True)
class Version:
    """One version of a source's questions, and whether it is the current one."""

    artifact: Artifact
    current: bool


@dataclass(frozen=True)
class Asked:
    """A row as it is looked for.

    `questions` are the questions that it is or was; none when it was dropped at sourcing. `rows` are its places in
    the source, `names` other names that a ledger gave it, `traces` the answers to its questions. `found` is what the
    versions of the source say of it.
    """

    source: str
    questions: tuple[str, ...]
    rows: tuple[str, ...]
    names: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    found: tuple[SourceRow, ...] = ()

    def with_traces(self, traces: Iterable[str]) -> Asked:
        """The same row, with the answers that were given to it."""
        return replace(self, traces=tuple(dict.fromkeys(traces)))

    def in_table(self, columns: Iterable[str]) -> pl.Expr:
        """Its rows in a table of questions, requests, traces, verdicts or examples that has these columns."""
        fits = pl.col("question_id").is_in(self.questions)
        return fits & (pl.col("source") == self.source) if "source" in columns else fits

    def in_ledger(self, asset: str) -> pl.Expr:
        """Its lines in a stage's ledger. The same question from another source, or from another row of this one, is
        another row.
        """
        name, place = pl.col("row_id"), pl.col("source_row")
        mine = name.is_in([*self.questions, *self.traces, *self.names, *self.rows])
        # A version of the source may have had another question in this place: an id of something else is not ours.
        # Only the ledger of the traces names answers that never came, which no table knows.
        ids = _ID if asset != "traces" else _QUESTION_ID
        fits = pl.when(place.is_null()).then(mine).otherwise(place.is_in(self.rows) & (mine | ~name.str.contains(ids)))
        return fits & (pl.col("source").is_null() | (pl.col("source") == self.source))


_Hit = tuple[Version, dict[str, Any]]


def identify(source: str, row: str, versions: Sequence[Version]) -> Asked:
    """The row that is meant. The most exact reading that fits anything, in any version, wins; a row that is there
    wins over a dropped one.
    """
    for exact, table, ledger in _readings(row):
        limit = _MOST if exact else _SHOWN + 1
        hits = list(_hits(versions, table, _COLUMNS, "", limit))
        lost = [] if hits else list(_hits(versions, ledger, _LEDGER_COLUMNS, LEDGER, limit))
        if hits or lost:
            if not exact:
                _refuse_several(row, hits or lost)
            return _asked(source, hits, lost)
    column = "question_id" if _SOME_QUESTION.match(row) else "source_row"
    near = [name for version in versions[:1] for name in neighbours(version.artifact, column, row)]
    fix = f"the nearest there: {', '.join(near)}" if near else "it holds no rows"
    raise UserError(f"source {source!r} has no row {row!r}", fix=fix)


def _readings(row: str) -> Iterator[tuple[bool, pl.Expr, pl.Expr]]:
    """Ways to read the word, most exact first: whether it is exact, and what fits it in the table and in the ledger."""
    question, place, name = pl.col("question_id"), pl.col("source_row"), pl.col("row_id")
    yield True, (question == row) | (place == row), (name == row) | (place == row)
    if row.isdigit():
        end = f":{row}"
        yield False, place.str.ends_with(end), name.str.ends_with(end) | place.str.ends_with(end)
    if row:
        begins = name.str.starts_with(row) | place.str.starts_with(row)
        yield False, question.str.starts_with(row) | place.str.starts_with(row), begins


def _hits(
    versions: Iterable[Version], fits: pl.Expr, columns: tuple[str, ...], table: str, limit: int
) -> Iterator[_Hit]:
    for version in versions:
        for row in find_rows(version.artifact, fits, columns, table=table, limit=limit)[1]:
            yield version, dict(row.values)


def _refuse_several(row: str, found: list[_Hit]) -> None:
    """A word that is not exact must fit one row of each version."""
    first = found[0][0]
    names = [str(hit.get("source_row") or hit.get("row_id")) for version, hit in found if version is first]
    if len(names) > 1:
        shown = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
        raise UserError(f"{row!r} fits several rows", fix=f"name one of them: {shown}")


def _asked(source: str, hits: list[_Hit], lost: list[_Hit]) -> Asked:
    found = tuple(
        SourceRow(hit["question_id"], hit["source_row"], v.artifact.artifact_id, v.current, hit.get("question"))
        for v, hit in hits
    )
    places = [row.source_row for row in found] + [hit["source_row"] for _, hit in lost if hit["source_row"]]
    questions = dict.fromkeys(row.question_id for row in found)
    names = dict.fromkeys(hit["row_id"] for _, hit in lost)
    return Asked(source, tuple(questions), tuple(dict.fromkeys(places)), tuple(names), found=found)
