"""Screening against rapidfuzz on every pair, in one run: seconds of both, their ratio, and that they agree.

    python benchmarks/bench_screening.py [--questions 20000] [--items 1000] [--naive-questions 2000]

Questions are English prose of 150 to 600 characters: passages of Python's own help texts, which repeat each other, so
many are contaminated by rights; 1% are copies of items, edited a little. All pairs are compared for the first
`--naive-questions` questions and the time is scaled up, because all of them take minutes. `screening` is everything:
normalising, exact match, 13-grams, Indel similarity, ledger.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from pydoc_data.topics import topics

import numpy as np
import polars as pl
from figures import figure, note
from rapidfuzz import fuzz, process

from ot_assets.curation.screening import BenchmarkItems, Screener
from ot_assets.curation.similarity import IndelIndex
from schemas.ids import normalise, question_id


def passages(count: int, text: str, draw: random.Random) -> list[str]:
    """Random passages of a text."""
    made = []
    for _ in range(count):
        length = draw.randint(150, 600)
        start = draw.randrange(len(text) - length)
        made.append(normalise(text[start : start + length]))
    return made


def edited(text: str, draw: random.Random) -> str:
    """The text with every tenth word or so replaced."""
    return " ".join("other" if draw.random() < 0.1 else word for word in text.split(" "))


def frame(texts: list[str]) -> pl.DataFrame:
    """Texts with their ids."""
    return pl.DataFrame({"question_id": [question_id(text) for text in texts], "question": texts})


def main() -> None:
    """Measures and prints two figures; ends with 1 where the two ways find different questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--naive-questions", type=int, default=2_000)
    options = parser.parse_args()
    draw = random.Random(7)
    prose = re.sub(r"\s+", " ", " ".join(dict.fromkeys(topics.values())))
    third = len(prose) // 3
    items = passages(options.items, prose[:third], draw)
    questions = passages(options.questions, prose[third:], draw)
    for place in range(0, len(questions), 100):
        questions[place] = edited(draw.choice(items), draw)
    some = questions[: options.naive_questions]

    started = time.perf_counter()
    scores = process.cdist(some, items, scorer=fuzz.ratio, score_cutoff=75, workers=-1, dtype=np.float64)
    naive = (time.perf_counter() - started) * len(questions) / len(some)
    note(f"all pairs: timed on {len(some):,} of {len(questions):,} questions, {len(items):,} items")

    started = time.perf_counter()
    hits = list(IndelIndex(items, [75.0] * len(items), [0, len(items)]).hits(questions))
    indel = time.perf_counter() - started

    started = time.perf_counter()
    screened = Screener([BenchmarkItems("bench", frame(items))]).screen(frame(questions))
    whole = time.perf_counter() - started
    note(f"{len(screened.ledger):,} contaminated")
    for name, seconds in (("Indel with exact bounds", indel), ("all three rules", whole)):
        figure(
            f"screening: {name}",
            len(questions) / seconds,
            "questions/s",
            alternative="rapidfuzz cdist, all pairs, Indel only",
            other=len(questions) / naive,
        )

    same = {hit.row for hit in hits if hit.row < len(some)} == set(np.flatnonzero((scores >= 75).any(axis=1)).tolist())
    note("same questions found by both" if same else "THE RESULTS DIFFER")
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
