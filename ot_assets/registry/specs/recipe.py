"""``RecipeSpec``: the whole list of choices from sources to student. One YAML in ``recipes/`` each.

``slice_for`` gives, for one asset, only the choices that it depends on, so that editing the learning rate leaves the
pool fresh. Fails with pydantic's ``ValidationError``; references to other specs are checked by ``registry.crosscheck``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from ot_assets.registry.specs.answer_filter import (
    AnswerFilter,
    AnswerFilters,
    AnswerStep,
    filled,
    judges_of,
    steps_of,
)
from ot_assets.registry.specs.base import (
    Domain,
    Key,
    Prompt,
    Rows,
    Seed,
    Spec,
    Tags,
    Text,
    TokenEstimate,
    VerifierName,
    canonical_hash,
)
from ot_assets.registry.specs.budget import BudgetSpec
from ot_assets.registry.specs.exact import exact_part, questions_of
from ot_assets.registry.specs.part import Draw, Part
from ot_assets.registry.specs.score import Score
from ot_assets.registry.specs.select import rows_of
from ot_assets.registry.specs.threads import ThreadDraw
from ot_assets.registry.specs.training import Training

__all__ = ["Draw", "Part", "RecipeSpec", "Student"]


class Student(Spec):
    """What is trained, and how an example is written."""

    base: Key = Field(description="Key in models/ of the model to start from.")
    prompt: Prompt = Field(default="{question}", description="User turn of an example; {question} is replaced.")
    prompts: Mapping[VerifierName, Prompt] = Field(default={}, description="Other user turns, by question's verifier.")
    system_prompt: Text | None = Field(default=None, description="System turn; absent = none.")
    think: Tags | None = Field(
        default=Tags(), description="How reasoning is written; null = only the answer is taught."
    )
    max_tokens: int = Field(default=16384, gt=0, description="Cutoff of prompt plus completion, in tokens.")
    too_long: Literal["truncate", "drop"] = Field(
        default="truncate", description="An example over the cutoff: cut its end off (as OpenThoughts3), or drop it."
    )
    training: Training = Field(
        default=Training(), description="Hyper-parameters; by default the tier for the row count."
    )

    def prompt_for(self, verifier: str) -> str:
        """The user-turn template for questions with this verifier."""
        return dict(self.prompts).get(verifier, self.prompt)  # type: ignore[call-overload,no-any-return]


class RecipeSpec(Spec):
    """All choices from sources to student."""

    key: Key = Field(description="Permanent name; equals the file name.")
    description: Text = Field(description="What it is, in a sentence or two.")
    base: Key | None = Field(
        default=None,
        description="A recipe whose fields this one takes over where it says nothing itself (see ``inherit``).",
    )
    parts: Mapping[Key, Part] = Field(
        default={},
        description="Name -> part; their rows together are the pool. May be absent where `conversations` is said.",
    )
    conversations: ThreadDraw | None = Field(
        default=None, description="Replies of people's conversations as examples, beside those of the parts."
    )
    rows: Rows | None = Field(
        default=None,
        description="Training rows in all, one a question and answer: each part is cut to its ratio of them, divided by its "
        "answers a question. A smaller number with the same seed is a subset of a larger one.",
    )
    rankings: Mapping[Key, tuple[Key, ...]] = Field(
        default={}, description="Name -> sources, best first: what a part's `ranking` may name."
    )
    answers_per_question: int = Field(default=1, gt=0, le=10_000, description="Answers asked of each teacher.")
    teachers: tuple[Key, ...] = Field(min_length=1, description="Teachers whose students it is about.")
    other_teachers: Literal["any"] | tuple[Key, ...] = Field(
        default=(), description="Further teachers that may be asked for by name; `any` = every registered one."
    )
    answer_filter: AnswerFilters = Field(
        default=AnswerFilter(), description="Which answers become examples: one filter, or a list of steps in order."
    )
    student: Student = Field(description="What is trained.")
    benchmarks: tuple[Key, ...] = Field(default=(), description="What its students are run on.")
    choose_on: tuple[Key, ...] = Field(
        default=(), description="Dev benchmarks whose scores may choose between recipes."
    )
    screen_against: Literal["all"] | tuple[Key, ...] = Field(
        default="all", description="Benchmarks whose items must not be in the pool; all = every registered one."
    )
    seed: Seed = Field(default=42, description="Seed of every draw that has none of its own.")
    estimates: Mapping[Domain, TokenEstimate] = Field(
        default={}, description="Tokens of a trace by domain, for planning."
    )
    budget: BudgetSpec | None = Field(
        default=None, description="What may be spent on it in all; a run stops before it is passed."
    )

    @model_validator(mode="after")
    def _numbers_fit(self) -> RecipeSpec:
        if not self.parts and self.conversations is None:
            raise ValueError("parts: a recipe needs one part or more, or conversations")
        if not self.parts and self.rows is not None:
            raise ValueError("rows: it cuts parts, and there are none; say `rows` under conversations")
        self.exact_parts  # noqa: B018 - says what does not fit
        return self

    @property
    def exact_parts(self) -> dict[str, Part]:
        """Its parts as they are carried out: only the sources in use, every step with its number, the last cut among them."""
        asked = questions_of(self.parts, self.rows, self.answers_of)
        return {
            name: exact_part(name, part, self.rankings, asked.get(name), self.rows) for name, part in self.parts.items()
        }

    def resolved(self) -> dict[str, Any]:
        """The recipe as plain JSON types with nothing left open: parts as they are carried out."""
        parts = {name: {**part.to_dict(), "seed": self.part_seed(name)} for name, part in self.exact_parts.items()}
        return {**self.to_dict(), "parts": parts}

    @property
    def questions_asked(self) -> int:
        """Questions that its last steps are to leave in all; parts whose last step keeps no number count for nothing."""
        last = (part.select[-1] for part in self.exact_parts.values() if part.select)
        return sum(rows_of(step) or 0 for step in last)

    def answers_of(self, part: str) -> int:
        """Answers asked of each teacher for each question of a part."""
        return self.parts[part].answers_per_question or self.answers_per_question

    @property
    def most_answers(self) -> int:
        """The most answers that any of its questions gets."""
        return max((self.answers_of(name) for name in self.parts), default=0)

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of all sources that its parts draw from, each once, in order."""
        return tuple(dict.fromkeys(draw.source for part in self.exact_parts.values() for draw in part.sources))

    @property
    def scores(self) -> tuple[Score, ...]:
        """Scores that its parts read, each once, in order."""
        return tuple(dict.fromkeys(score for part in self.parts.values() for score in part.scores))

    @property
    def read(self) -> tuple[str, ...]:
        """Its sources, and those that only give examples to its scores."""
        return tuple(dict.fromkeys((*self.sources, *(key for score in self.scores for key in score.sources))))

    def scores_of(self, source: str) -> tuple[Score, ...]:
        """Scores that this recipe needs of one source's questions."""
        parts = (part for part in self.exact_parts.values() if any(draw.source == source for draw in part.sources))
        return tuple(dict.fromkeys(score for part in parts for score in part.scores))

    @property
    def answer_steps(self) -> tuple[AnswerStep, ...]:
        """The steps of its answer filter, in order."""
        return steps_of(self.answer_filter)

    @property
    def judges(self) -> tuple[str, ...]:
        """Keys of the teachers who judge its answers, each once, in order."""
        return judges_of(self.answer_steps)

    @property
    def verified(self) -> bool:
        """Whether only verified answers become examples."""
        return any(step.kind == "verified" for step in self.answer_steps)

    def wants(self, teacher: str) -> bool:
        """Whether a student of this teacher is part of the recipe, or may be asked for."""
        return teacher in self.teachers or self.other_teachers == "any" or teacher in self.other_teachers

    def part_seed(self, part: str) -> int:
        """The seed of one part's draws."""
        own = self.parts[part].seed
        return self.seed if own is None else own

    def slice_for(self, asset: str) -> dict[str, Any]:
        """Only the choices that the given asset depends on, as plain JSON types with the seeds filled in.

        ``mixed_pool``, ``filtered_set``, ``trace_requests``, ``training_set``, ``student_model``, ``eval_responses``,
        ``eval_scores``, ``leaderboard``. A slice never repeats what an upstream asset's slice already holds.
        Raises ``KeyError`` for an asset that does not depend on a recipe.
        """
        return {"key": self.key, **_SLICES[asset](self)}

    def slice_hash(self, asset: str) -> str:
        """Hash of ``slice_for(asset)``."""
        return canonical_hash(self.slice_for(asset))


