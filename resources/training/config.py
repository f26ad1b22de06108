"""What one fine-tuning run is told: a frozen, typed file that `python -m resources.training.sft --config` reads.

What belongs here: `SftConfig` and the arithmetic of batches. Hyper-parameters carry the names of the registry's
tiers, so a tier goes in as it is. Pure: no torch, no Dagster. Fails with pydantic's `ValidationError`, or `UserError`
where the batch does not divide.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from resources.errors import UserError

CPU_TOKENS = 512
"""Padded tokens of one forward pass on a CPU. Measured for 135M parameters with fp32 weights: about 2.5 GB for weights,
gradients and optimiser, and 2.3 MB more a token; 1024 tokens came to 5.3 GB, too much for a machine of 6 GiB."""
GPU_TOKENS = 16384
"""Tokens of one forward pass on a GPU when nobody said: one example at the cutoff of OpenThoughts3."""
_NOT_LEARNT = {"output", "work", "log_seconds", "checkpoint_seconds"}


class SftConfig(BaseModel):
    """Everything that a run needs to know. Paths are of this machine; everything else decides what is learnt."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    base: Path = Field(description="Folder of the model to start from: safetensors, tokenizer, chat template.")
    dataset: tuple[Path, ...] = Field(min_length=1, description="Parquet parts with the columns prompt and completion.")
    output: Path = Field(description="Folder that the student is written to.")
    work: Path = Field(description="Folder of checkpoints; a later run of the same config goes on from there.")

    learning_rate: float = Field(gt=0, lt=1, description="Peak learning rate.")
    epochs: float = Field(gt=0, description="Passes over the examples.")
    global_batch: int = Field(gt=0, description="Examples an optimiser step, over all devices and accumulation.")
    device_batch: int | None = Field(default=None, gt=0, description="Examples a forward pass; absent = what fits.")
    cutoff: int = Field(default=16384, gt=1, description="Longest example in tokens, prompt and completion together.")
    too_long: Literal["truncate", "drop"] = Field(default="drop", description="What becomes of a longer one.")
    packing: bool = Field(
        default=False, description="Several examples in one sequence; needs a GPU with flash attention."
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(default="cosine", description="Learning-rate schedule.")
    warmup_ratio: float = Field(default=0.1, ge=0, lt=1, description="Share of the steps that warm up.")
    weight_decay: float = Field(default=0.0, ge=0, lt=1, description="AdamW.")
    adam_beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW.")
    adam_beta2: float = Field(default=0.999, ge=0, lt=1, description="AdamW.")
    max_grad_norm: float = Field(default=1.0, gt=0, description="Gradient clipping.")
    seed: int = Field(default=42, ge=0, description="Order of the examples, and dropout.")
    max_steps: int | None = Field(default=None, gt=0, description="Stop after so many optimiser steps.")
    precision: Literal["bf16", "fp16", "fp32"] = Field(
        default="bf16", description="Arithmetic of forward and backward; weights and optimiser are kept in fp32."
    )
    pure: bool = Field(default=False, description="Keep weights and optimiser in `precision` too: half the memory.")

    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto = a GPU if there is one.")
    processes: int = Field(default=1, gt=0, description="More than one starts torchrun, one process a GPU.")
    sharding: Literal["none", "full"] = Field(
        default="none", description="full = FSDP 2: weights, gradients and optimiser split over the processes."
    )
    attention: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="attn_implementation; absent = eager on a CPU, sdpa on a GPU."
    )
    gradient_checkpointing: bool | None = Field(default=None, description="Absent = only on a GPU.")
    log_seconds: float = Field(default=10.0, ge=0, description="Seconds between two progress lines.")
    checkpoint_seconds: float = Field(default=120.0, ge=0, description="Seconds between two checkpoints.")

    @property
    def identity(self) -> str:
        """Hash of everything that decides what is learnt. A checkpoint of another identity is not gone on from.

        Data and base are told apart by path, size and time of change: hashing gigabytes at every start would be slow,
        and an artifact never changes under its path.
        """
        said = self.model_dump(mode="json", exclude=_NOT_LEARNT)
        said["files"] = [_look(path) for path in (*self.dataset, *sorted(self.base.glob("*.safetensors")))]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Batches:
    """How a global batch is made of forward passes: `device_batch x accumulation x processes = global_batch`."""

    device_batch: int
    accumulation: int


def split_batch(config: SftConfig, longest: int, *, gpu: bool) -> Batches:
    """The forward passes of one optimiser step, for examples of at most `longest` tokens.

    Without a stated `device_batch` it is the largest divisor of a process's share whose padded tokens fit the budget
    of the device. Raises `UserError` when the global batch cannot be split evenly as stated.
    """
    share, rest = divmod(config.global_batch, config.processes)
    if rest:
        raise UserError(
            f"global_batch {config.global_batch} cannot be split over {config.processes} processes",
            fix="state a global_batch that is a multiple of the number of processes",
        )
    if config.device_batch is not None:
        if share % config.device_batch:
            raise UserError(
                f"device_batch {config.device_batch} does not divide {share}, the part of global_batch "
                f"{config.global_batch} that falls to each of {config.processes} processes",
                fix=f"state a divisor of {share}, or leave device_batch out",
            )
        return Batches(config.device_batch, share // config.device_batch)
    fits = max(1, (GPU_TOKENS if gpu else CPU_TOKENS) // max(1, longest))
    device_batch = max(n for n in range(1, share + 1) if share % n == 0 and n <= fits)
    return Batches(device_batch, share // device_batch)


def _look(path: Path) -> list[str | int]:
    try:
        said = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), said.st_size, said.st_mtime_ns]
