"""The fold of conversations: seconds and memory for a million events, and adding a thousand to what was saved.

    python benchmarks/bench_fold.py [--events 1000000] [--more 1000] [--persons 2000]

The log is that of a synthetic crowd (`tests/conversations/synthetic.py`), written to a file by a process of its own.
Each measurement runs in one too, on one core: it reads the log in batches and folds it onto a shelf in a file; peak
memory is the whole process's. "fold" is from the first event to the saved shelf, without reading and checking the
log's lines, which is said beside it. The alternative is a replay that counts messages in dicts and knows no rule, the
least that going through the events can cost; for adding, it is folding all again, which is what a fold without a
saved shelf does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import figure, note
from ot_assets.conversations.events import Event, parse
from ot_assets.conversations.fold import Fold, uncollected
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.crowd import CrowdSettings

_BATCH = 20_000
_BAR_SECONDS, _BAR_GIB, _BAR_SHARE = 60.0, 4.0, 0.01
_SETTINGS = CrowdSettings(max_active_trees=40, moderators=("moderator",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--more", type=int, default=1_000)
    parser.add_argument("--persons", type=int, default=2_000)
    parser.add_argument("--measure", nargs="+", help="What a measuring process does; not for people.")
    given = parser.parse_args()
    if given.measure:
        sys.stdout.write(json.dumps(_MEASURES[given.measure[0]](given, *map(Path, given.measure[1:]))) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(0 if compared(given, Path(folder)) else 1)


def compared(given: argparse.Namespace, folder: Path) -> bool:
    """Runs the measurements and says their figures; whether all bars hold."""
    log, most, all_of_it = folder / "log.jsonl", folder / "most.sqlite", folder / "all.sqlite"
    made = run(given, "write", log)
    size = f"{made['events']:,} events"
    note(f"{size} written in {made['seconds']:.1f} s, {log.stat().st_size / 2**20:.0f} MiB; {made['kinds']}")
    counted = run(given, "count", log)
    run(given, "most", log, most)
    whole = run(given, "all", log, all_of_it)
    added = run(given, "more", log, most)
    note(f"reading and checking lines: {whole['reading']:.1f} s; states {whole['states']}; refused {whole['refused']}")
    each, busy = (whole[name] / made["events"] * 1e9 for name in ("seconds", "busy"))
    note(f"fold: {each:,.0f} ns an event, {busy:,.0f} ns of the processor; of all {whole['saving']:.1f} s are saving")
    steps = ", ".join(f"{name} {added[name]:.3f} s" for name in ("opening", "folding", "saving"))
    note(f"adding {given.more:,}: {steps}; of the processor {added['busy']:.3f} s, {added['busy'] / whole['busy']:.2%}")
    note(f"the shelf's file: {all_of_it.stat().st_size / 2**20:.0f} MiB")
    if added["states"] != whole["states"]:
        note(f"THE STATES DIFFER: {added['states']}")
    scale = made["events"] / 1_000_000
    fast = whole["seconds"] <= _BAR_SECONDS * scale
    small = whole["peak"] <= _BAR_GIB
    same = bool(added["states"] == whole["states"])
    cheap = same and (scale < 1 or added["seconds"] < _BAR_SHARE * whole["seconds"])
    figure(f"fold: {size}", whole["seconds"], "s", alternative="counting messages in dicts", other=counted["seconds"],
           bar=f"{_BAR_SECONDS:g} s a million", holds=fast)  # fmt: skip
    figure(f"fold: {size}, peak memory", whole["peak"], "GiB", alternative="counting messages in dicts",
           other=counted["peak"], bar=f"{_BAR_GIB:g} GiB", holds=small)  # fmt: skip
    figure(f"fold: {given.more:,} events added to {size}", added["seconds"], "s", alternative="folding all again",
           other=whole["seconds"], bar=f"less than {_BAR_SHARE:.0%} at a million",
           holds=cheap if scale >= 1 else None)  # fmt: skip
    return fast and small and cheap


def run(given: argparse.Namespace, what: str, *files: Path) -> dict[str, Any]:
    """One measurement in a process of its own."""
    options = ["--events", str(given.events), "--more", str(given.more), "--persons", str(given.persons)]
    command = [sys.executable, __file__, *options, "--measure", what, *map(str, files)]
    said: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return said


def write(given: argparse.Namespace, log: Path) -> dict[str, Any]:
    """The crowd's log."""
    from ot_assets.conversations.events import to_line
    from tests.conversations.synthetic import Crowd

    crowd, kinds, began = (
        Crowd(given.persons, seed=1, settings=_SETTINGS, waiting=60),
        Counter[str](),
        time.perf_counter(),
    )
    with log.open("w", encoding="utf-8") as stream:
        for start in range(0, given.events, _BATCH):
            for event in crowd.events(min(_BATCH, given.events - start)):
                kinds[event.kind] += 1
                stream.write(json.dumps(to_line(event), ensure_ascii=False) + "\n")
    return {"events": given.events, "seconds": time.perf_counter() - began, "kinds": dict(kinds.most_common())}


