"""Hyper-parameters of supervised fine-tuning: the OpenThoughts3 tiers, and what a recipe says otherwise.

The row count decides them (OpenThoughts-Agent ``sft/lf_configs/qwen2_5/extra/reasoning_*.yaml``, paper Table 9): a
learning rate that suits 31,600 rows ruins 316. Pure; fails with pydantic's ``ValidationError`` or ``ValueError``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ot_assets.registry.specs.base import Seed, Spec

TierName = Literal["micro", "small", "medium", "large"]
Precision = Literal["bf16", "fp16", "fp32"]
Schedule = Literal["cosine", "linear", "constant"]


class Tier(Spec):
    """All hyper-parameters of one training run. Defaults are what every OpenThoughts3 tier has in common."""

    name: TierName = Field(description="Tier that the row count (or the recipe) picked.")
    global_batch: int = Field(gt=0, description="Examples an optimiser step, over all devices and accumulation.")
    learning_rate: float = Field(gt=0, lt=1, description="Peak learning rate.")
    epochs: float = Field(gt=0, le=1000, description="Passes over the training set.")
    packing: bool = Field(description="Several examples in one sequence, attention kept apart (neat packing).")
    cutoff: int = Field(default=16384, gt=0, description="Longest sequence in tokens.")
    schedule: Schedule = Field(default="cosine", description="Learning-rate schedule.")
    warmup_ratio: float = Field(default=0.1, ge=0, lt=1, description="Share of the steps that warm up.")
    precision: Precision = Field(default="bf16", description="Arithmetic of the forward and backward pass.")
    pure: bool = Field(default=False, description="Keep weights and optimiser in `precision` too: half the memory.")
    adam_beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW.")
    adam_beta2: float = Field(default=0.999, ge=0, lt=1, description="AdamW.")
    weight_decay: float = Field(default=0.0, ge=0, lt=1, description="AdamW.")
    max_grad_norm: float = Field(default=1.0, gt=0, description="Gradient clipping.")
    seed: Seed = Field(default=42, description="Order of the examples and dropout.")
    max_steps: int | None = Field(default=None, gt=0, description="Stop after so many optimiser steps.")
    device_batch: int | None = Field(
        default=None, gt=0, description="Examples a device and forward pass; absent = fits."
    )


TIERS: dict[TierName, Tier] = {
    "micro": Tier(name="micro", global_batch=32, learning_rate=1e-5, epochs=13, packing=False),
    "small": Tier(name="small", global_batch=96, learning_rate=2e-5, epochs=7, packing=False),
    "medium": Tier(name="medium", global_batch=128, learning_rate=4e-5, epochs=5, packing=False),
    "large": Tier(name="large", global_batch=512, learning_rate=8e-5, epochs=5, packing=True),
}
"""Tiers at 316 rows, 1k, 3.16k to 31.6k, and above."""


def tier_for(rows: int) -> Tier:
    """The tier for a training set of ``rows`` examples.

    Published points: 316 micro, 1k small, 3.16k to 31.6k medium, above large. Between two points the border is their
    logarithmic midpoint, the ladder's own rule: micro below 562 (10^2.75), small below 3,160 (the internal
    notes also use small at 3k), medium up to 31,622 (10^4.5), large above.
    """
    if rows < 1:
        raise ValueError(f"a training set has at least one row, not {rows}")
    if rows < 562:
        return TIERS["micro"]
    if rows < 3160:
        return TIERS["small"]
    return TIERS["medium"] if rows <= 31_622 else TIERS["large"]


class Training(Spec):
    """What a recipe says about training: a tier, and any field that it wants otherwise."""

    tier: Literal["auto", "micro", "small", "medium", "large"] = Field(
        default="auto", description="auto = by row count."
    )
    global_batch: int | None = Field(default=None, gt=0, description="Instead of the tier's.")
    learning_rate: float | None = Field(default=None, gt=0, lt=1, description="Instead of the tier's.")
    epochs: float | None = Field(default=None, gt=0, le=1000, description="Instead of the tier's.")
    packing: bool | None = Field(default=None, description="Instead of the tier's.")
    schedule: Schedule | None = Field(default=None, description="Instead of cosine.")
    warmup_ratio: float | None = Field(default=None, ge=0, lt=1, description="Instead of 0.1.")
    precision: Precision | None = Field(default=None, description="Instead of bf16.")
    pure: bool | None = Field(default=None, description="Weights and optimiser in `precision` too; absent = no.")
    adam_beta1: float | None = Field(default=None, ge=0, lt=1, description="Instead of 0.9.")
    adam_beta2: float | None = Field(default=None, ge=0, lt=1, description="Instead of 0.999.")
    weight_decay: float | None = Field(default=None, ge=0, lt=1, description="Instead of 0.")
    max_grad_norm: float | None = Field(default=None, gt=0, description="Instead of 1.")
    seed: Seed | None = Field(default=None, description="Absent = the recipe's seed.")
    max_steps: int | None = Field(default=None, gt=0, description="Stop after so many optimiser steps.")
    device_batch: int | None = Field(default=None, gt=0, description="Examples a device and forward pass.")

    def resolve(self, rows: int, *, cutoff: int = 16384, seed: int = 42) -> Tier:
        """All hyper-parameters for ``rows`` examples: the tier, then ``cutoff`` and ``seed``, then overrides."""
        tier = tier_for(rows) if self.tier == "auto" else TIERS[self.tier]
        own = {k: v for k, v in self.to_dict().items() if v is not None and k != "tier"}
        return tier.model_copy(update={"cutoff": cutoff, "seed": seed, **own})
