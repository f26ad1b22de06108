"""What a plan is: stages with their figures, and the totals. Nothing here computes a recipe; nothing fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ot_assets.planning.estimates import CallEstimate, Range, total
from ot_assets.planning.training import TrainingPace
from ot_assets.registry import Tier


@dataclass(frozen=True)
class StagePlan:
    """One stage: how many partitions, rows and model calls. None = nobody said how large a source or benchmark is."""

    stage: str
    partitions: int
    rows_in: int | None
    rows_out: int | None
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    note: str = ""
    calls: tuple[CallEstimate, ...] = ()

    @property
    def priced(self) -> bool:
        """Whether every call has a price: only then is ``cost`` the whole cost."""
        return total(call.cost for call in self.calls)[1]

    @property
    def nothing_priced(self) -> bool:
        """Whether models are asked and none of them has a price: the cost is not known."""
        asked = [call for call in self.calls if call.requests]
        return bool(asked) and all(call.cost is None for call in asked)

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens

    def to_json(self) -> dict[str, Any]:
        """For programs; ``cost`` in USD, over the models that have a price."""
        return {
            "stage": self.stage,
            "partitions": self.partitions,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "requests": self.requests,
            "tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost": round(self.cost, 2),
            "note": self.note,
            "estimate": ranges(self.calls),
            "calls": [call.to_json() for call in self.calls if call.requests],
        }


def ranges(calls: Sequence[CallEstimate]) -> dict[str, Any]:
    """80 % intervals over some calls. What is known of nobody is null; `complete` is whether it is known of all."""
    asked = [call for call in calls if call.requests]
    said: dict[str, Any] = {
        "tokens": total(call.prompt + call.completion for call in asked)[0].to_json(0),
        "completion_tokens": total(call.completion for call in asked)[0].to_json(0),
    }
    for name, values in (
        ("cost", [call.cost for call in asked]),
        ("wall_hours", [call.wall_hours for call in asked]),
        ("gpu_hours", [call.gpu_hours for call in asked]),
    ):
        summed, complete = total(values)
        nothing = bool(values) and all(value is None for value in values)
        said[name] = None if nothing else summed.to_json(4) | {"complete": complete}
    said["basis"] = list(dict.fromkeys(call.basis for call in asked))
    return said


@dataclass(frozen=True)
class Plan:
    """What one recipe would make for some teachers. ``rows`` are the training rows of the first teacher, by domain."""

    recipe: str
    teachers: tuple[str, ...]
    stages: tuple[StagePlan, ...]
    rows: Mapping[str, int]
    rows_by_teacher: Mapping[str, Mapping[str, int]]
    questions: Mapping[str, int]
    answers_per_question: int
    training: Tier
    training_tokens: int
    unpriced: tuple[str, ...]
    assumptions: tuple[str, ...]
    pace: TrainingPace | None = None

    @property
    def training_hours(self) -> Range | None:
        """Hours of training one student; None where no student of that base was trained here."""
        return self.pace.hours(self.training_tokens) if self.pace is not None else None

    @property
    def requests(self) -> int:
        """All model calls, were nothing stored yet."""
        return sum(stage.requests for stage in self.stages)

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of all model calls."""
        return sum(stage.tokens for stage in self.stages)

    @property
    def cost(self) -> float:
        """USD over the models that have a price; ``unpriced`` names the others."""
        return sum(stage.cost for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """What ``ot plan --json`` prints."""
        return {
            "recipe": self.recipe,
            "teachers": list(self.teachers),
            "stages": [stage.to_json() for stage in self.stages],
            "rows": dict(self.rows),
            "rows_by_teacher": {teacher: dict(rows) for teacher, rows in self.rows_by_teacher.items()},
            "questions": dict(self.questions),
            "answers_per_question": self.answers_per_question,
            "requests": self.requests,
            "tokens": self.tokens,
            "prompt_tokens": sum(stage.prompt_tokens for stage in self.stages),
            "completion_tokens": sum(stage.completion_tokens for stage in self.stages),
            "cost": round(self.cost, 2),
            "unpriced": list(self.unpriced),
            "estimate": ranges([call for stage in self.stages for call in stage.calls]),
            "training": {
                **self.training.to_dict(),
                "tokens": self.training_tokens,
                "hours": self.training_hours.to_json(4) if self.training_hours else None,
                "hours_rest_on": self.pace.basis if self.pace is not None else None,
            },
            "assumptions": list(self.assumptions),
        }
