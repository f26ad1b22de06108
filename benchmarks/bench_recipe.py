"""A whole recipe of many questions, from files to the training set, through Dagster; and the same work as a plain
script.

    python benchmarks/bench_recipe.py [--sizes 10000,100000] [--items 1000] [--dedup numbers] [--only whole,more]
    [--keep FOLDER] [--until filtered_set]

A recipe of 1M questions (`--sizes 10000,100000,1000000`) takes about an hour on two cores and 20 GB of disk. Bars:
`whole` under 4 GiB at all times (proportional set size of the process and all its children, sampled four times a
second), rows a second of each stage, how the time of each stage grows with the size (the exponent between sizes that
follow each other), and the share of the time that is not our own work (Dagster, manifests, validation). `more`: adding
one source of a hundredth of the size costs less than 5 % of doing all again; said for the curation (everything up to
the filtered set, where questions are compared) and for the whole recipe. The alternative is a script that reads,
deduplicates exactly, draws, answers, counts tokens and writes, and keeps no record.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from figures import figure, note
from recipe_made import add_source, build
from recipe_run import OUTSIDE
from watch import Watch

CURATION = (
    "benchmark_questions",
    "sourced_questions",
    "screened_questions",
    "question_scores",
    "mixed_pool",
    "filtered_set",
)
GIB = 2**30


@dataclass
class Measured:
    """One run: seconds, rows, kinds of work and peak memory by stage."""

    wall: float = 0.0
    peak: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, dict[str, float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)

    @property
    def in_steps(self) -> float:
        """Seconds of all steps."""
        return sum(self.seconds.values())

    @property
    def curation(self) -> float:
        """Seconds of the steps up to the filtered set."""
        return sum(self.seconds.get(asset, 0.0) for asset in CURATION)

    @property
    def outside(self) -> float:
        """Share of the steps' time that is Dagster, manifests or validation."""
        kinds = [kind for own in self.kinds.values() for kind in own.items()]
        return sum(s for name, s in kinds if name in OUTSIDE) / max(sum(s for _, s in kinds), 1e-9)