def _pool(recipe: RecipeSpec) -> dict[str, Any]:
    parts = {name: {**_drawing(part), "seed": recipe.part_seed(name)} for name, part in recipe.exact_parts.items()}
    against = "all" if recipe.screen_against == "all" else sorted(recipe.screen_against)
    return {"parts": parts, "screen_against": against}


def _drawing(part: Part) -> dict[str, Any]:
    """How a part draws. A refusal draws the same rows as taking less, so it is not told from it."""
    drawing = part.picked("domain", "sources", "rows", "fill", "temperature")
    return {**drawing, "fill": "none" if part.fill == "error" else part.fill}


def _filtered(recipe: RecipeSpec) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    for name, part in recipe.exact_parts.items():
        steps[name] = part.picked("select")["select"]
        for step in steps[name]:
            if "seed" in step and step["seed"] is None:
                step["seed"] = recipe.part_seed(name)
    own = {name: recipe.answers_of(name) for name, part in recipe.parts.items() if part.answers_per_question}
    slice_ = {"select": steps, "answers_per_question": recipe.answers_per_question}
    return {**slice_, **({"answers": own} if own else {})}


def _requests(recipe: RecipeSpec) -> dict[str, Any]:
    others = "any" if recipe.other_teachers == "any" else sorted(recipe.other_teachers)
    return {"teachers": sorted(recipe.teachers), "other_teachers": others}


def _examples(recipe: RecipeSpec) -> dict[str, Any]:
    answers = filled(recipe.answer_filter, recipe.seed)
    fields = recipe.student.picked("base", "prompt", "prompts", "system_prompt", "think", "max_tokens", "too_long")
    draw = recipe.conversations
    own = (
        {}
        if draw is None
        else {"conversations": {**draw.to_dict(), "seed": recipe.seed if draw.seed is None else draw.seed}}
    )
    return {"answer_filter": answers, "student": fields, **own}


def _trained(recipe: RecipeSpec) -> dict[str, Any]:
    training = recipe.student.training.to_dict()
    training["seed"] = recipe.seed if training["seed"] is None else training["seed"]
    return {"base": recipe.student.base, "training": training, "cutoff": recipe.student.max_tokens}


def _evaluated(recipe: RecipeSpec) -> dict[str, Any]:
    return {"benchmarks": sorted(recipe.benchmarks)}


_SLICES: dict[str, Callable[[RecipeSpec], dict[str, Any]]] = {
    "mixed_pool": _pool,
    "filtered_set": _filtered,
    "trace_requests": _requests,
    "training_set": _examples,
    "student_model": _trained,
    "eval_responses": _evaluated,
    "eval_scores": _evaluated,
    "leaderboard": lambda recipe: {"choose_on": sorted(recipe.choose_on)},
}
