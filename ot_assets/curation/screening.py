"""Screening: which questions of a source are contaminated by a benchmark.

Belongs here: the rule, the ledger and the report. The rule is that of OpenThoughts3 (arXiv 2506.04178, appendix on
decontamination): a question is contaminated by a benchmark item when

* `exact`: their normalised texts (`schemas.ids.normalise`) are equal; this rule cannot be turned off; or
* `ngram`: they share any run of n tokens (`ngrams`, 13 by default; short items are compared whole); or
* `indel`: their normalised Indel similarity x 100 is at least a threshold (`similarity`, 75 by default).

n and the threshold are a benchmark's own (`BenchmarkSpec.screen`), null turns a rule off. Every question is judged
against every benchmark; `hits` holds one row a question and benchmark, by the first rule that matched in the order
above, and the ledger one row a question, for its first hit by rule and then by the benchmarks' order. Every text is
normalised and cut into tokens once, however many benchmarks there are, and rows are dropped by their place in the
batch, whatever else the batch holds.

Fails closed, with `UserError`: no benchmark at all, or a benchmark without any text, is an error and not a clean
bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from typing import Any

import polars as pl

from ot_assets.curation.ngrams import NgramIndex
from ot_assets.curation.similarity import IndelIndex
from ot_assets.curation.tokens import Tokenizer, WordTokenizer
from ot_assets.registry.specs.benchmark import BenchmarkSpec
from resources.errors import UserError
from schemas.ids import normalise
from schemas.ledger import Ledger

RULES = ("exact", "ngram", "indel")
"""The rules, the strictest first: the order in which they give the reason for a hit."""

NO_TEXT = "no_text"
"""Ledger rule for a row without text: it cannot be called clean."""

HITS = {
    "question_id": pl.String,
    "source": pl.String,
    "source_row": pl.String,
    "benchmark": pl.String,
    "item": pl.String,
    "rule": pl.String,
    "figure": pl.Float64,
    "note": pl.String,
}
"""Columns of the hits: the question, the benchmark and its item (a question_id), the rule, its figure, the shared text.

Figure: 100 for `exact`, the number of distinct shared n-grams for `ngram`, similarity x 100 for `indel`."""

_EXCERPT = 160


@dataclass(frozen=True)
class BenchmarkItems:
    """A benchmark to screen against: its items (columns `question_id`, `question`) and when they count."""

    key: str
    items: pl.DataFrame
    ngram: int | None = 13
    similarity: float | None = 75

    @classmethod
    def of(cls, spec: BenchmarkSpec, items: pl.DataFrame) -> BenchmarkItems:
        """The items of a registered benchmark under its own thresholds."""
        return cls(spec.key, items, spec.screen.ngram, spec.screen.similarity)


@dataclass(frozen=True)
class Screened:
    """What screening made of one batch: `kept` rows as they came, the `ledger` rows of the others, and all `hits`."""

    kept: pl.DataFrame
    ledger: pl.DataFrame
    hits: pl.DataFrame


@dataclass(frozen=True)
class Coverage:
    """One benchmark as it was screened against: how many items with text, by which rules, and how many hits by rule."""

    benchmark: str
    items: int
    ngram: int | None
    similarity: float | None
    hits: Mapping[str, int] = field(default_factory=dict)

    @property
    def contaminated(self) -> int:
        """Questions that hit this benchmark."""
        return sum(self.hits.values())


@dataclass(frozen=True)
class ScreeningReport:
    """All batches together: rows in, kept and dropped, and what was screened against."""

    tokenizer: str
    rows_in: int
    kept: int
    coverage: tuple[Coverage, ...]

    def plus(self, screened: Screened) -> ScreeningReport:
        """The report with one more batch."""
        counts = {
            (benchmark, rule): count
            for benchmark, rule, count in screened.hits.group_by("benchmark", "rule").len().iter_rows()
        }
        coverage = tuple(
            replace(one, hits={rule: one.hits.get(rule, 0) + counts.get((one.benchmark, rule), 0) for rule in RULES})
            for one in self.coverage
        )
        rows_in = self.rows_in + len(screened.kept) + len(screened.ledger)
        return replace(self, rows_in=rows_in, kept=self.kept + len(screened.kept), coverage=coverage)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a manifest's figures."""
        return asdict(self)


@dataclass(frozen=True)
class _Hit:
    row: int
    item: int
    rule: str
    figure: float
    note: str