def main() -> None:
    """Prints the figures; ends with 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,30000")
    parser.add_argument("--items", type=int, default=1_000)
    parser.add_argument("--dedup", default="numbers")
    parser.add_argument("--only", default="whole,plain,more")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    parser.add_argument("--until", default="training_set", help="the last asset to make")
    options = parser.parse_args()
    wanted, held, before = options.only.split(","), True, None
    for size in [int(size) for size in options.sizes.split(",")]:
        root = options.keep or Path(tempfile.mkdtemp(prefix="bench-recipe-"))
        try:
            now, holds = one_size(root / str(size), size, options, wanted)
        finally:
            if not options.keep:
                shutil.rmtree(root, ignore_errors=True)
        held = held and holds
        if before is not None:
            tell_growth(before[0], before[1], size, now)
        before = size, now
    raise SystemExit(0 if held else 1)


def one_size(folder: Path, size: int, options: argparse.Namespace, wanted: list[str]) -> tuple[Measured, bool]:
    """Everything that is measured at one size."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    build(folder, size, options.items, options.dedup)
    note(f"{size:,} questions written in {time.perf_counter() - started:.0f} s")
    until = ("--until", options.until)
    whole = measured(folder, *until)
    plain = measured(folder, "--plain", str(size)) if "plain" in wanted else None
    holds = tell_whole(size, whole, plain)
    if "more" in wanted:
        add_source(folder, size, max(1, size // 100), options.dedup)
        holds = tell_more(size, whole, measured(folder, *until)) and holds
    return whole, holds


def measured(folder: Path, *arguments: str) -> Measured:
    """Runs `recipe_run.py` to its end and watches it."""
    found = Measured()
    here = Path(__file__).parent
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OT_", "DAGSTER_"))}
    env = own | {"OT_HOME": str(folder / "home"), "OT_REGISTRY": str(folder / "registry"),
                 "PYTHONPATH": f"{here.parent}{os.pathsep}{here}", "HF_HUB_OFFLINE": "1"}  # fmt: skip
    command = [sys.executable, str(here / "recipe_run.py"), str(folder), *arguments]
    started = time.perf_counter()
    with (
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child,
        Watch(child.pid) as watch,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            take(json.loads(line), found, watch)
    if child.returncode:
        raise SystemExit(f"the run ended with {child.returncode}")
    found.wall, found.peak = time.perf_counter() - started, watch.peak
    for label, peak in watch.by_label.items():
        asset = label.partition("[")[0] or "start"
        found.peaks[asset] = max(found.peaks.get(asset, 0), peak)
    return found


def take(event: dict[str, Any], found: Measured, watch: Watch) -> None:
    """One line of the child."""
    if "begin" in event:
        watch.label = event["begin"]
        return
    if event["outcome"] == "failed":
        note(f"{event['end']}[{event['partition']}] failed: {event['reasons']}")
    asset = event["end"]
    found.seconds[asset] = found.seconds.get(asset, 0.0) + event["seconds"]
    if event["outcome"] == "made":
        found.rows[asset] = found.rows.get(asset, 0) + (event["rows"] or 0)
        note(f"{asset}[{event['partition']}] {event['seconds']:.1f} s, {event['rows']:,} rows")
    kinds = found.kinds.setdefault(asset, {})
    for kind, seconds in event["kinds"].items():
        kinds[kind] = kinds.get(kind, 0.0) + seconds


def tell_whole(size: int, whole: Measured, plain: Measured | None) -> bool:
    """The figures of one run; whether it stayed under 4 GiB."""
    other = plain.in_steps if plain else None
    for asset, seconds in whole.seconds.items():
        rows, kinds = whole.rows.get(asset, 0), whole.kinds.get(asset, {})
        split = ", ".join(
            f"{kind} {part:.1f}" for kind, part in sorted(kinds.items(), key=lambda i: -i[1]) if part >= 0.05
        )
        note(f"{asset}: {seconds:.1f} s ({split}), peak {whole.peaks.get(asset, 0) / GIB:.2f} GiB")
        figure(f"{size:,}: {asset}", rows / max(seconds, 1e-9), "rows/s", alternative="-")
    figure(f"{size:,}: all steps", whole.in_steps, "s", alternative="plain script", other=other)
    holds = whole.peak < 4 * GIB
    figure(f"{size:,}: peak memory", whole.peak / GIB, "GiB", alternative="plain script",
           other=plain.peak / GIB if plain else None, bar="< 4 GiB", holds=holds)  # fmt: skip
    figure(f"{size:,}: time outside our own work", 100 * whole.outside, "%", alternative="all steps", other=100.0)
    return holds


def tell_more(size: int, whole: Measured, more: Measured) -> bool:
    """What one more source cost; whether it is less than 5 % of doing the curation again."""
    for asset, seconds in more.seconds.items():
        note(f"one more source: {asset}: {seconds:.1f} s of {whole.seconds.get(asset, 0.0):.1f} s")
    holds = more.curation < 0.05 * whole.curation
    figure(f"{size:,}: one more source of {size // 100:,}, curation", more.curation, "s", alternative="all again",
           other=whole.curation, bar="< 5 %", holds=holds)  # fmt: skip
    figure(f"{size:,}: one more source of {size // 100:,}, whole recipe", more.in_steps, "s", alternative="all again",
           other=whole.in_steps)  # fmt: skip
    return holds


def tell_growth(size: int, one: Measured, larger: int, other: Measured) -> None:
    """How time grows: the exponent e of n^e, by stage."""
    for asset, seconds in other.seconds.items():
        first = one.seconds.get(asset)
        if first:
            exponent = math.log(seconds / first) / math.log(larger / size)
            figure(
                f"growth of {asset}, {size:,} to {larger:,}", exponent, "exponent of n", alternative="linear", other=1.0
            )
    exponent = math.log(other.in_steps / one.in_steps) / math.log(larger / size)
    figure(f"growth of all steps, {size:,} to {larger:,}", exponent, "exponent of n", alternative="linear", other=1.0)


if __name__ == "__main__":
    main()
