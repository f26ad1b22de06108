"""Screening: which questions of a source are contaminated by a benchmark.

Belongs here: the rule, the ledger and the report. The first two rules and `indel` are those of OpenThoughts3 (arXiv
2506.04178, appendix on decontamination). All texts are compared as `normal.comparable` gives them: line breaks, case,
markup and LaTeX spacing hide nothing. A question is contaminated by a benchmark item when

* `exact`: their tokens are equal; this rule cannot be turned off; or
* `ngram`: they share any run of n tokens (`ngrams`, 13 by default; short items are compared whole); or
* `containment`: some stretch of the question is the item but for a few tokens (`containment`, 80 by default); or
* `indel`: their normalised Indel similarity x 100 is at least a threshold (`similarity`, 75 by default).

n, the thresholds and the tokenizer are a benchmark's own (`BenchmarkSpec.screen`), null turns a rule off. Every question
is judged against every benchmark; `hits` holds one row a question and benchmark, by the first rule that matched in the
order above, and the ledger one row a question, for its first hit by rule and then by the benchmarks' order. Every text is
normalised once and cut into tokens once a tokenizer, however many benchmarks there are, and rows are dropped by their
place in the batch, whatever else the batch holds.

Fails closed, with `UserError`: no benchmark at all, or a benchmark without any text, is an error and not a clean
bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from typing import Any

import polars as pl

from ot_assets.curation.containment import ContainmentIndex
from ot_assets.curation.ngrams import NgramIndex
from ot_assets.curation.normal import comparable
from ot_assets.curation.screening_hits import HITS, RULES, Hit, excerpt, stretch
from ot_assets.curation.similarity import IndelHit, IndelIndex
from ot_assets.curation.tokens import Tokenizer, WordTokenizer
from ot_assets.curation.vocabulary import Tokenized, Vocabulary
from ot_assets.registry.specs.benchmark import CONTAINMENT, BenchmarkSpec
from resources.errors import UserError
from schemas.ledger import Ledger

NO_TEXT = "no_text"
"""Ledger rule for a row without text: it cannot be called clean."""

# So many texts go to the compiled comparison while the next ones are read.
_PIECE = 1_250


@dataclass(frozen=True)
class BenchmarkItems:
    """A benchmark to screen against: its items (columns `question_id`, `question`) and when they count."""

    key: str
    items: pl.DataFrame
    ngram: int | None = 13
    similarity: float | None = 75
    containment: float | None = CONTAINMENT
    tokenizer: Tokenizer | None = None
    """None = the screener's."""

    @classmethod
    def of(cls, spec: BenchmarkSpec, items: pl.DataFrame, tokenizer: Tokenizer | None = None) -> BenchmarkItems:
        """The items of a registered benchmark under its own thresholds."""
        rules = spec.screen
        return cls(spec.key, items, rules.ngram, rules.similarity, rules.containment, tokenizer)


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
    containment: float | None
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
class _Tokens:
    """One tokenizer with the indexes of the benchmarks that use it; items of others are not in them."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    grams: NgramIndex
    inside: ContainmentIndex


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
        self._benchmarks = tuple(benchmarks)
        texts = [_texts(benchmark) for benchmark in benchmarks]
        self._items = [(place, item) for place, own in enumerate(texts) for item, _ in own]
        self._texts = [text for own in texts for _, text in own]
        bounds = [0, *accumulate(len(own) for own in texts)]
        similar = [benchmarks[place].similarity for place, _ in self._items]
        self._words = WordTokenizer()
        self._exact = self._exact_index()
        default = tokenizer or self._words
        names = {id(used): used for used in (benchmark.tokenizer or default for benchmark in benchmarks)}
        self._tokens = [self._token_indexes(used, default, bounds) for used in names.values()]
        self._indel = IndelIndex(self._texts, similar, bounds, workers)
        self._sizes = [len(own) for own in texts]

    def _exact_index(self) -> dict[str, list[int]]:
        """Words of a text -> its first item in each benchmark."""
        index: dict[str, list[int]] = {}
        for item, words in enumerate(self._words.split(self._texts)):
            known = index.setdefault(self._words.shown(words), [])
            if all(self._items[other][0] != self._items[item][0] for other in known):
                known.append(item)
        return index

    def _token_indexes(self, tokenizer: Tokenizer, default: Tokenizer, bounds: Sequence[int]) -> _Tokens:
        mine = [(self._benchmarks[place].tokenizer or default) is tokenizer for place, _ in self._items]
        texts = [text if own else "" for text, own in zip(self._texts, mine, strict=True)]
        known = Vocabulary(_tokens(tokenizer, texts))
        rules = [self._benchmarks[place] if own else None for (place, _), own in zip(self._items, mine, strict=True)]
        return _Tokens(
            tokenizer,
            known,
            NgramIndex(known.items, [rule.ngram if rule else None for rule in rules], bounds),
            ContainmentIndex(known.items, [rule.containment if rule else None for rule in rules], bounds),
        )

    def report(self) -> ScreeningReport:
        """An empty report that says what is screened against."""
        coverage = tuple(
            Coverage(b.key, size, b.ngram, b.similarity, b.containment)
            for b, size in zip(self._benchmarks, self._sizes, strict=True)
        )
        return ScreeningReport(", ".join(one.tokenizer.name for one in self._tokens), 0, 0, coverage)

    def screen(self, batch: pl.DataFrame) -> Screened:
        """Splits a batch (columns of Questions) into kept rows and ledger rows: rows in = kept + ledger."""
        texts: list[str] = []
        found: dict[tuple[int, int], Hit] = {}
        for hit in self._all_hits(batch.get_column("question").to_list(), texts):
            found.setdefault((hit.row, self._items[hit.item][0]), hit)
        order = sorted(found.values(), key=lambda hit: (hit.row, RULES.index(hit.rule), hit.item))
        places = batch.select(
            "question_id",
            pl.col("source") if "source" in batch.columns else pl.lit(None, pl.String).alias("source"),
            pl.col("source_row") if "source_row" in batch.columns else pl.lit(None, pl.String).alias("source_row"),
        ).rows()
        hits = pl.DataFrame([self._hit_row(places, texts, hit) for hit in order], schema=HITS, orient="row")
        ledger, dropped = self._ledger(order, places, texts)
        keep = pl.Series([row not in dropped for row in range(len(texts))], dtype=pl.Boolean)
        return Screened(batch.filter(keep), ledger, hits)

    def _all_hits(self, questions: Sequence[str | None], texts: list[str]) -> Iterator[Hit]:
        """Hits by all rules, those of an earlier rule first; fills `texts` with the texts as they are compared. Compiled
        comparisons run beside the work on texts and tokens.
        """
        with ThreadPoolExecutor(1) as beside:
            near = []
            for start in range(0, len(questions), _PIECE):
                piece = [comparable(text) if text else "" for text in questions[start : start + _PIECE]]
                near.append(beside.submit(self._near, piece))
                texts += piece
            words = self._words.column(texts)
            for row, own in enumerate(words.list.join(" ").to_list()):
                for item in self._exact.get(own, ()) if own else ():
                    yield Hit(row, item, "exact", 100.0, excerpt(texts[row]))
            by_tokens = [list(self._by_tokens(used, texts, words)) for used in self._tokens]
            for rule in ("ngram", "containment"):
                yield from (hit for hits in by_tokens for hit in hits if hit.rule == rule)
            for start, one in ((_PIECE * place, one) for place, some in enumerate(near) for one in some.result()):
                yield Hit(start + one.row, one.item, "indel", one.similarity, excerpt(self._texts[one.item]))

    def _near(self, texts: Sequence[str]) -> list[IndelHit]:
        return list(self._indel.hits(texts))

    def _by_tokens(self, used: _Tokens, texts: Sequence[str], words: pl.Series) -> Iterator[Hit]:
        tokens = words if isinstance(used.tokenizer, WordTokenizer) else _tokens(used.tokenizer, texts)
        coded, shown = used.vocabulary.read(tokens), used.tokenizer.shown
        for gram in used.grams.hits(coded):
            shared, around = stretch(list(tokens[gram.row]), gram.start, gram.stop, shown)
            yield Hit(gram.row, gram.item, "ngram", float(gram.shared), shared, around)
        for held in used.inside.hits(coded):
            shared, around = stretch(list(tokens[held.row]), held.start, held.stop, shown)
            yield Hit(held.row, held.item, "containment", held.similarity, shared, around)

    def _hit_row(self, places: Sequence[Sequence[str | None]], texts: Sequence[str], hit: Hit) -> tuple[object, ...]:
        benchmark, item = self._items[hit.item]
        sides = hit.sides(texts[hit.row], self._texts[hit.item])
        return (*places[hit.row], self._benchmarks[benchmark].key, item, hit.rule, hit.figure, hit.note, *sides)

    def _ledger(
        self, order: Sequence[Hit], places: Sequence[Sequence[str | None]], texts: Sequence[str]
    ) -> tuple[pl.DataFrame, set[int]]:
        """One ledger row a contaminated question, and the places of the questions that go."""
        by_row: dict[int, list[Hit]] = {}
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

    def _reason(self, hits: Sequence[Hit]) -> dict[str, object]:
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


def _tokens(tokenizer: Tokenizer, texts: Sequence[str]) -> Tokenized:
    return tokenizer.column(texts) if isinstance(tokenizer, WordTokenizer) else tokenizer.split(texts)


def _texts(benchmark: BenchmarkItems) -> list[tuple[str, str]]:
    """(question_id, normalised text) of the items that have text."""
    rows = benchmark.items.select("question_id", "question").iter_rows()
    texts = [(item, text) for item, text in ((item, comparable(text or "")) for item, text in rows) if text]
    if not texts:
        raise UserError(
            f"benchmark {benchmark.key!r} has no question text ({len(benchmark.items)} rows), "
            "so nothing can be screened against it",
            fix=f"make its questions again (asset benchmark_questions, partition {benchmark.key}), "
            f"or mend the columns in its YAML",
        )
    return texts
