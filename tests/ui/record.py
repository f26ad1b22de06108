"""What the Dagster instance and the artifact store say of a state folder: to compare before with after."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from resources.artifacts import ArtifactStore

Made = Counter[tuple[str, str]]
"""(asset, partition) -> how often it was materialized."""

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dataclass(frozen=True)
class Record:
    """Both stores at one moment."""

    made: Made
    current: dict[tuple[str, str], str]
    """(asset, partition) -> artifact id."""
    runs: frozenset[str]

    def made_since(self, before: Record) -> Made:
        return self.made - before.made

    def changed_since(self, before: Record) -> set[tuple[str, str]]:
        """Partitions whose current artifact is another, or which have come or gone."""
        every = self.current.keys() | before.current.keys()
        return {place for place in every if self.current.get(place) != before.current.get(place)}


@contextmanager
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home / "dagster")) as opened:
        yield opened


def record(home: Path) -> Record:
    made: Made = Counter()
    with instance(home) as opened:
        for key in opened.all_asset_keys():
            for event in opened.fetch_materializations(key, limit=10_000).records:
                made[key.to_user_string(), event.partition_key or "-"] += 1
        runs = frozenset(run.run_id for run in opened.get_runs())
    store = ArtifactStore(home / "artifacts")
    current = {}
    for asset in store.assets():
        for partition in store.partitions(asset):
            if found := store.current(asset, partition):
                current[asset, str(partition)] = found.artifact_id
    return Record(made, current, runs)


def runs_since(home: Path, before: Record) -> list[dg.DagsterRun]:
    with instance(home) as opened:
        return [run for run in opened.get_runs() if run.run_id not in before.runs]


def await_runs(home: Path, before: Record, count: int, *, within: float = 1800) -> list[dg.DagsterRun]:
    """The runs since `before`, when there are `count` of them and all have ended."""
    return _until(
        lambda: [r for r in runs_since(home, before) if r.status in _ENDED], lambda ended: len(ended) >= count, within
    )


def await_started(home: Path, before: Record, *, within: float = 300) -> dg.DagsterRun:
    """The first run since `before` that is under way."""
    found = _until(
        lambda: [r for r in runs_since(home, before) if r.status == dg.DagsterRunStatus.STARTED], bool, within
    )
    return found[0]


def why_failed(home: Path, run: dg.DagsterRun) -> str:
    """What a failed run said last."""
    with instance(home) as opened:
        return "\n".join(entry.message for entry in opened.all_logs(run.run_id)[-8:])[-2000:]


def _until(
    ask: Callable[[], list[dg.DagsterRun]], enough: Callable[[list[dg.DagsterRun]], bool], within: float
) -> list[dg.DagsterRun]:
    until = time.monotonic() + within
    while not enough(found := ask()):
        assert time.monotonic() < until, f"after {within:.0f} s only: {[(r.job_name, r.status) for r in found]}"
        time.sleep(2)
    return found
