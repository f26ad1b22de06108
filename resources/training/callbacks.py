"""What happens beside the steps: the log, progress lines, checkpoints by the clock, and stopping in an orderly way.

Part of the training script: imports transformers, and is imported by nothing else of ours. The log is written line by
line as the steps come, so a killed run keeps it; a run that goes on from a checkpoint first cuts off what came after
that checkpoint.

How it fails: `UserError` when the loss is not finite.
"""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from resources.errors import UserError
from resources.memory import give_memory_back
from resources.training.checkpoints import Checkpoints

Say = Callable[[str], None]


@dataclass(frozen=True)
class Spent:
    """What earlier runs of this training used up, up to the checkpoint that this one starts from."""

    seconds: float = 0.0
    tokens: int = 0


def cut_log(path: Path, step: int) -> Spent:
    """Removes the lines after `step` (they will be written again) and says what the ones before used."""
    if not path.is_file():
        return Spent()
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # the last line of a killed run
            continue
        if entry["step"] <= step:
            kept.append(entry)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in kept), encoding="utf-8")
    return Spent(kept[-1]["seconds"], kept[-1]["tokens"]) if kept else Spent()


def losses_in(path: Path) -> list[float]:
    """The loss of every step, those of earlier runs included."""
    return [json.loads(line)["loss"] for line in path.read_text(encoding="utf-8").splitlines()]


@dataclass
class Journal(TrainerCallback):
    """Writes `training_log.jsonl` and a progress line now and then. Only the first process of a run has one that
    writes.
    """

    path: Path
    say: Say
    every: float
    before: Spent = field(default_factory=Spent)
    seconds: float = 0.0
    tokens: int = 0
    _started: float = 0.0
    _said: float = 0.0
    _first: int = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Starts the clock."""
        self._started = self._said = time.monotonic()
        self._first = state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Records one step; stops the run when the loss is not a number."""
        if logs is None or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is {loss} at step {state.global_step}: the training has diverged",
                fix="lower learning_rate in the recipe's student.training, or raise warmup_ratio; "
                "if it happens at once, precision: fp32 tells whether it is the arithmetic",
            )
        now = time.monotonic()
        self.seconds = self.before.seconds + now - self._started
        self.tokens = self.before.tokens + int(logs.get("num_tokens", 0))
        rate = (self.tokens - self.before.tokens) / max(now - self._started, 1e-9)
        if state.is_world_process_zero:
            self._write(state, logs, loss, rate)
            if now - self._said >= self.every or state.global_step == state.max_steps:
                self._said = now
                self.say(self._line(state, loss, rate, now))

    def _write(self, state: TrainerState, logs: dict[str, Any], loss: float, rate: float) -> None:
        entry = {
            "step": state.global_step,
            "steps": state.max_steps,
            "loss": loss,
            "learning_rate": logs.get("learning_rate"),
            "gradient_norm": logs.get("grad_norm"),
            "token_accuracy": logs.get("mean_token_accuracy"),
            "epoch": round(float(state.epoch or 0.0), 4),
            "tokens": self.tokens,
            "tokens_per_second": round(rate, 1),
            "seconds": round(self.seconds, 2),
        }
        with self.path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def _line(self, state: TrainerState, loss: float, rate: float, now: float) -> str:
        done, left = state.global_step - self._first, state.max_steps - state.global_step
        eta = _clock((now - self._started) / max(done, 1) * left)
        return (
            f"training: step {state.global_step} of {state.max_steps} · loss {loss:.3f} · "
            f"{rate:,.0f} tokens/s · {eta} left"
        )


class Trim(TrainerCallback):
    """Gives freed memory back after every forward and backward pass on a CPU: their shapes change with the examples, so
    the C library's heap would otherwise grow to more than twice of what is in use.
    """

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """After a pass that only adds to the gradients."""
        give_memory_back()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """After an update."""
        give_memory_back()


class Keeper(TrainerCallback):
    """Checkpoints by the clock, and on a wish to stop (SIGINT, SIGTERM): one more checkpoint, then an end in order."""

    def __init__(self, checkpoints: Checkpoints, every: float) -> None:
        self.checkpoints = checkpoints
        self.every = every
        self.stopping = False
        self._last = time.monotonic()

    def listen(self) -> None:
        """Takes the two signals over. The second one ends the process at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        signal.signal(number, signal.SIG_DFL)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Starts the clock."""
        self._last = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Decides together with the other processes: all save and stop at the same step, or none does."""
        due = time.monotonic() - self._last >= self.every and state.global_step < state.max_steps
        wishes = torch.tensor([int(due), int(self.stopping)], device=args.device)
        if args.world_size > 1:
            torch.distributed.all_reduce(wishes, op=torch.distributed.ReduceOp.MAX)
        save, stop = (bool(wish) for wish in wishes.tolist())
        self.stopping = stop
        control.should_save = control.should_save or save or stop
        control.should_training_stop = control.should_training_stop or stop
        return control

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Marks the checkpoint: all of its files are there now."""
        if args.world_size > 1:
            torch.distributed.barrier()
        if state.is_world_process_zero:
            self.checkpoints.finish(state.global_step)
        self._last = time.monotonic()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
