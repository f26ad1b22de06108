"""Which module does which kind of step.

Belongs here: one line a kind. A kind that the registry knows and this table does not is a programming error (`KeyError`);
a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ot_assets.curation.steps import band, clean, dedup, random, stratified, top
from ot_assets.curation.steps.context import Cut, StepContext
from ot_assets.registry.specs.select import Step


@dataclass(frozen=True)
class StepKind:
    """What a module of this folder offers."""

    run: Callable[[Any, StepContext], Cut]
    title: Callable[[Any], str]


KINDS: Mapping[str, StepKind] = {
    "top": StepKind(top.run, top.title),
    "bottom": StepKind(top.run, top.title),
    "band": StepKind(band.run, band.title),
    "threshold": StepKind(band.run, band.title),
    "stratified": StepKind(stratified.run, stratified.title),
    "random": StepKind(random.run, random.title),
    "clean": StepKind(clean.run, clean.title),
    "dedup": StepKind(dedup.run, dedup.title),
}
"""Kind of a step -> what does it."""


def run(step: Step, context: StepContext) -> Cut:
    """Runs a step. Raises `UserError` as its module says."""
    return KINDS[step.kind].run(step, context)


def title(step: Step) -> str:
    """The step's name in the funnel."""
    return KINDS[step.kind].title(step)
