"""Trace requests: the union over recipes of the questions that teachers are asked, and how often.

Belongs here: that union, and what one teacher reads of it. One partition is a source. Contract: the frame depends on
what is asked, never on who asks first or how many ask the same, so a recipe that asks for nothing new leaves it as it
is and the traces fresh:

* a recipe asks `answers_per_question` for each of its rows. A question that it holds twice (filled by repeating, or
  drawn by two parts) is asked for twice as many answers, so that a repeated row is answered anew, as OpenThoughts3
  did;
* a recipe's own `teachers` and its listed `other_teachers` give a row each; `other_teachers: any` gives one row for
  `*`, which stands for every teacher;
* over recipes the largest number counts; a row that `*` covers is left out. Rows are sorted.

Pure; raises nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from ot_assets.registry.specs.recipe import RecipeSpec
from schemas.distillation import TraceRequests

ANY = "*"
"""Stands for every teacher."""

_KEY = ("question_id", "teacher")


@dataclass(frozen=True)
class Asking:
    """A recipe, and the rows of its filtered set that are of the source (`question_id`, `answers_per_question`)."""

    recipe: RecipeSpec
    rows: pl.DataFrame


def wanted_answers(rows: pl.DataFrame) -> pl.DataFrame:
    """`question_id`, `answers`: how many answers rows of one filtered set want of one source's questions, sorted."""
    total = rows.group_by("question_id").agg(pl.col("answers_per_question").sum().cast(pl.Int64).alias("answers"))
    return total.sort("question_id")


def union(askings: Iterable[Asking]) -> pl.DataFrame:
    """The trace requests of a source (columns of TraceRequests)."""
    empty: pl.DataFrame = TraceRequests.empty()
    frames = [empty]
    for asking in askings:
        wanted = wanted_answers(asking.rows)
        frames += [_rows(wanted, teacher) for teacher in _teachers(asking.recipe)]
    most = pl.concat(frames).group_by(*_KEY).agg(pl.col("answers").max())
    for_all = most.filter(teacher=ANY).select("question_id", pl.col("answers").alias("covered"))
    known = most.join(for_all, on="question_id", how="left")
    needed = (pl.col("teacher") == ANY) | pl.col("covered").is_null() | (pl.col("answers") > pl.col("covered"))
    return known.filter(needed).select(*empty.columns).sort(*_KEY)


def requests_for(teacher: str, requests: pl.DataFrame) -> pl.DataFrame:
    """What one teacher is asked: `question_id`, `answers`, sorted; empty when nothing is."""
    own = requests.filter(pl.col("teacher").is_in([teacher, ANY]))
    return own.group_by("question_id").agg(pl.col("answers").max()).sort("question_id")


def _teachers(recipe: RecipeSpec) -> tuple[str, ...]:
    if recipe.other_teachers == "any":
        return (ANY,)
    return tuple(sorted({*recipe.teachers, *recipe.other_teachers}))


def _rows(wanted: pl.DataFrame, teacher: str) -> pl.DataFrame:
    return wanted.select("question_id", pl.lit(teacher).alias("teacher"), "answers")
