"""Cleaning at a million rows: rows a second of each rule, beside the same rule without its look over the column.

Run: `python benchmarks/bench_cleaning.py [--rows 1000000] [--only figures language ...]`. The alternative is how filters of
question sets are usually written: Python's patterns over every row (for `language`: the detector on every text as it is). It
is timed on at most 20,000 rows. The bar: all rules over a million rows in five minutes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import figure, note
from benchmarks.questions_made import questions
from ot_assets.curation.cleaning import finding
from ot_assets.curation.cleaning.rules import RULES, clean
from ot_assets.registry.specs.clean import Clean

ALL = {
    "no_gold": True, "length": {"min": 20, "max": 20_000}, "garbled": True, "figures": True, "links": True,
    "answer_given": True, "several": True, "proofs": True, "language": True,
}  # fmt: skip
_SAME = ("no_gold", "length", "garbled")
"""Rules that are expressions of polars: there is no other way to compare them with."""
_AT_ONCE = 50_000
_BAR_SECONDS = 300.0


def made(rows: int) -> pl.DataFrame:
    """Questions of math with a gold answer."""
    texts = pl.Series("question", list(questions(rows)))
    return texts.to_frame().with_columns(
        gold=pl.lit("1"), verifier=pl.lit("math"), verifier_args=pl.lit(None, pl.String), domain=pl.lit("math")
    )


def timed(frame: pl.DataFrame, rules: dict[str, object]) -> tuple[float, int]:
    """Seconds, and rows that go."""
    spec, started, gone = Clean.model_validate({"kind": "clean", **rules}), time.perf_counter(), 0
    for start in range(0, len(frame), _AT_ONCE):
        gone += clean(frame.slice(start, _AT_ONCE), spec).get_column("rule").count()
    return time.perf_counter() - started, gone


def usual(frame: pl.DataFrame, rule: str) -> float:
    """Seconds of the same rule row by row."""
    if rule == "language":
        from ot_assets.distillation.language_filter import detector

        detect, started = detector(), time.perf_counter()
        for text in frame.get_column("question"):
            detect(" ".join(text.split()))
        return time.perf_counter() - started

    def every(texts: pl.Series, wide: str, find: Callable[[str], finding.Place | None]) -> pl.Series:
        return whole(texts, "", find)

    whole = finding.noted
    names = ("figures", "several", "links", "answers")
    patches = [mock.patch(f"ot_assets.curation.cleaning.{name}.noted", every) for name in names]
    for patch in patches:
        patch.start()
    try:
        return timed(frame, {rule: ALL[rule]})[0]
    finally:
        for patch in patches:
            patch.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", default=[*RULES, "all"], choices=[*RULES, "all"])
    given = parser.parse_args()
    frame = made(given.rows)
    note(f"{len(frame):,} questions made")
    some = frame.head(20_000)
    timed(frame.head(10), ALL)  # the language model is loaded
    held = True
    for rule in given.only:
        seconds, gone = timed(frame, ALL if rule == "all" else {rule: ALL[rule]})
        note(f"{rule}: {seconds:.1f} s, {gone:,} go")
        if rule == "all":
            own = len(frame) / seconds
            bar = f"1M rows in {_BAR_SECONDS:g} s"
            apart = sum(usual(some, name) for name in RULES if name not in _SAME) / len(some)
            held = 1_000_000 / own <= _BAR_SECONDS
            figure("cleaning, all rules", own, "rows/s", alternative="those that have another form, row by row",
                   other=1 / apart, bar=bar, holds=held)  # fmt: skip
        elif rule in _SAME:
            figure(f"cleaning, {rule}", len(frame) / seconds, "rows/s", alternative="-")
        else:
            alternative = len(some) / usual(some, rule)
            figure(f"cleaning, {rule}", len(frame) / seconds, "rows/s", alternative="row by row", other=alternative)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figure(
        "cleaning, peak memory", peak, "GiB", alternative="the texts themselves", other=frame.estimated_size() / 2**30
    )
    raise SystemExit(0 if held else 1)


if __name__ == "__main__":
    main()
