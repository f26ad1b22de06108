"""`ot run`: makes what is missing or stale for one recipe, in order, into the Dagster instance that the UI shows.

Every partition is a Dagster run of its own in this process, so each shows in the UI with its log and its checks. What is
fresh is left alone; a step that comes out with the same content leaves everything below it fresh. A failed step skips only
what hangs on it. Killed at any moment, the next `ot run` goes on: artifacts are whole or absent, and replies are stored as
they come.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import dagster as dg

from ot_assets.graph import KINDS, Need, World
from ot_assets.interrupts import INTERRUPTS, listening_for_interrupts
from ot_assets.progress import listening
from ot_assets.registry import Registry
from ot_assets.specs import spec_versions
from ot_assets.status import StatusReader
from resources.artifacts import Partition
from resources.artifacts.locks import hold
from resources.generation.progress import Progress

RUNNER_TAG = ".dagster/ot_runner"
"""Tag of a run with the lock file of the process that makes it. The prefix keeps it out of the UI's list of runs."""

Outcome = Literal["made", "fresh", "failed", "skipped"]


@dataclass(frozen=True)
class StepReport:
    """What became of one partition."""

    need: Need
    outcome: Outcome
    seconds: float
    reasons: tuple[str, ...] = ()
    rows: int | None = None


@dataclass(frozen=True)
class RunReport:
    """What became of all."""

    steps: tuple[StepReport, ...]

    def count(self, outcome: Outcome) -> int:
        """How many partitions had this outcome."""
        return sum(step.outcome == outcome for step in self.steps)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.count("failed")


@dataclass
class Runner:
    """Makes partitions one after the other through Dagster."""

    world: World
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    locks: Path
    on_step: Callable[[int, int, Need], None] = lambda i, n, need: None
    on_progress: Callable[[str], None] = lambda line: None
    on_done: Callable[[StepReport], None] = lambda report: None
    on_asking: Callable[[Progress], None] | None = None
    _lock: IO[str] | None = field(default=None, init=False)

    def run(self, steps: list[Need]) -> RunReport:
        """Makes what is missing or stale among `steps`, which must be in order."""
        self._take_lock()
        close_orphans(self.instance)
        reports: list[StepReport] = []
        broken: set[tuple[str, Partition]] = set()
        for number, need in enumerate(steps, 1):
            report = self._step(number, len(steps), need, broken)
            if report.outcome in ("failed", "skipped"):
                broken.add((need.asset, need.partition))
            reports.append(report)
            self.on_done(report)
        return RunReport(tuple(reports))

    def _step(self, number: int, total: int, need: Need, broken: set[tuple[str, Partition]]) -> StepReport:
        above = KINDS[need.asset].needs(self.world, need.partition)
        lost = [str(n) for n in above if (n.asset, n.partition) in broken]
        if lost and need.asset != "leaderboard":
            return StepReport(need, "skipped", 0.0, tuple(f"{name} was not made" for name in lost))
        # Looked at under a lock: when another `ot run` makes it now, it is fresh once that one is done.
        with hold(self.locks / "steps" / need.asset / need.partition.path() / "lock", str(need)):
            status = StatusReader(self.world).own_reasons(need.asset, need.partition)
            if status.state == "fresh":
                return StepReport(need, "fresh", 0.0)
            self.on_step(number, total, need)
            started = time.monotonic()
            with listening(self.on_progress, self.on_asking):
                error = self._materialize(need)
        seconds = time.monotonic() - started
        if error:
            return StepReport(need, "failed", seconds, (error,))
        return StepReport(need, "made", seconds, status.reasons, self._rows(need))

    def _rows(self, need: Need) -> int | None:
        """Rows of what was made; None for what has none, such as a student."""
        made = self.world.store.current(need.asset, need.partition)
        return made.manifest.rows_out if made and "" in made.manifest.tables else None

    def _materialize(self, need: Need) -> str | None:
        """One Dagster run of one partition; the message of what went wrong, or None."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        with listening_for_interrupts() as interrupted:
            result = job.execute_in_process(
                asset_selection=[dg.AssetKey(need.asset)],
                partition_key=dagster_key(need.partition),
                instance=self.instance,
                raise_on_error=False,
                # Every event is in the instance; on the terminal they would bury what `ot run` says.
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                tags={RUNNER_TAG: self._lock.name if self._lock else ""},
            )
            if interrupted() or was_interrupted(result):
                raise KeyboardInterrupt
        return None if result.success else failure_message(result)

    def _take_lock(self) -> None:
        """Holds a file lock for the life of this process: when it can be taken, the process is dead."""
        self.locks.mkdir(parents=True, exist_ok=True)
        self._lock = (self.locks / f"runner-{os.getpid()}-{time.time_ns()}").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)


def dagster_key(partition: Partition) -> str | dg.MultiPartitionKey | None:
    """Our partition as Dagster's key."""
    keys = partition.as_dict()
    if not keys:
        return None
    return next(iter(keys.values())) if len(keys) == 1 else dg.MultiPartitionKey(keys)


def failure_message(result: dg.ExecuteInProcessResult) -> str:
    """What a person needs of a failed run: the message of a `UserError`, else the error and where to find its traceback."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data is not None and data.user_failure_data.description:
                return data.user_failure_data.description
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return (
                f"{error.message.strip() if error else 'failed'}\n  → the traceback is in run {result.run_id} in the UI"
            )
    return f"run {result.run_id} failed before its step began"


def was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether the run ended because the process was told to stop (Ctrl-C, SIGTERM): Dagster makes a failure of it, of the
    step or, between steps, of the run.
    """
    errors = [e.step_failure_data.error for e in result.all_events if e.is_step_failure]
    errors += [e.job_failure_data.error for e in result.all_events if e.is_job_failure]
    names = {error.cls_name for error in errors if error is not None}
    return not INTERRUPTS.isdisjoint(names)


def close_orphans(instance: dg.DagsterInstance) -> None:
    """Marks runs as failed whose `ot run` was killed; they would stay "started" in the UI for ever."""
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished), limit=100):
        lock = run.tags.get(RUNNER_TAG)
        if lock and _is_free(Path(lock)):
            instance.report_run_failed(run, "the process that made it was killed; `ot run` goes on where it stopped")
            Path(lock).unlink(missing_ok=True)


def _is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    with lock.open("r") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def observe_specs(registry: Registry, instance: dg.DagsterInstance) -> None:
    """Tells Dagster the data version of every spec whose YAML has changed since it was last told.

    What it was told stands beside its own records, so that another instance is told anew.
    """
    record = Path(instance.root_directory) / "observed_specs.json"
    told: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    versions = spec_versions(registry)
    now = {f"{name}|{key}": version for name, known in versions.items() for key, version in known.items()}
    for place, version in now.items():
        if told.get(place) != version:
            name, _, key = place.partition("|")
            tags = {"dagster/data_version": version}
            instance.report_runless_asset_event(dg.AssetObservation(asset_key=name, partition=key, tags=tags))
    if now != told:
        record.write_text(json.dumps(now, indent=1))
