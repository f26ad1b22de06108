"""Near copies at Indel 95 among made questions, beside rapidfuzz cdist on every pair: speed, the same pairs, growth, memory.

    python benchmarks/bench_dedup.py [--only equal speed growth added] [--rows 100000] [--equal-rows 20000]
        [--sizes 10000 30000 100000 300000 1000000] [--added 10000] [--threshold 95] [--naive-rows 1000] [--templates]

* equal: all pairs by cdist and by ours, in full, at `--equal-rows`; the benchmark ends with 1 where they differ.
* speed: at `--rows`, ours against cdist on all cores. cdist is timed on `--naive-rows` rows against all, spread over the
  set, and scaled up to all rows, because all of them take a quarter of an hour and more.
* growth: seconds and peak memory of a process at each of `--sizes`, and the exponent between the first and the last.
* added: at the last size, `--added` more questions with the cache of an earlier search, against all from the beginning.

Every measurement of ours runs in a process of its own, which makes its questions first; time is that of `similar_pairs`, with
loading numba and its compiled code, which a first small run leaves on disk. Peak memory is the whole process's: Python,
the questions and the search. `--templates` takes word problems that differ in numbers only, the hard case.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from figures import figure, note
from questions_made import questions, word_problems
from rapidfuzz import fuzz, process

from ot_assets.curation.dedup.pairs import Pairs, similar_pairs

_GIB = 2**30
_BLOCK = 500


def made(count: int, templates: bool) -> list[str]:
    """The questions of a measurement."""
    return list(dict.fromkeys(word_problems(count) if templates else questions(count)))


def measured(rows: int, options: argparse.Namespace, cache: Path | None = None) -> dict[str, Any]:
    """Seconds, pairs and peak bytes of one search in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(rows), "--threshold", str(options.threshold)]
    command += ["--templates"] if options.templates else []
    command += ["--cache", str(cache)] if cache is not None else []
    said: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    spent = f"{said['seconds']:.2f} s ({said['busy']:.2f} s of processor time)"
    note(f"{rows:,} rows: {spent}, {said['pairs']:,} pairs, peak {said['peak'] / _GIB:.2f} GiB")
    return said


def measure(options: argparse.Namespace) -> None:
    """What the process of one measurement does."""
    texts = made(options.measure, options.templates)
    keys = [sha256(text.encode()).hexdigest() for text in texts] if options.cache else None
    note(f"{len(texts):,} different questions made, {sum(map(len, texts)) / len(texts):.0f} characters on average")
    began, busy = time.perf_counter(), time.process_time()
    pairs = similar_pairs(texts, options.threshold, cache=options.cache, keys=keys, progress=_shown())
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sum_of = sha256(pairs.left.tobytes() + pairs.right.tobytes() + pairs.similarity.tobytes()).hexdigest()
    sys.stdout.write(
        json.dumps({"seconds": seconds, "busy": busy, "pairs": len(pairs), "peak": peak, "sum": sum_of}) + "\n"
    )


def _shown() -> Any:
    last = [0.0]

    def show(done: int, total: int) -> None:
        if time.monotonic() - last[0] > 5:
            last[0] = time.monotonic()
            note(f"  {done:,} of {total:,}")

    return show


def equal(options: argparse.Namespace) -> bool:
    """Whether both ways find the same pairs with the same similarity."""
    texts = made(options.equal_rows, options.templates)
    began = time.perf_counter()
    ours = similar_pairs(texts, options.threshold)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    theirs = all_pairs(texts, options.threshold)
    naive = time.perf_counter() - began
    same = all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("left", "right", "similarity"))
    note(
        f"{len(texts):,} rows, {len(theirs):,} pairs by cdist, {len(ours):,} by ours: {'the same' if same else 'DIFFERENT'}"
    )
    figure(
        "dedup: fuzzy, same pairs as all pairs",
        seconds,
        "s",
        alternative="rapidfuzz cdist, each pair once, in full",
        other=naive,
        bar=f"equal at {options.equal_rows:,}",
        holds=same,
    )
    return same


