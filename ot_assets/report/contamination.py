"""What screening found: by benchmark and rule, and the question beside the item it is too like.

Belongs here: the table `hits` of screened questions, and the texts that go with it. Contract: of every benchmark and
rule that found something the strongest and some others, spread by the ids' order, up to `MOST` pairs in all; both texts
with their differences marked. Reads the hits' columns and then only the texts that are shown. Questions screened by an
older version have no more columns than that had; what is missing is left empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.report.stages import BySource, Stages
from ot_assets.report.texts import Shown, compared
from resources.artifacts import Artifact

MOST = 32
EACH = 3

_TABLE = "hits"
_COLUMNS = ("question_id", "source", "source_row", "benchmark", "item", "rule", "figure", "note")


@dataclass(frozen=True)
class Hit:
    """A question and the item of a benchmark that it was called a copy of."""

    row: str
    benchmark: str
    item: str
    rule: str
    figure: float | None
    note: str
    question: Shown
    item_text: Shown


@dataclass(frozen=True)
class Screened:
    """One benchmark: items, settings in words, and questions found by rule, over all sources."""

    benchmark: str
    items: int
    settings: str
    by_rule: Mapping[str, int]

    @property
    def found(self) -> int:
        """Questions that hit it."""
        return sum(self.by_rule.values())


@dataclass(frozen=True)
class Contamination:
    """What was screened against, what was found, and pairs to look at."""

    benchmarks: tuple[Screened, ...]
    tokenizers: tuple[str, ...]
    hits: int
    shown: tuple[Hit, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """Every rule that was looked at, in order."""
        return tuple(dict.fromkeys(rule for one in self.benchmarks for rule in one.by_rule))


def contamination(stages: Stages) -> Contamination | None:
    """None where nothing is screened."""
    if not stages.screened:
        return None
    frames = [
        a.scan(_TABLE).select(pl.col(c) for c in _COLUMNS if c in a.manifest.tables[_TABLE].columns).collect()
        for a in stages.screened.values()
        if _TABLE in a.manifest.tables and a.manifest.tables[_TABLE].rows
    ]
    hits = pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()
    chosen = _chosen(hits) if len(hits) else []
    questions = _texts(stages.sourced, chosen, "source", "question_id")
    items = _texts(stages.benchmarks, chosen, "benchmark", "item")
    tokenizers = {str(_screening(a).get("tokenizer") or "") for a in stages.screened.values()} - {""}
    return Contamination(
        tuple(_coverage(stages.screened)),
        tuple(sorted(tokenizers)),
        len(hits),
        tuple(_hit(row, questions, items) for row in chosen),
    )


def _chosen(hits: pl.DataFrame) -> list[dict[str, Any]]:
    """The strongest of every benchmark and rule first, then one more of each, and so on."""
    order = hits.sort(["benchmark", "rule", "figure", "question_id"], descending=[False, False, True, False])
    ranked = order.with_columns(pl.int_range(pl.len()).over("benchmark", "rule").alias("_rank"))
    few = ranked.filter(pl.col("_rank") < EACH).sort("_rank", maintain_order=True).head(MOST)
    return few.sort(["benchmark", "rule", "_rank"]).drop("_rank").to_dicts()


def _texts(artifacts: BySource, rows: list[dict[str, Any]], where: str, name: str) -> dict[tuple[str, str], str]:
    """(key, question_id) -> text, for the rows that are shown."""
    found: dict[tuple[str, str], str] = {}
    for key in dict.fromkeys(row[where] for row in rows):
        artifact = artifacts.get(key)
        if artifact is None:
            continue
        ids = list({row[name] for row in rows if row[where] == key})
        texts = artifact.scan().select("question_id", "question").filter(pl.col("question_id").is_in(ids))
        found |= {(key, one): text for one, text in texts.collect(engine="streaming").iter_rows()}
    return found


def _hit(row: Mapping[str, Any], questions: Mapping[Any, str], items: Mapping[Any, str]) -> Hit:
    question, item = compared(
        questions.get((row["source"], row["question_id"])), items.get((row["benchmark"], row["item"]))
    )
    return Hit(
        f"{row['source']}/{row['source_row']}",
        row["benchmark"],
        row["item"],
        row["rule"],
        row.get("figure"),
        row.get("note") or "",
        question,
        item,
    )


def _screening(artifact: Artifact) -> Mapping[str, Any]:
    found: Mapping[str, Any] = artifact.manifest.stats.get("screening") or {}
    return found


def _coverage(screened: BySource) -> list[Screened]:
    """The figures of all sources' screening together."""
    items: dict[str, tuple[int, str]] = {}
    found: dict[str, dict[str, int]] = {}
    for artifact in screened.values():
        for one in _screening(artifact).get("coverage") or ():
            key = one["benchmark"]
            told = {n: v for n, v in one.items() if n not in ("benchmark", "items", "hits")}
            items[key] = one.get("items", 0), ", ".join(f"{n} {'off' if v is None else v}" for n, v in told.items())
            counts = found.setdefault(key, {})
            for rule, rows in (one.get("hits") or {}).items():
                counts[rule] = counts.get(rule, 0) + rows
    return [Screened(key, *items[key], found[key]) for key in sorted(items, key=lambda k: (-sum(found[k].values()), k))]
