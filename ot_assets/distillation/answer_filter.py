"""The answer filter: which of a recipe's traces become examples.

Belongs here: the filters of OpenThoughts3 (arXiv 2506.04178, section on answer filtering) that need no further model.
It works on facts about traces, never on their texts. Contract: rows in = rows kept + ledger rows, rows keep their
order, and the outcome depends on the rows and the spec only.

The steps, in order, with the ledger rule of what they drop:

* `duplicate`: the same trace from two sources of the recipe (they hold the same question); the first stays;
* `no_answer`: an answer that is unfinished (its reasoning never closed, no answer follows it, or it was cut). Only
  under `none`, which keeps everything as OpenThoughts3 did, do these stay; `Chosen.unfinished` says how many;
* `wrong`, `unverifiable`, `verifier_failed`: under `verified`, whatever the verifier did not call correct; a trace
  that nobody judged is unverifiable;
* `not_kept`: beyond `keep` answers a question: the longest or shortest by completion tokens stay (unknown counts
  last), under `random` those that the seed draws, otherwise the first samples; ties go to the lower sample;
* `not_drawn`: beyond `rows` in all, by the seed. A smaller number is part of a larger one.

Where a question was drawn several times, `keep` counts for each time. Pure; raises nothing of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ot_assets.curation.draws import draw_keys
from ot_assets.curation.ledgers import joined, ledger_rows
from ot_assets.registry.specs.recipe import AnswerFilter

FACTS = ("trace_id", "question_id", "source", "source_row", "sample_index", "completion_tokens", "unfinished")
"""Columns of the facts; `unfinished` is null for a finished answer, else why it is not."""

NOT_JUDGED = "nobody judged it"

_RANK = "_rank"
_KEY = "_key"


@dataclass(frozen=True)
class Chosen:
    """What the filter left: `frame` (columns `FACTS` and `verdict`), the ledger, and how many kept answers are unfinished."""

    frame: pl.DataFrame
    ledger: pl.DataFrame
    rows_in: int
    unfinished: int

    @property
    def unfinished_share(self) -> float:
        """Share of the kept answers that are cut or never came to an answer, 0 to 1."""
        return self.unfinished / len(self.frame) if len(self.frame) else 0.0


def facts(traces: pl.LazyFrame) -> pl.LazyFrame:
    """What the filter needs of traces (columns of Traces): `FACTS`."""
    why = (
        pl.when(~pl.col("reasoning_closed"))
        .then(pl.lit("its reasoning never closed"))
        .when(pl.col("answer").is_null())
        .then(pl.lit("no answer follows its reasoning"))
        .when(~pl.col("finish_reason").is_in(["stop", "reference"]))
        .then(pl.format("it ended by {}", "finish_reason"))
    )
    return traces.with_columns(unfinished=why).select(FACTS)


def wanted_traces(traces: pl.DataFrame, filtered: pl.DataFrame) -> pl.DataFrame:
    """The facts of those traces that a recipe asked for: others may have asked for more questions, or more answers.

    `filtered` holds `source`, `question_id` and `answers_per_question` of the recipe's filtered set. Adds `copies`: how
    often the question was drawn.
    """
    asked = filtered.group_by("source", "question_id").agg(
        pl.col("answers_per_question").sum().alias("_answers"), pl.len().cast(pl.Int64).alias("copies")
    )
    met = traces.join(asked, on=["source", "question_id"], how="inner", maintain_order="left")
    return met.filter(pl.col("sample_index") < pl.col("_answers")).drop("_answers")


def choose(spec: AnswerFilter, traces: pl.DataFrame, verdicts: pl.DataFrame | None, seed: int) -> Chosen:
    """Runs the filter over the traces of a recipe and a teacher (from `wanted_traces`).

    `verdicts` holds `trace_id` and `verdict`, None when there are none; `seed` is the recipe's and gives way to the
    filter's own.
    """
    if verdicts is None:
        verdicts = pl.DataFrame(schema={"trace_id": pl.String, "verdict": pl.String})
    judged = verdicts.select("trace_id", "verdict").unique("trace_id", keep="first")
    frame = traces.join(judged, on="trace_id", how="left", maintain_order="left")
    seed = seed if spec.seed is None else spec.seed
    ledgers: list[pl.DataFrame] = []
    frame = _without_duplicates(frame, ledgers)
    if spec.kind != "none":
        rule, note = pl.lit("no_answer"), pl.col("unfinished")
        frame = _drop(frame, pl.col("unfinished").is_not_null(), rule, ledgers, note=note)
    if spec.kind == "verified":
        frame = _verified(frame, ledgers)
    if spec.keep is not None:
        frame = _keep(spec, frame, spec.keep, seed, ledgers)
    if spec.rows is not None:
        frame = _draw(frame, spec.rows, seed, ledgers)
    kept = frame.select(*FACTS, "verdict")
    return Chosen(kept, joined(ledgers), len(traces), kept.get_column("unfinished").count())


def _drop(
    frame: pl.DataFrame,
    which: pl.Expr,
    rule: pl.Expr,
    ledgers: list[pl.DataFrame],
    *,
    note: pl.Expr | None = None,
    lost_to: pl.Expr | None = None,
) -> pl.DataFrame:
    """The rows that stay; ledger rows of the others are added to `ledgers`."""
    marked = frame.with_columns(which.alias("_gone"))
    gone = marked.filter("_gone")
    tokens = pl.col("completion_tokens")
    ledgers.append(ledger_rows(gone, rule, figure=tokens, lost_to=lost_to, note=note, id_column="trace_id"))
    return marked.filter(~pl.col("_gone")).drop("_gone")


def _without_duplicates(frame: pl.DataFrame, ledgers: list[pl.DataFrame]) -> pl.DataFrame:
    first = pl.format("{}/{}", "source", "source_row").first().over("trace_id").alias("_first")
    again = ~pl.col("trace_id").is_first_distinct()
    marked = frame.with_columns(first)
    return _drop(marked, again, pl.lit("duplicate"), ledgers, lost_to=pl.col("_first")).drop("_first")


def _verified(frame: pl.DataFrame, ledgers: list[pl.DataFrame]) -> pl.DataFrame:
    verdict = pl.col("verdict").fill_null("unverifiable")
    note = pl.when(pl.col("verdict").is_null()).then(pl.lit(NOT_JUDGED))
    return _drop(frame, verdict != "correct", verdict, ledgers, note=note)


def _keep(spec: AnswerFilter, frame: pl.DataFrame, keep: int, seed: int, ledgers: list[pl.DataFrame]) -> pl.DataFrame:
    """At most `keep` answers a question and time it was drawn; what goes lost to the last that stays."""
    tokens = pl.col("completion_tokens").cast(pl.Int64)
    first = {"longest": -tokens, "shortest": tokens, "random": pl.col(_KEY)}.get(spec.kind, pl.col("sample_index"))
    keyed = _keyed(frame, seed) if spec.kind == "random" else frame
    ranked = _ranked(keyed, first, pl.col("sample_index"), over="question_id")
    stays = pl.col(_RANK) < keep * pl.col("copies")
    last = ranked.filter(stays).sort(_RANK).group_by("question_id").agg(pl.col("trace_id").last().alias("_last"))
    marked = ranked.join(last, on="question_id", how="left", maintain_order="left")
    return _drop(marked, ~stays, pl.lit("not_kept"), ledgers, lost_to=pl.col("_last")).drop("_last")


def _draw(frame: pl.DataFrame, rows: int, seed: int, ledgers: list[pl.DataFrame]) -> pl.DataFrame:
    """At most `rows` traces in all."""
    ranked = _ranked(_keyed(frame, seed), pl.col(_KEY))
    note = pl.lit(f"{min(rows, len(frame)):,} of {len(frame):,} were drawn")
    return _drop(ranked, pl.col(_RANK) >= rows, pl.lit("not_drawn"), ledgers, note=note)


def _keyed(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    """With the number that the seed gives each trace."""
    keys = draw_keys(seed, "answers", frame.get_column("trace_id").to_list())
    return frame.with_columns(pl.Series(_KEY, keys, dtype=pl.UInt64))


def _ranked(frame: pl.DataFrame, *by: pl.Expr, over: str | None = None) -> pl.DataFrame:
    """With the place of each row, 0-based, in the given order (nulls last, ties as they stand), within its group if any."""
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    ordered = frame.drop(_RANK, strict=False).with_columns(place.alias("_place"))
    ordered = ordered.sort(*by, nulls_last=True, maintain_order=True)
    ordered = ordered.with_columns((place.over(over) if over else place).alias(_RANK))
    return ordered.sort("_place").drop("_place")
