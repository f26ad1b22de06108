"""`ot traces`: what a teacher wrote for a recipe, readable, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import polars as pl
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from ot_assets.commands.output import console, print_json
from ot_assets.commands.world import open_world
from ot_assets.graph import source as source_partition
from ot_assets.graph import source_teacher
from resources.artifacts import ArtifactStore
from resources.errors import UserError
from schemas.distillation import VERDICTS

_COLOURS = {"correct": "green", "wrong": "red"}


def run(recipe: str, teacher: str, *, source: str | None, verdict: str | None, limit: int, as_json: bool) -> None:
    """Shows traces of the recipe's sources, in a pager when standing at a terminal."""
    world = open_world()
    spec = world.registry.recipe(recipe)
    world.registry.teacher(teacher)
    if source is not None and source not in spec.sources:
        raise UserError(f"recipe {recipe} has no source {source}", fix=f"its sources: {', '.join(spec.sources)}")
    if verdict is not None and verdict not in VERDICTS:
        raise UserError(f"no verdict is called {verdict!r}", fix=f"verdicts: {', '.join(VERDICTS)}")
    sources = [source] if source else list(spec.sources)
    rows = _rows(world.store, sources, teacher, verdict)
    shown = list(islice(rows, limit)) if limit else list(rows)
    if not shown:
        raise UserError(f"no traces of {teacher} for {recipe}", fix=f"make them: ot run {recipe} --teacher {teacher}")
    if as_json:
        print_json(shown)
    elif console.is_terminal:
        with console.pager(styles=True):
            _print(shown, console)
    else:
        _print(shown, console)


def _rows(store: ArtifactStore, sources: list[str], teacher: str, verdict: str | None) -> Iterator[dict[str, Any]]:
    """Traces with question and verdict, source by source, without reading more than is asked for."""
    for key in sources:
        traces = store.current("traces", source_teacher(key, teacher))
        questions = store.current("screened_questions", source_partition(key))
        verdicts = store.current("verdicts", source_teacher(key, teacher))
        if traces is None or questions is None:
            continue
        asked = questions.scan().select("question_id", "question", "gold")
        judged = verdicts.scan().select("trace_id", "verdict", "extracted", "reason") if verdicts else None
        for batch in traces.batches(rows=500):
            frame = batch.lazy().join(asked, on="question_id", how="left", maintain_order="left")
            if judged is not None:
                frame = frame.join(judged, on="trace_id", how="left", maintain_order="left")
                frame = frame.filter(pl.col("verdict") == verdict) if verdict else frame
            yield from frame.collect().iter_rows(named=True)


def _print(rows: list[dict[str, Any]], to: Console) -> None:
    for row in rows:
        said = row.get("verdict") or "not judged"
        body = Text()
        body.append(row["question"] or "", style="bold")
        body.append("\n\n")
        if row["reasoning"]:
            body.append(row["reasoning"].strip(), style="dim")
            body.append("\n\n")
        body.append((row["answer"] or f"(no answer: {row['finish_reason']})").strip())
        gold = f"gold {row['gold']}" if row["gold"] is not None else "no gold answer"
        foot = f"{said}, {gold}, {row['finish_reason']}, {row['completion_tokens'] or 0} tokens"
        to.print(
            Panel(
                body,
                title=f"{row['source']} · {row['source_row']} · {row['trace_id'][:10]}",
                subtitle=foot,
                border_style=_COLOURS.get(said, "yellow"),
            )
        )
