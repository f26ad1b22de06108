"""How much contamination screening finds: recall on planted copies, false positives on questions that are none.

Belongs here: the measurement. `measure` draws items of the benchmarks, plants a copy of each kind (`recall_copies.KINDS`),
and asks every method at several thresholds, and the screener as it is set, which of them it finds. For negatives it takes
other items out of the benchmarks first and asks about those: questions of the same kind, by the same authors, that
are not in what is screened against. That is harder than any other text and shows templates (items that differ in their
numbers only), so a high share there is a thing to know of a benchmark and not always a fault of the method. Shares come
with 95 % Wilson intervals (E. B. Wilson, JASA 22, 1927).

Contract: the same items, rules and seed give the same table. Pure but for `measured`, which keeps the table in a folder.
Raises nothing of its own.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ot_assets.curation.containment import ContainmentIndex
from ot_assets.curation.ngrams import NgramIndex
from ot_assets.curation.normal import comparable
from ot_assets.curation.recall_copies import KINDS, copy_of
from ot_assets.curation.screening import BenchmarkItems, Screener
from ot_assets.curation.similarity import IndelIndex
from ot_assets.curation.tokens import WordTokenizer
from ot_assets.curation.vocabulary import Vocabulary
from schemas.ids import content_hash, question_id

VERSION = 2
"""Raised when the same items would give another table."""

CLEAN = "other items"
"""The kind of the negatives; what is found of them is a false positive."""

AS_SET = "as set"
"""The method that is the screener with each benchmark's own rules."""

NGRAMS = (8, 10, 13, 20)
CONTAINMENTS = (70.0, 75.0, 80.0, 85.0, 90.0)
SIMILARITIES = (70.0, 75.0, 80.0, 85.0, 90.0, 95.0)

_SHORTEST = 40


@dataclass(frozen=True)
class Found:
    """Of `tried` planted texts of a kind a method found so many; `low` to `high` holds the true share in 95 of 100 cases."""

    kind: str
    method: str
    threshold: float | None
    tried: int
    found: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Recall, or, of `CLEAN`, the rate of false positives."""
        return self.found / self.tried

    @classmethod
    def of(cls, kind: str, method: str, threshold: float | None, hits: Sequence[bool]) -> Found:
        """Counts hits."""
        return cls(kind, method, threshold, len(hits), sum(hits), *wilson(sum(hits), len(hits)))


def wilson(found: int, tried: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a share; (0, 1) of nothing."""
    if not tried:
        return 0.0, 1.0
    share, ratio = found / tried, z * z / tried
    centre = (share + ratio / 2) / (1 + ratio)
    half = z * (share * (1 - share) / tried + ratio / (4 * tried)) ** 0.5 / (1 + ratio)
    return round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)


