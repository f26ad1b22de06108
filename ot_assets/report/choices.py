"""Every choice that a recipe makes, as it stood in the specs that its artifacts were made from.

Belongs here: specs as lines. Contract: what stands in the manifests comes first, so that the report tells how its rows
were made and not how the registry reads today; a stage that is not made yet tells the registry's. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ot_assets.graph import KINDS, World
from ot_assets.report.stages import Stages
from resources.artifacts import Artifact, Partition

_LONG_LIST = 12


@dataclass(frozen=True)
class Choices:
    """The settings of one stage: (dotted name, value), and whether rows were made by them."""

    title: str
    made: bool
    settings: tuple[tuple[str, str], ...]


def choices(world: World, stages: Stages, used: Mapping[str, Collection[str]]) -> list[Choices]:
    """The recipe's own choices by stage, then its screening and its teacher; `used` names its scores, by source."""
    at = Partition({"recipe": stages.recipe})
    both = Partition({"recipe": stages.recipe, "teacher": stages.teacher})
    made = [
        _choices(world, "Answers and examples", "training_set", both, stages.training),
        _choices(world, "Student", "student_model", both, stages.student),
    ]
    if not stages.sources:  # nothing is asked: all that it teaches people said
        return [one for one in made if one.settings]
    made[:0] = [
        _choices(world, "Mixing", "mixed_pool", at, stages.pool),
        _choices(world, "Selection", "filtered_set", at, stages.filtered),
    ]
    if stages.screened:
        key, artifact = next(iter(stages.screened.items()))
        made.insert(0, _choices(world, "Screening", "screened_questions", Partition({"source": key}), artifact))
    if stages.scores:
        scores = [
            (f"{key}.{column}.{name}", value)
            for key, artifact in stages.scores.items()
            for column, spec in artifact.manifest.spec.get("scores", {}).items()
            if column in used.get(key, ())
            for name, value in _flat(spec)
        ]
        made.insert(1, Choices("Scores", True, tuple(scores)))
    traces = next(iter(stages.traces.values()), None)
    where = Partition({"source": stages.sources[0], "teacher": stages.teacher})
    made.append(_choices(world, "Teacher", "traces", where, traces))
    return [one for one in made if one.settings]


def _choices(world: World, title: str, asset: str, at: Partition, artifact: Artifact | None) -> Choices:
    spec = artifact.manifest.spec if artifact else KINDS[asset].spec(world, at)
    return Choices(title, artifact is not None, tuple(_flat(spec)))


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as lines; what is not set is left out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        for number, inner in enumerate(value, 1):
            yield from _flat(inner, f"{name}.{number}")
    elif isinstance(value, list | tuple):
        if value:
            more = f" … {len(value) - _LONG_LIST} more" if len(value) > _LONG_LIST else ""
            yield name, ", ".join(map(str, value[:_LONG_LIST])) + more
    elif value is not None and value != "":
        yield name, f"{value:.6g}" if isinstance(value, float) else str(value)
