"""Starts a training as a process of its own and waits for it: with Dagster Pipes inside a run, or plainly without
Dagster.

What belongs here: the command, its environment, what the user is told when it fails, and that no training outlives
the one who started it: a Ctrl-C or SIGTERM is passed on (it then leaves a checkpoint), and a killed parent takes it
along. Contract: `Trainer.train` returns the `TrainingResult` of a finished run; the same config and work folder go on
from the newest checkpoint. Checkpoints stay until `discard_checkpoints`, so that a student is not lost before it is
published.

How it fails: `TrainingFailed`, a `UserError` with what the training said last; `KeyboardInterrupt` as it came.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resources.errors import UserError
from resources.training.checkpoints import Checkpoints
from resources.training.config import SftConfig
from resources.training.result import CONFIG, FAILURE, RESULT, TrainingFailure, TrainingResult

if TYPE_CHECKING:
    from dagster import AssetExecutionContext

Log = Callable[[str], None]
MODULE = "resources.training.sft"
_ERRORS = "stderr.log"
_TAIL_LINES = 15
_GRACE_SECONDS = 30.0


class TrainingFailed(UserError):
    """A training that did not end with a student."""


@dataclass(frozen=True)
class Trainer:
    """How trainings are started on this machine. `environment` is added to the child's own."""

    environment: tuple[tuple[str, str], ...] = ()

    def train(
        self, config: SftConfig, *, log: Log = lambda line: None, context: AssetExecutionContext | None = None
    ) -> TrainingResult:
        """Trains to the end and returns what came out.

        Each line that the training says goes to `log`; with `context` (of a running asset) it goes through Dagster
        Pipes and stands in that run's log too. Raises `TrainingFailed`.
        """
        command, environment = self.command(config), {**_ENVIRONMENT, **dict(self.environment)}
        _prepare(config)
        if context is None:
            code = _run_plainly(command, environment, config.work, log)
        else:
            code = _run_with_pipes(command, environment, context, log)
        if code == 0 and (config.work / RESULT).is_file():
            return TrainingResult.read(config.work)
        raise _failed(config.work, code)

    def command(self, config: SftConfig) -> list[str]:
        """The command line that trains this config; after `prepare` it works by hand too."""
        script = ["-m", MODULE, "--config", str(config.work / CONFIG)]
        guard = [sys.executable, "-m", "resources.training.guard", str(os.getpid())]
        return [*guard, sys.executable, *(_launcher(config) if config.processes > 1 else []), *script]


def discard_checkpoints(work: Path) -> None:
    """Removes the checkpoints of a work folder: its student is published."""
    Checkpoints(work).discard()


_ENVIRONMENT = {
    "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "100"),  # see generation/threads.py: calm beside other processes
    "OT_TRAINING_GUARD": "1",  # processes that torchrun starts ask to die with their parent too
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_OFFLINE": "1",  # base and data are local by now; asking the hub would only slow down or fail
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # transformers follows it for loading and saving weights
}


def _launcher(config: SftConfig) -> list[str]:
    """Starts the processes with torchrun, GPUs and CPUs alike; the script configures accelerate inside them."""
    return ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(config.processes)]


def _prepare(config: SftConfig) -> None:
    config.work.mkdir(parents=True, exist_ok=True)
    for left in (RESULT, FAILURE, _ERRORS):
        (config.work / left).unlink(missing_ok=True)
    (config.work / CONFIG).write_text(config.model_dump_json(indent=2), encoding="utf-8")


def _run_plainly(command: list[str], environment: dict[str, str], work: Path, log: Log) -> int:
    with (work / _ERRORS).open("wb") as errors:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # a group of its own: a signal to it reaches every process of the training
        )
        with _ended(process):
            assert process.stdout is not None
            for line in process.stdout:
                log(line.rstrip("\n"))
            return process.wait()


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever happens, no process of the group is left when this ends; one that is asked to stop may save first."""
    try:
        yield
    finally:
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[str], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _run_with_pipes(command: list[str], environment: dict[str, str], context: AssetExecutionContext, log: Log) -> int:
    import dagster as dg
    from dagster._core.errors import DagsterPipesExecutionError

    from resources.training.pipes import TellingReader

    client = dg.PipesSubprocessClient(message_reader=TellingReader(log), termination_timeout_seconds=_GRACE_SECONDS)
    try:
        client.run(context=context, command=command, env=environment)
    except DagsterPipesExecutionError as error:
        said = str(error).rstrip(".").rsplit(" ", 1)[-1]
        return int(said) if said.lstrip("-").isdigit() else 1
    return 0


def _failed(work: Path, code: int) -> TrainingFailed:
    """The best account there is: what the training said itself, else its last lines on stderr, else how it ended."""
    said = TrainingFailure.read(work)
    if said is not None:
        return TrainingFailed(said.what, fix=said.fix)
    if code == 130:
        return TrainingFailed("training was asked to stop", fix="run again: it goes on from its checkpoint")
    errors = work / _ERRORS
    lines = errors.read_text(encoding="utf-8", errors="replace").splitlines() if errors.is_file() else []
    tail = "\n".join([line for line in lines if line.strip()][-_TAIL_LINES:])
    if code == -signal.SIGKILL:
        return TrainingFailed(
            "training was killed, most likely because memory ran out",
            fix="state a smaller device_batch in the recipe's student.training, or free memory; it goes on from its checkpoint",
        )
    return TrainingFailed(f"training ended with exit status {code}" + (f":\n{tail}" if tail else ""))