def all_pairs(texts: list[str], threshold: float) -> Pairs:
    """Every pair once, by cdist on all cores, in blocks of rows."""
    found = []
    for start in range(0, len(texts), _BLOCK):
        scores = cdist(texts[start : start + _BLOCK], texts[start:], threshold)
        left, right = np.nonzero(scores >= threshold)
        upper = left < right
        found.append((left[upper] + start, right[upper] + start, scores[left[upper], right[upper]]))
        if start % (_BLOCK * 10) == 0:
            note(f"  cdist: {start:,} of {len(texts):,} rows")
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def cdist(rows: list[str], texts: list[str], threshold: float) -> Any:
    """Every pair of two lists by rapidfuzz."""
    return process.cdist(rows, texts, scorer=fuzz.ratio, score_cutoff=threshold - 0.01, dtype=np.float64, workers=-1)


def speed(options: argparse.Namespace) -> bool:
    """Ours against cdist at one size."""
    ours = measured(options.rows, options)
    texts = made(options.rows, options.templates)
    rows = texts[:: max(1, len(texts) // options.naive_rows)]
    began = time.perf_counter()
    for start in range(0, len(rows), 100):
        cdist(rows[start : start + 100], texts, options.threshold)
    # Every row against all is each pair twice; ours compares it once.
    naive = (time.perf_counter() - began) * len(texts) / len(rows) / 2
    note(f"cdist timed on {len(rows):,} of {len(texts):,} rows against all, scaled up to each pair once: {naive:.0f} s")
    holds = bool(naive >= 30 * ours["seconds"])
    figure(
        f"dedup: fuzzy at {options.threshold:g}, {options.rows:,} questions",
        ours["seconds"],
        "s",
        alternative=f"rapidfuzz cdist, all pairs once, all cores (scaled up from {len(rows):,} rows)",
        other=naive,
        ratio=naive / ours["seconds"],
        bar="at least 30 times faster",
        holds=holds,
    )
    return holds


def growth(options: argparse.Namespace) -> bool:
    """Seconds by size, the exponent, and peak memory at the largest."""
    sizes = sorted(options.sizes)
    runs = [measured(size, options) for size in sizes]
    exponent = math.log(runs[-1]["seconds"] / runs[0]["seconds"]) / math.log(sizes[-1] / sizes[0])
    span = f"{sizes[0]:,} to {sizes[-1]:,}"
    figure(
        f"dedup: fuzzy, growth from {span}",
        exponent,
        "exponent",
        alternative="all pairs",
        other=2.0,
        bar="less than 1.4",
        holds=exponent < 1.4,
    )
    peak = runs[-1]["peak"] / _GIB
    figure(
        f"dedup: fuzzy, peak memory of the process at {sizes[-1]:,}",
        peak,
        "GiB",
        alternative="the same process at the smallest size",
        other=runs[0]["peak"] / _GIB,
        bar="less than 4 GiB",
        holds=peak < 4,
    )
    return exponent < 1.4 and peak < 4


def added(options: argparse.Namespace) -> bool:
    """A search with some more questions after an earlier one, against all of them from the beginning."""
    rows = max(options.sizes)
    with tempfile.TemporaryDirectory() as folder:
        measured(rows, options, Path(folder))
        more = measured(rows + options.added, options, Path(folder))
    whole = measured(rows + options.added, options)
    share, same = float(more["seconds"] / whole["seconds"]), bool(more["sum"] == whole["sum"])
    note("the same pairs" if same else "THE PAIRS DIFFER")
    figure(
        f"dedup: fuzzy, {options.added:,} added to {rows:,}",
        more["seconds"],
        "s",
        alternative="all of them from the beginning",
        other=whole["seconds"],
        bar="less than 5 % of the time, the same pairs",
        holds=same and share < 0.05,
    )
    return same and share < 0.05


BARS = {"equal": equal, "speed": speed, "growth": growth, "added": added}


def main() -> None:
    """Measures the bars asked for; ends with 1 where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=BARS, default=list(BARS))
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--equal-rows", type=int, default=20_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--added", type=int, default=10_000)
    parser.add_argument("--threshold", type=float, default=95)
    parser.add_argument("--naive-rows", type=int, default=1_000)
    parser.add_argument("--templates", action="store_true")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure(options)
        return
    note("a first small search, which compiles")
    measured(3_000, options)
    held = [BARS[name](options) for name in options.only]
    raise SystemExit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
