"""The process that `bench_recipe.py` watches: one recipe through Dagster, or the same work as a plain script.

What belongs here: running, and telling on stdout, as JSON lines, when a step begins and what it took, by kind of work.
Kinds are exclusive: `work` (bodies of assets), `writing` (cutting rows, and waiting for Parquet that is written beside),
`validation` (schemas, keys that must be unique), `suites` (expectations), `manifests` (opening and publishing), `status`
(what is stale), `dagster` (everything else of a step's wall time).

    python benchmarks/recipe_run.py FOLDER [--plain SIZE] [--until ASSET]
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

OUTSIDE = ("validation", "suites", "manifests", "status", "dagster")
LAST = ("student_model", "eval_responses", "eval_scores", "baseline_scores", "leaderboard")


class Clock:
    """Seconds by kind; time inside an inner kind is not counted for the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stack: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def kind(self, name: str) -> Iterator[None]:
        self._turn()
        self._stack.append(name)
        try:
            yield
        finally:
            self._turn()
            self._stack.pop()

    def taken(self) -> dict[str, float]:
        found, self.seconds = self.seconds, {}
        return {name: round(seconds, 4) for name, seconds in found.items()}

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            # What goes on beside costs no time of its own.
            if threading.current_thread() is not threading.main_thread():
                return function(*args, **kwargs)
            with self.kind(name):
                return function(*args, **kwargs)

        return timed

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._stack:
            self.seconds[self._stack[-1]] = self.seconds.get(self._stack[-1], 0.0) + now - self._since
        self._since = now


def instrument(clock: Clock) -> None:
    """Puts the clock around what is not a body's own work."""
    from ot_assets import materialized, running, stage
    from resources.artifacts import publication, tables
    from resources.artifacts.validation import UniqueKey

    def around(owner: Any, name: str, kind: str) -> None:
        setattr(owner, name, clock.wrap(kind, getattr(owner, name)))

    around(tables, "problems", "validation")
    around(UniqueKey, "add", "validation")
    around(UniqueKey, "repeated", "validation")
    around(materialized, "_suite_check", "suites")
    around(publication.Publication, "write", "writing")
    around(publication.Publication, "drop", "writing")
    around(publication.Publication, "publish", "manifests")
    around(publication.Publication, "open_if_there", "manifests")
    around(tables.TableWriter, "close", "writing")
    around(running.StatusReader, "own_reasons", "status")
    around(running.Runner, "_materialize", "dagster")
    build = stage.StageAsset.build
    stage.StageAsset.build = lambda self, parts: build(  # type: ignore[method-assign]
        replace(self, body=clock.wrap("work", self.body)), parts
    )


def told(**what: Any) -> None:
    sys.__stdout__.write(json.dumps(what) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def run(folder: Path, until: str) -> bool:
    """Makes what is missing or stale of the recipe `big`, up to one stage; whether all went well."""
    from ot_assets.quality import judge

    judge.warm()  # as `ot run` does
    from ot_assets.commands.instance import prepare_instance
    from ot_assets.graph import KINDS, World
    from ot_assets.registry import registry
    from ot_assets.scope import scope
    from resources.artifacts import ArtifactStore
    from resources.home import Home

    home = Home.from_env()
    world = World(registry(), ArtifactStore(home.artifacts))
    order = list(KINDS)
    last = order.index(until)
    steps = [s for s in scope(world, "big").steps() if s.asset not in LAST and order.index(s.asset) <= last]
    prepare_instance(home)

    import dagster as dg

    from ot_assets.definitions import build_definitions
    from ot_assets.running import Runner, StepReport

    clock = Clock()
    instrument(clock)
    with dg.DagsterInstance.get() as instance:

        def done(report: StepReport) -> None:
            told(end=report.need.asset, partition=str(report.need.partition), outcome=report.outcome,
                 seconds=report.seconds, rows=report.rows, kinds=clock.taken(), reasons=report.reasons)  # fmt: skip

        runner = Runner(world, build_definitions(world.registry), instance, home.path / "locks",
                        on_step=lambda number, total, need: told(begin=str(need)), on_done=done)  # fmt: skip
        return runner.run(steps).ok


def plain(folder: Path, size: int) -> bool:
    """The same rows by a script that keeps no record: read, drop copies of items, drop duplicates, draw, ask, count,
    write.
    """
    import polars as pl
    from recipe_made import ANSWERS, answer, files

    from resources.chat import chat_tokenizer
    from resources.generation.request import Message
    from schemas.ids import normalise

    class Asked:
        def __init__(self, text: str, index: int) -> None:
            self.messages, self.sample_index = (Message(role="user", content=text),), index

    told(begin="plain")
    started = time.perf_counter()
    exam = pl.read_ndjson(folder / "registry" / "benchmarks" / "exam.jsonl")["question"]
    items = {normalise(text) for text in exam}
    frames = [pl.read_parquet(f) if f.suffix == ".parquet" else pl.read_ndjson(f) for f in files(folder)]
    rows = pl.concat([frame.select("question", "answer") for frame in frames])
    normal = pl.Series("normal", [normalise(text) for text in rows["question"]])
    kept = rows.with_columns(normal).filter(~pl.col("normal").is_in(list(items))).unique("normal", keep="first")
    drawn = kept.sort(pl.col("normal").hash(7)).head(max(1, size // 10))
    told(end="plain", partition="questions", outcome="made", seconds=time.perf_counter() - started, rows=len(rows),
         kinds={}, reasons=())  # fmt: skip
    started = time.perf_counter()
    tokenizer = chat_tokenizer(folder / "counter")
    out = folder / "plain"
    out.mkdir(exist_ok=True)
    texts = drawn["question"].to_list()
    for batch in range(0, len(texts), 500):
        asked = [text for text in texts[batch : batch + 500] for _ in range(ANSWERS)]
        replies = [answer(Asked(text, place % ANSWERS)) for place, text in enumerate(asked)]
        prompts = [[{"role": "user", "content": text}] for text in asked]
        completions = [[{"role": "assistant", "content": text}] for text in replies]
        tokens = tokenizer.examples(prompts, completions)
        made = {"prompt": prompts, "completion": completions, "tokens": [len(one) for one in tokens]}
        pl.DataFrame(made).write_parquet(out / f"{batch:09d}.parquet", compression="zstd")
    told(end="plain", partition="examples", outcome="made", seconds=time.perf_counter() - started,
         rows=len(texts) * ANSWERS, kinds={}, reasons=())  # fmt: skip
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plain", type=int, default=0)
    parser.add_argument("--until", default="training_set")
    options = parser.parse_args()
    sys.stdout = sys.stderr
    os.chdir(options.folder)
    went_well = plain(options.folder, options.plain) if options.plain else run(options.folder, options.until)
    raise SystemExit(0 if went_well else 1)
