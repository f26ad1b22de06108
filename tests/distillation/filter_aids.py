"""Aids for answer filters over rows in memory: real texts, a real response store, a scripted judge through the real way of
asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from ot_assets.distillation.aids import TEXTS, Judge
from ot_assets.distillation.answer_filter import Chosen, choose, facts
from ot_assets.distillation.sample_files import read_texts
from ot_assets.registry.specs.answer_filter import Part, Samples
from resources.generation.ask import ask
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure
from resources.generation.request import Request
from resources.generation.scripted import ScriptedEngine
from resources.responses.store import ResponseStore
from schemas.distillation import Traces
from schemas.ledger import Ledger
from tests.distillation.test_answer_filter import trace
from tests.factories import a_recipe, a_teacher

Row = dict[str, Any]
Rule = Callable[[Request], str]


def said(question: int, index: int, text: str, *, reasoning: str | None = None, **fields: Any) -> Row:
    """A trace with this answer."""
    return trace(question, index, answer=text, reasoning=reasoning, **fields)


@dataclass
class MemoryAids:
    """What a training set's step hands in, over rows in memory. `rule` is how the judge answers."""

    rows: list[Row]
    rule: Rule | None = None
    store: ResponseStore | None = None
    unfit_ids: frozenset[str] = frozenset()
    batch: int = 3
    samples_of: Mapping[str, list[str]] = field(default_factory=dict)
    engines: list[ScriptedEngine] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    longest: int = 0
    """Rows of the largest batch that was ever handed out."""

    def texts(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        frame = Traces.frame(self.rows).with_columns(
            question=pl.concat_str(pl.lit("Question "), pl.col("source_row")), gold=pl.lit(None, pl.String)
        )
        for key in frame.get_column("source").unique(maintain_order=True):
            mine = rows.filter(pl.col("source") == key).select("trace_id")
            found = frame.filter(pl.col("source") == key).join(mine, on="trace_id", how="semi", maintain_order="left")
            for start in range(0, len(found), self.batch):
                part = found.slice(start, self.batch).select(TEXTS)
                self.longest = max(self.longest, len(part))
                yield part

    def judge(self, key: str, what: str, requests: int) -> Judge:
        assert self.rule is not None and self.store is not None
        self.totals.append(requests)
        model = Model(key=key, engine="scripted", model=key, options=self.options)
        store, rule = self.store, self.rule

        def engine() -> ScriptedEngine:
            self.engines.append(ScriptedEngine(model, rule))
            return self.engines[-1]

        def asking(asked: Iterable[Request]) -> Iterator[Outcome]:
            return ask(store, engine, asked, purpose=f"training_set r|t {what} by {key}")

        return Judge(a_teacher(key, key, system_prompt="Judge well."), model, asking)

    def samples(self, samples: Samples, part: Part, *, with_question: bool) -> Iterator[str]:
        if samples.source is not None:
            yield from self.samples_of[samples.source]
        else:
            yield from read_texts([Path(name) for name in samples.files], samples)

    def unfit(self, rows: pl.DataFrame) -> pl.DataFrame:
        gone = rows.filter(pl.col("trace_id").is_in(list(self.unfit_ids))).get_column("trace_id")
        frame: pl.DataFrame = Ledger.frame([{"row_id": name, "rule": "too_long"} for name in gone])
        return frame

    @property
    def calls(self) -> int:
        """Requests that an engine answered."""
        return sum(engine.calls for engine in self.engines)


def filters_of(spec: Any) -> Any:
    """An answer filter as a recipe reads it."""
    return a_recipe("r", ["s"], ["t"], answer_filter=spec, answers_per_question=4).answer_filter


def filtered(spec: Any, aids: MemoryAids, verdicts: pl.DataFrame | None = None, seed: int = 7) -> Chosen:
    """Runs an answer filter over the aids' rows, each question drawn once."""
    known = facts(Traces.frame(aids.rows).lazy()).collect().with_columns(copies=pl.lit(1, pl.Int64))
    return choose(filters_of(spec), known, verdicts, seed, aids)


def samples(chosen: Chosen) -> list[tuple[str, int]]:
    """Source row and sample index of what was kept."""
    return chosen.frame.select("source_row", "sample_index").rows()


def lost(chosen: Chosen) -> dict[str, int]:
    """Ledger rule -> rows."""
    return dict(chosen.ledger.group_by("rule").len().sort("rule").rows())


class FailingNow:
    """Answers a request with a failure that another try may mend, as long as it is told to."""

    def __init__(
        self, asking: Callable[[Iterable[Request]], Iterator[Outcome]], when: Callable[[Request], bool]
    ) -> None:
        self._asking, self._when = asking, when

    def __call__(self, asked: Iterable[Request]) -> Iterator[Outcome]:
        for request, result in self._asking(asked):
            failed = Failure("HTTP 503", "server", retryable=True) if self._when(request) else result
            yield Outcome(request, failed)


def through(judge: Judge, when: Callable[[Request], bool]) -> Judge:
    """The judge behind an endpoint that fails now and then."""
    return replace(judge, ask=FailingNow(judge.ask, when))
