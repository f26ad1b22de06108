"""``Registry``: all specs that were loaded, by section and key, in their permanent order.

Belongs here: the object that the rest of the program asks. It is only made by the loader, after every check has passed.
Asking for an unknown key raises ``UserError`` with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from ot_assets.registry.errors import Problem, suggestion
from ot_assets.registry.specs.answer_filter import samples_of
from ot_assets.registry.specs.base import canonical_hash
from ot_assets.registry.specs.benchmark import BenchmarkSpec
from ot_assets.registry.specs.conversation import ConversationSpec
from ot_assets.registry.specs.model import ModelSpec
from ot_assets.registry.specs.recipe import RecipeSpec
from ot_assets.registry.specs.score import Score, with_parts
from ot_assets.registry.specs.source import SourceSpec
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.errors import UserError

Section = Literal["sources", "models", "teachers", "benchmarks", "recipes", "conversations"]
AnySpec = SourceSpec | ModelSpec | TeacherSpec | BenchmarkSpec | RecipeSpec | ConversationSpec
SpecT = TypeVar("SpecT", bound=AnySpec)

SECTIONS: dict[Section, type[AnySpec]] = {
    "sources": SourceSpec,
    "models": ModelSpec,
    "teachers": TeacherSpec,
    "benchmarks": BenchmarkSpec,
    "recipes": RecipeSpec,
    "conversations": ConversationSpec,
}
"""Folder -> what a YAML in it describes."""


@dataclass(frozen=True)
class Registry:
    """Everything registered. The order of each mapping is the order of its partitions and only ever grows at the end."""

    sources: Mapping[str, SourceSpec]
    models: Mapping[str, ModelSpec]
    teachers: Mapping[str, TeacherSpec]
    benchmarks: Mapping[str, BenchmarkSpec]
    recipes: Mapping[str, RecipeSpec]
    conversations: Mapping[str, ConversationSpec] = field(default_factory=dict)
    files: Mapping[tuple[Section, str], Path] = field(default_factory=dict)
    """Where each spec stands; relative paths in it start at that file's folder."""
    warnings: tuple[Problem, ...] = ()
    retired: Mapping[Section, tuple[str, ...]] = field(default_factory=dict)
    """Keys that were registered once and are gone: their partitions may still have history."""

    def section(self, name: Section) -> Mapping[str, AnySpec]:
        """One section by name."""
        found: Mapping[str, AnySpec] = getattr(self, name)
        return found

    def source(self, key: str) -> SourceSpec:
        """The source with this key, or UserError."""
        return _get(self.sources, key, "source")

    def model(self, key: str) -> ModelSpec:
        """The model with this key, or UserError."""
        return _get(self.models, key, "model")

    def teacher(self, key: str) -> TeacherSpec:
        """The teacher with this key, or UserError."""
        return _get(self.teachers, key, "teacher")

    def benchmark(self, key: str) -> BenchmarkSpec:
        """The benchmark with this key, or UserError."""
        return _get(self.benchmarks, key, "benchmark")

    def recipe(self, key: str) -> RecipeSpec:
        """The recipe with this key, or UserError."""
        return _get(self.recipes, key, "recipe")

    def conversation(self, key: str) -> ConversationSpec:
        """The conversations with this key, or UserError."""
        return _get(self.conversations, key, "conversation")

    def folder(self, section: Section, key: str) -> Path:
        """Folder of the spec's YAML: where its relative paths start."""
        return self.files[section, key].parent

    def model_of(self, teacher: str) -> ModelSpec | None:
        """The model that a teacher answers through; None for ``reference``."""
        spec = self.teacher(teacher)
        if isinstance(spec.model, str):
            return self.model(spec.model)
        return spec.model

    @property
    def all_models(self) -> Mapping[str, ModelSpec]:
        """Every model that can be asked: those in models/, then those that teachers write out in place."""
        inline = [spec.model for spec in self.teachers.values() if isinstance(spec.model, ModelSpec)]
        return {**self.models, **{model.key: model for model in inline if model.key not in self.models}}

    def required_model(self, teacher: str) -> ModelSpec:
        """The model behind a teacher that must have one, such as a scorer; UserError for ``reference``."""
        model = self.model_of(teacher)
        if model is None:
            raise UserError(
                f"teacher {teacher} has no model, so it cannot be asked to score", fix="name another teacher"
            )
        return model

    def teacher_hash(self, teacher: str) -> str:
        """Hash of everything that changes a teacher's answers, its model included: the teacher's part of a trace_id."""
        return self.teacher(teacher).identity_hash(self.model_of(teacher))

    def sample_files(self, recipe: str) -> dict[str, Path]:
        """Files on this machine that the recipe's answer filter learns from, by the name in its YAML, each once."""
        names = [name for samples in samples_of(self.recipe(recipe).answer_steps) for name in samples.files]
        place = self.files.get(("recipes", recipe))
        return {name: place.parent / name for name in names if place is not None and "://" not in name}

    def recipes_using(self, source: str) -> tuple[str, ...]:
        """Recipes that draw from a source."""
        return tuple(key for key, recipe in self.recipes.items() if source in recipe.sources)

    def with_parents(self, sources: Iterable[str]) -> tuple[str, ...]:
        """The sources and all that their questions are written from, parents first, each once."""
        found: dict[str, None] = {}
        for key in sources:
            way = [key]
            while (parents := self.source(way[-1]).parents) and parents[0] not in way:
                way.append(parents[0])
            found.update(dict.fromkeys(reversed(way)))
        return tuple(found)

    def scores_for(self, source: str) -> tuple[Score, ...]:
        """Scores that some recipe needs of this source's questions, each once, in the recipes' order; parts of a combined
        one stand before it.
        """
        return with_parts(score for recipe in self.recipes.values() for score in recipe.scores_of(source))

    def screened_against(self, recipe: str) -> tuple[str, ...]:
        """Benchmarks whose items must not be in the recipe's pool."""
        wanted = self.recipe(recipe).screen_against
        return tuple(self.benchmarks) if wanted == "all" else tuple(key for key in self.benchmarks if key in wanted)

    @property
    def hash(self) -> str:
        """Hash over all specs and their order."""
        return canonical_hash({name: [spec.to_dict() for spec in self.section(name).values()] for name in SECTIONS})


def _get(known: Mapping[str, SpecT], key: str, noun: str) -> SpecT:
    try:
        return known[key]
    except KeyError:
        raise UserError(
            f"no {noun} {key!r}{suggestion(key, list(known))}",
            fix=f"correct the name, or write {noun}s/{key}.yaml into your registry folder (OT_REGISTRY)",
        ) from None