def count(given: argparse.Namespace, log: Path) -> dict[str, Any]:
    """The alternative: how many messages, labels and ballots each tree has, and nothing else."""
    trees: dict[str, dict[str, Any]] = {}
    seconds = 0.0
    for events in batches(log, 0, given.events):
        began = time.perf_counter()
        for event in events:
            tree = trees.setdefault(event.tree_id or "", {"messages": {}, "kinds": Counter()})
            tree["kinds"][event.kind] += 1
            if event.text is not None and event.message_id is not None:
                tree["messages"][event.message_id] = (event.parent_id, event.text)
        seconds += time.perf_counter() - began
    return {"seconds": seconds, "peak": peak()}


def all_events(given: argparse.Namespace, log: Path, file: Path) -> dict[str, Any]:
    """Everything onto a new shelf."""
    with uncollected():
        return folded(log, file, 0, given.events)


def most_events(given: argparse.Namespace, log: Path, file: Path) -> dict[str, Any]:
    """All but the last ones."""
    with uncollected():
        return folded(log, file, 0, given.events - given.more)


def more_events(given: argparse.Namespace, log: Path, file: Path) -> dict[str, Any]:
    """The last ones onto the shelf that was saved."""
    return folded(log, file, given.events - given.more, given.events)


def folded(log: Path, file: Path, start: int, end: int) -> dict[str, Any]:
    """Some events onto a shelf, which is saved."""
    began = time.perf_counter()
    shelf = Shelf(_SETTINGS, file)
    fold, opening = Fold("en", shelf), time.perf_counter() - began
    seconds, refused, started, busy = 0.0, 0, time.perf_counter(), 0.0
    for events in batches(log, start, end):
        began, used = time.perf_counter(), time.process_time()
        refused += sum(fold.apply(event) is not None for event in events)
        seconds += time.perf_counter() - began
        busy += time.process_time() - used
    reading = time.perf_counter() - started - seconds
    began, used = time.perf_counter(), time.process_time()
    states = {state: n for state, n in shelf.language.states.items() if n}
    shelf.save()
    saving = time.perf_counter() - began
    busy += time.process_time() - used
    shelf.close()
    return {
        "seconds": opening + seconds + saving, "opening": opening, "folding": seconds, "saving": saving, "busy": busy,
        "reading": reading, "refused": refused, "states": states, "peak": peak(),
    }  # fmt: skip


def batches(log: Path, start: int, end: int) -> Iterator[list[Event]]:
    """The log's events from one number to another."""
    batch: list[Event] = []
    with log.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream):
            if number < start:
                continue
            if number >= end:
                break
            batch.append(parse(json.loads(line)))
            if len(batch) == _BATCH:
                yield batch
                batch = []
    yield batch


def peak() -> float:
    """GiB that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


_MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    "write": write,
    "count": count,
    "all": all_events,
    "most": most_events,
    "more": more_events,
}


if __name__ == "__main__":
    main()
