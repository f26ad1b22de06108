"""Assets of curation: from sourced questions to those that a recipe asks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import polars as pl

from ot_assets.curation.coverage import require_screened
from ot_assets.curation.mixing import SourceRows, gather, mix
from ot_assets.curation.recall import measured
from ot_assets.curation.scores.known import SEEN, Known, Rows, current_or_none
from ot_assets.curation.scores.making import Scorers
from ot_assets.curation.scores.table import score_table
from ot_assets.curation.screen_items import items_of
from ot_assets.curation.screening import Screener, screened_out_by
from ot_assets.curation.selection import select
from ot_assets.curation.shortfall import expect_rows, tell_short
from ot_assets.curation.steps.texts import ArtifactTexts
from ot_assets.graph import KINDS
from ot_assets.progress import report
from ot_assets.stage import stage
from ot_assets.step import Step


@stage(
    "source",
    reads={"sourced_questions": None, "benchmark_questions": "every_benchmark"},
    group="curation",
    may_be_empty=True,
    suite="questions",
)
def screened_questions(step: Step) -> Mapping[str, Any]:
    """Questions of a source without those that stand in a benchmark; the ledger names the item that matched."""
    there = {at["benchmark"]: artifact for at, artifact in step.open_needs("benchmark_questions").items()}
    benchmarks = items_of(step.registry, step.services.home, there)
    screener = Screener(benchmarks)
    said = screener.report()
    for batch in step.open("sourced_questions", step.partition).batches(rows=5_000):
        screened = screener.screen(batch)
        said = said.plus(screened)
        step.out.write(screened.kept)
        step.out.drop(screened.ledger)
        step.out.write(screened.hits, "hits")
        report(f"{said.rows_in:,} screened, {said.kept:,} kept")
    step.out.rows_in(said.rows_in)
    step.licences_of("sourced_questions")
    step.out.stat(screening=said.to_dict(), screened_against=[b.key for b in benchmarks])
    step.out.stat(screening_recall=measured(benchmarks, step.services.home.path / "recall"))
    return {"screened_against": len(benchmarks)}


@stage(
    "source",
    reads={
        "screened_questions": "source_to_scores",
        "teacher_spec": "teacher_to_scores",
        "model_spec": "model_to_scores",
    },
    group="curation",
    may_be_empty=True,
    suite="question_scores",
)
def question_scores(step: Step) -> None:
    """One column a score that some recipe needs of this source; computed once, shared by all recipes."""
    screened = step.open("screened_questions", step.partition)
    rows = Rows.of(lambda columns: screened.batches(rows=5_000, columns=columns))
    known = Known.of(current_or_none(step.store, step.asset, step.partition), KINDS[step.asset].code_version, rows)
    wanted = step.registry.scores_for(step.partition["source"])
    table = score_table(wanted, Scorers(step).of, rows, known)
    for frame in table.frames():
        step.out.write(frame)
    for frame in table.seen():
        step.out.write(frame, SEEN)
    step.out.stat(unscored=table.unscored, scorers={name: one.figures for name, one in table.columns.items()})
    step.out.rows_in(screened.manifest.rows_out)


@stage(
    "recipe", reads={"screened_questions": "source_to_recipe", "recipe_spec": None}, group="curation", suite="questions"
)
def mixed_pool(step: Step) -> None:
    """Rows drawn from the recipe's sources by its shares and seed."""
    recipe = step.registry.recipe(step.partition["recipe"])
    screened = {at["source"]: artifact for at, artifact in step.open_needs("screened_questions").items()}
    require_screened(step.registry, recipe.key, {key: a.manifest.stats for key, a in screened.items()})
    sources = {
        key: SourceRows(key, a.scan().select("question_id", "source_row").collect(), screened_out_by(a.ledger()))
        for key, a in screened.items()
    }
    rows_in = asked = 0
    figures = []
    for name, part in recipe.exact_parts.items():
        mixed = mix(name, part, sources, recipe.part_seed(name))
        for draw in mixed.sources:
            picks = mixed.draws.filter(pl.col("source") == draw.source)
            for rows in gather(picks, screened[draw.source].batches()):
                step.out.write(rows.select(step.columns()))
            figures.append(
                {"part": name, "source": draw.source, "rows": draw.drawn, "copies": draw.copies, "short": draw.short}
            )
            asked += draw.wanted
            tell_short(step, f"part {name}: source {draw.source} gives {draw.drawn:,} rows", draw.short)
        step.out.drop(mixed.ledger)
        rows_in += mixed.rows_in
    step.out.rows_in(rows_in)
    step.licences_of("screened_questions")
    step.out.stat(draws=figures, seed=recipe.seed)
    expect_rows(step, asked)


@stage(
    "recipe",
    reads={"mixed_pool": None, "question_scores": "source_to_recipe", "recipe_spec": None},
    group="curation",
    suite="questions",
)
def filtered_set(step: Step) -> None:
    """The questions that a recipe asks its teachers: scored, filtered, deduplicated, cut to size."""
    recipe = step.registry.recipe(step.partition["recipe"])
    pool = step.open("mixed_pool", step.partition)
    scores = {at["source"]: artifact.read() for at, artifact in step.open_needs("question_scores").items()}
    ids = pool.scan().select("question_id", "source", "source_row", "copy", "part").with_row_index("row").collect()
    ids = ids.with_columns(pl.col("row").cast(pl.Int64))
    texts, home = ArtifactTexts(pool), step.services.home
    kept, lost, funnel = [], pl.DataFrame(), {}
    for name, part in recipe.exact_parts.items():
        if len(lost):
            step.out.drop(lost)
        mine, seed = ids.filter(pl.col("part") == name), recipe.part_seed(name)
        selection = select(part, mine, scores, seed, name=name, texts=texts, home=home)
        kept.append(selection.frame.select("row"))
        lost = selection.ledger
        for table, rows in selection.tables.items():
            step.out.write(rows, table)
        funnel[name] = [one.to_dict() for one in selection.funnel]
        for one in selection.funnel:
            tell_short(step, f"part {name}, {one.name}: {one.rows_out:,} rows stay", one.short)
    answers = pl.col("part").replace_strict({name: recipe.answers_of(name) for name in recipe.parts})
    staying = gather(pl.concat(kept), pool.batches())
    # Both are encoded behind this loop, so side by side.
    for rows, dropped in zip_longest(staying, lost.iter_slices(20_000) if len(lost) else [lost]):
        if rows is not None:
            step.out.write(rows.with_columns(answers_per_question=answers.cast(pl.Int64)).select(step.columns()))
        if dropped is not None:
            step.out.drop(dropped)
    step.out.rows_in(pool.manifest.rows_out)
    step.licences_of("mixed_pool")
    step.out.stat(funnel=funnel)
    expect_rows(step, recipe.questions_asked)


ASSETS = (screened_questions, question_scores, mixed_pool, filtered_set)