class Screener:
    """Screens batches of questions against all given benchmarks. Build one and feed it any number of batches."""

    def __init__(
        self, benchmarks: Sequence[BenchmarkItems], tokenizer: Tokenizer | None = None, *, workers: int = -1
    ) -> None:
        """Indexes the items; `workers` threads compare, -1 meaning every core. Raises `UserError` when a benchmark is empty."""
        if not benchmarks:
            raise UserError(
                "there is no benchmark to screen against, so no question can be called clean",
                fix="register a benchmark (registry/benchmarks/) and make its questions: asset benchmark_questions",
            )
        self._tokenizer = tokenizer or WordTokenizer()
        self._benchmarks = tuple(benchmarks)
        texts = [_texts(benchmark) for benchmark in benchmarks]
        self._items = [(place, item) for place, own in enumerate(texts) for item, _ in own]
        self._texts = [text for own in texts for _, text in own]
        bounds = [0, *accumulate(len(own) for own in texts)]
        sizes = [benchmarks[place].ngram for place, _ in self._items]
        similar = [benchmarks[place].similarity for place, _ in self._items]
        self._exact = self._exact_index()
        self._grams = NgramIndex(self._tokenizer.split(self._texts), sizes, bounds)
        self._indel = IndelIndex(self._texts, similar, bounds, workers)
        self._sizes = [len(own) for own in texts]

    def _exact_index(self) -> dict[str, list[int]]:
        """Text -> its first item in each benchmark."""
        index: dict[str, list[int]] = {}
        for item, text in enumerate(self._texts):
            known = index.setdefault(text, [])
            if all(self._items[other][0] != self._items[item][0] for other in known):
                known.append(item)
        return index

    def report(self) -> ScreeningReport:
        """An empty report that says what is screened against."""
        coverage = tuple(
            Coverage(b.key, size, b.ngram, b.similarity) for b, size in zip(self._benchmarks, self._sizes, strict=True)
        )
        return ScreeningReport(self._tokenizer.name, 0, 0, coverage)

    def screen(self, batch: pl.DataFrame) -> Screened:
        """Splits a batch (columns of Questions) into kept rows and ledger rows: rows in = kept + ledger."""
        texts = [normalise(text) if text else "" for text in batch.get_column("question").to_list()]
        found: dict[tuple[int, int], _Hit] = {}
        for hit in self._all_hits(texts):
            found.setdefault((hit.row, self._items[hit.item][0]), hit)
        order = sorted(found.values(), key=lambda hit: (hit.row, RULES.index(hit.rule), hit.item))
        places = batch.select(
            "question_id",
            pl.col("source") if "source" in batch.columns else pl.lit(None, pl.String).alias("source"),
            pl.col("source_row") if "source_row" in batch.columns else pl.lit(None, pl.String).alias("source_row"),
        ).rows()
        hits = pl.DataFrame([self._hit_row(places[hit.row], hit) for hit in order], schema=HITS, orient="row")
        ledger, dropped = self._ledger(order, places, texts)
        keep = pl.Series([row not in dropped for row in range(len(texts))], dtype=pl.Boolean)
        return Screened(batch.filter(keep), ledger, hits)

    def _all_hits(self, texts: Sequence[str]) -> Iterator[_Hit]:
        """Hits by all rules, those of an earlier rule first."""
        for row, text in enumerate(texts):
            for item in self._exact.get(text, ()):
                yield _Hit(row, item, "exact", 100.0, _excerpt(text))
        tokens = self._tokenizer.split(texts)
        for gram in self._grams.hits(tokens):
            shared = self._tokenizer.shown(tokens[gram.row][gram.start : gram.stop])
            yield _Hit(gram.row, gram.item, "ngram", float(gram.shared), _excerpt(shared))
        for near in self._indel.hits(texts):
            yield _Hit(near.row, near.item, "indel", near.similarity, _excerpt(self._texts[near.item]))

    def _hit_row(self, place: Sequence[str | None], hit: _Hit) -> tuple[object, ...]:
        benchmark, item = self._items[hit.item]
        return (*place, self._benchmarks[benchmark].key, item, hit.rule, hit.figure, hit.note)

    def _ledger(
        self, order: Sequence[_Hit], places: Sequence[Sequence[str | None]], texts: Sequence[str]
    ) -> tuple[pl.DataFrame, set[int]]:
        """One ledger row a contaminated question, and the places of the questions that go."""
        by_row: dict[int, list[_Hit]] = {}
        for hit in order:
            by_row.setdefault(hit.row, []).append(hit)
        rows = []
        dropped = set(by_row) | {row for row, text in enumerate(texts) if not text}
        for row in sorted(dropped):
            name, source, source_row = places[row]
            record: dict[str, object] = {"row_id": name, "source": source, "source_row": source_row}
            if row in by_row:
                record |= self._reason(by_row[row])
            else:
                record |= {"rule": NO_TEXT}
            rows.append(record)
        return Ledger.frame(rows), dropped

    def _reason(self, hits: Sequence[_Hit]) -> dict[str, object]:
        """The first hit is the reason; the other benchmarks are named in the note."""
        first, *others = hits
        benchmark, item = self._items[first.item]
        also = ", ".join(f"{self._benchmarks[self._items[hit.item][0]].key} ({hit.rule})" for hit in others)
        return {
            "rule": first.rule,
            "figure": first.figure,
            "lost_to": f"{self._benchmarks[benchmark].key}/{item}",
            "note": first.note + (f" | also: {also}" if also else ""),
        }


def screen_all(screener: Screener, batches: Iterable[pl.DataFrame]) -> Iterator[Screened]:
    """Screens batch after batch; only one batch is in memory."""
    for batch in batches:
        yield screener.screen(batch)


def screened_out_by(ledger: pl.LazyFrame) -> dict[str, int]:
    """Benchmark key -> rows that screening dropped for it, read from a screening ledger; most first."""
    counts = (
        ledger.filter(pl.col("rule").is_in(RULES))
        .select(pl.col("lost_to").str.split("/").list.first().alias("benchmark"))
        .group_by("benchmark")
        .len()
        .sort(["len", "benchmark"], descending=[True, False])
        .collect()
    )
    return dict(counts.iter_rows())


def _texts(benchmark: BenchmarkItems) -> list[tuple[str, str]]:
    """(question_id, normalised text) of the items that have text."""
    rows = benchmark.items.select("question_id", "question").iter_rows()
    texts = [(item, text) for item, text in ((item, normalise(text or "")) for item, text in rows) if text]
    if not texts:
        raise UserError(
            f"benchmark {benchmark.key!r} has no question text ({len(benchmark.items)} rows), "
            "so nothing can be screened against it",
            fix=f"make its questions again (asset benchmark_questions, partition {benchmark.key}), "
            f"or mend the columns in its YAML",
        )
    return texts


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