def measure(
    benchmarks: Sequence[BenchmarkItems],
    *,
    sample: int = 100,
    seed: int = 0,
    clean: Sequence[str] | None = None,
    workers: int = -1,
) -> list[Found]:
    """The table for these benchmarks: `sample` items are copied, and as many are taken out for negatives.

    `clean` are negatives to use instead. Benchmarks that are only compared for equality, and items of under 40 characters,
    are left out of the draw; an empty table when nothing remains.
    """
    draw = random.Random(seed)
    pairs = _pairs(benchmarks)
    draw.shuffle(pairs)
    texts = {pair: str(benchmarks[pair[0]].items.item(pair[1], "question")) for pair in pairs[: 2 * sample]}
    copied = pairs[: min(sample, len(pairs) - (len(pairs) // 3 if clean is None else 0))]
    out = pairs[len(copied) : len(copied) + sample] if clean is None else []
    gone = {comparable(texts[pair]) for pair in out}
    left = [_without(one, gone) for one in benchmarks]
    left = [one for one in left if len(one.items)]
    if not copied or not left:
        return []
    planted = {kind: [made for pair in copied if (made := copy_of(texts[pair], kind, draw))] for kind in KINDS}
    planted[CLEAN] = list(clean) if clean is not None else [texts[pair] for pair in out]
    return _table({kind: made for kind, made in planted.items() if made}, left, workers)


def _table(planted: Mapping[str, Sequence[str]], benchmarks: Sequence[BenchmarkItems], workers: int) -> list[Found]:
    kinds = [kind for kind, made in planted.items() for _ in made]
    texts = [text for made in planted.values() for text in made]
    table: list[Found] = []

    def add(method: str, threshold: float | None, hit: Callable[[int], bool]) -> None:
        for kind in planted:
            rows = [row for row, own in enumerate(kinds) if own == kind]
            table.append(Found.of(kind, method, threshold, [hit(row) for row in rows]))

    dirty = _screened(texts, benchmarks, workers)
    add(AS_SET, None, dirty.__contains__)
    items = [text for one in benchmarks for text in map(comparable, one.items["question"].drop_nulls()) if text]
    flat = [comparable(text) for text in texts]
    words, bounds = WordTokenizer().column, [0, len(items)]
    known = Vocabulary(words(items))
    mine = known.read(words(flat))
    for n in NGRAMS:
        rows = {hit.row for hit in NgramIndex(known.items, [n] * len(items), bounds).hits(mine)}
        add("ngram", n, rows.__contains__)
    inside = ContainmentIndex(known.items, [CONTAINMENTS[0]] * len(items), bounds)
    held = {hit.row: hit.similarity for hit in inside.hits(mine)}
    for least in CONTAINMENTS:
        add("containment", least, lambda row, least=least: held.get(row, 0.0) >= least)  # type: ignore[misc]
    alike = IndelIndex(items, [SIMILARITIES[0]] * len(items), bounds, workers)
    near = {hit.row: hit.similarity for hit in alike.hits(flat)}
    for least in SIMILARITIES:
        add("indel", least, lambda row, least=least: near.get(row, 0.0) >= least)  # type: ignore[misc]
    return table


def _screened(texts: Sequence[str], benchmarks: Sequence[BenchmarkItems], workers: int) -> set[int]:
    """Places of the texts that the screener drops."""
    names = [str(place) for place in range(len(texts))]
    batch = pl.DataFrame({"question_id": names, "question": list(texts)})
    return {int(name) for name in Screener(benchmarks, workers=workers).screen(batch).ledger["row_id"]}


def _by_likeness(benchmark: BenchmarkItems) -> bool:
    return any(rule is not None for rule in (benchmark.ngram, benchmark.similarity, benchmark.containment))


def _pairs(benchmarks: Sequence[BenchmarkItems]) -> list[tuple[int, int]]:
    """(benchmark, item) of the items that are drawn from: long enough, each text once, however many benchmarks have it."""
    first: dict[str, tuple[int, int]] = {}
    for place, one in enumerate(benchmarks):
        for row, text in enumerate(one.items["question"].to_list() if _by_likeness(one) else []):
            if text and len(text) >= _SHORTEST:
                first.setdefault(comparable(text), (place, row))
    return list(first.values())


def _without(benchmark: BenchmarkItems, gone: set[str]) -> BenchmarkItems:
    """The benchmark without the items whose comparable text is in `gone`, nor those that have none."""
    if not gone:
        return benchmark
    flat = [comparable(text or "") for text in benchmark.items["question"].to_list()]
    keep = [text != "" and text not in gone for text in flat]
    return replace(benchmark, items=benchmark.items.filter(pl.Series(keep, dtype=pl.Boolean)))


def measured(benchmarks: Sequence[BenchmarkItems], folder: Path | None) -> list[dict[str, Any]]:
    """The table as plain JSON values, for a manifest; measured once for the same items and rules and kept in `folder`."""
    ids = {one.key: [question_id(text or "") for text in one.items["question"].to_list()] for one in benchmarks}
    rules = {
        one.key: [one.ngram, one.similarity, one.containment, one.tokenizer and one.tokenizer.name]
        for one in benchmarks
    }
    place = folder / f"{content_hash([VERSION, ids, rules])[:32]}.json" if folder is not None else None
    if place is not None:
        with suppress(OSError, ValueError):
            kept: list[dict[str, Any]] = json.loads(place.read_text("utf-8"))
            return kept
    table = [asdict(row) for row in measure(benchmarks)]
    if place is not None:
        with suppress(OSError):  # it is only kept to save time
            place.parent.mkdir(parents=True, exist_ok=True)
            half = place.with_suffix(f".{random.getrandbits(32):x}")
            half.write_text(json.dumps(table), "utf-8")
            half.replace(place)
    return table
