"""Partition definitions from the registry, and the mapping of every edge of the graph.

Keys are static: they come from the registry's YAML files, in an order that is only ever appended to, because Dagster resolves
ranges by position. Every mapping is built from the recipes, so editing one source, teacher or recipe makes only what hangs on
it stale. One docstring an edge says why the mapping is what it is.

Dagster knows two dimensions at most: source x recipe x teacher is split by keying traces by content (source x teacher) and
letting recipes pick from them (recipe x teacher).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from ot_assets.registry import Registry, Score
from ot_assets.registry.specs.written import WrittenOrigin

# Mappings over two dimensions and partitioned checks are marked beta and preview; the warnings would be shown on every load.
for category in (dg.BetaWarning, dg.PreviewWarning):
    warnings.filterwarnings("ignore", category=category)

NOTHING = "none"
"""Stands for a dimension that has no keys yet, since Dagster refuses an empty one in a product."""


@dataclass(frozen=True)
class Partitions:
    """All partition definitions and mappings of one registry."""

    registry: Registry

    @cached_property
    def source(self) -> dg.StaticPartitionsDefinition:
        """One partition a source."""
        return _static(self.registry.sources)

    @cached_property
    def benchmark(self) -> dg.StaticPartitionsDefinition:
        """One partition a benchmark."""
        return _static(self.registry.benchmarks)

    @cached_property
    def model(self) -> dg.StaticPartitionsDefinition:
        """One partition a model."""
        return _static(self.registry.all_models)

    @cached_property
    def teacher(self) -> dg.StaticPartitionsDefinition:
        """One partition a teacher."""
        return _static(self.registry.teachers)

    @cached_property
    def recipe(self) -> dg.StaticPartitionsDefinition:
        """One partition a recipe."""
        return _static(self.registry.recipes)

    @cached_property
    def conversation(self) -> dg.StaticPartitionsDefinition:
        """One partition a language of conversations."""
        return _static(self.registry.conversations)

    @cached_property
    def source_teacher(self) -> dg.MultiPartitionsDefinition:
        """Traces and verdicts: what one teacher answered to the questions of one source."""
        return dg.MultiPartitionsDefinition({"source": self.source, "teacher": self.teacher})

    @cached_property
    def recipe_teacher(self) -> dg.MultiPartitionsDefinition:
        """Training sets, students and their scores: one recipe answered by one teacher."""
        return dg.MultiPartitionsDefinition({"recipe": self.recipe, "teacher": self.teacher})

    @cached_property
    def _recipes_of_source(self) -> dict[str, list[str]]:
        recipes = self.registry.recipes
        return {s: [r for r, spec in recipes.items() if s in spec.sources] for s in self.registry.sources}

    @property
    def source_to_recipe(self) -> dg.PartitionMapping:
        """screened_questions, question_scores -> mixed_pool, filtered_set: a recipe reads its own sources only.

        Not all sources: a new source would make every recipe stale.
        """
        return dg.StaticPartitionMapping(self._recipes_of_source)

    @property
    def recipe_to_source(self) -> dg.PartitionMapping:
        """filtered_set -> trace_requests: a source is asked by the recipes that draw from it, and by no other."""
        return dg.StaticPartitionMapping({r: list(spec.sources) for r, spec in self.registry.recipes.items()})

    @property
    def source_to_scores(self) -> dg.PartitionMapping:
        """screened_questions -> question_scores: a source is scored again when its own questions change, or those of a source
        that its scores have examples of; no other source is read.
        """
        return self._scored_by({key: [key] for key in self.registry.sources}, lambda score: score.sources)

    @property
    def model_to_scores(self) -> dg.PartitionMapping:
        """model_spec -> question_scores: a source is scored again when a model that its scores load themselves is edited.
        Models behind teachers count with the teacher.
        """
        return self._scored_by({key: [] for key in self.registry.all_models}, lambda score: score.models)

    @property
    def conversation_to_source(self) -> dg.PartitionMapping:
        """Prompts -> sourced_questions: a source of kind `conversation` reads the prompts of its languages, and no other."""
        asked: dict[str, list[str]] = {key: [] for key in self.registry.conversations}
        for key, spec in self.registry.sources.items():
            for language in spec.conversations:
                asked[language].append(key)
        return dg.StaticPartitionMapping(asked)

    def unread(self, mapping: str | None) -> bool:
        """Whether nothing in this registry reads over a mapping. Dagster is not told of it then: before every launch it would
        ask whether an upstream asset may be missing that nobody needs.
        """
        if mapping == "conversation_to_source":
            return not any(spec.conversations for spec in self.registry.sources.values())
        if mapping in ("conversation_to_training", "benchmark_to_training"):
            return all(spec.conversations is None for spec in self.registry.recipes.values())
        return False

    @property
    def benchmark_to_training(self) -> dg.PartitionMapping:
        """benchmark_questions -> training_set: what threads are screened against; wider than what is read, as with threads."""
        return dg.AllPartitionMapping()

    @property
    def conversation_to_training(self) -> dg.PartitionMapping:
        """sft_threads -> training_set: wider than what is read, since Dagster has no mapping from one dimension into two of
        other names that follows a recipe's list. `ot status` compares what was really opened, and is exact.
        """
        return dg.AllPartitionMapping()

    @property
    def teacher_to_written(self) -> dg.PartitionMapping:
        """teacher_spec -> sourced_questions: a written source is written anew when a teacher that it asks is edited.

        That it also reads the screened questions of its parent Dagster cannot be told: an asset that depends on itself, over
        another asset and another partition, would be a circle. `ot status` and `ot run` read it from the graph's own table.
        """
        written: dict[str, list[str]] = {key: [] for key in self.registry.teachers}
        for key, spec in self.registry.sources.items():
            for teacher in spec.origin.asked if isinstance(spec.origin, WrittenOrigin) else ():
                written[teacher].append(key)
        return dg.StaticPartitionMapping(written)

    @property
    def teacher_to_scores(self) -> dg.PartitionMapping:
        """teacher_spec -> question_scores: a source is scored again only when a teacher who scores it is edited."""
        return self._scored_by({key: [] for key in self.registry.teachers}, lambda score: score.teachers)

    def _scored_by(self, scored: dict[str, list[str]], named: Callable[[Score], Iterable[str]]) -> dg.PartitionMapping:
        """Adds to each key the sources whose scores name it."""
        for source in self.registry.sources:
            for key in dict.fromkeys(key for score in self.registry.scores_for(source) for key in named(score)):
                if source not in scored[key]:
                    scored[key].append(source)
        return dg.StaticPartitionMapping(scored)

    @property
    def source_to_traces(self) -> dg.PartitionMapping:
        """screened_questions, trace_requests -> traces, verdicts: the same source, for every teacher."""
        return dg.MultiToSingleDimensionPartitionMapping("source")

    @property
    def teacher_to_traces(self) -> dg.PartitionMapping:
        """teacher_spec -> traces: the same teacher, for every source. Editing one teacher leaves the others alone."""
        return dg.MultiToSingleDimensionPartitionMapping("teacher")

    @property
    def traces_to_training(self) -> dg.PartitionMapping:
        """traces, verdicts -> training_set: the recipe's sources, of the same teacher."""
        return dg.MultiPartitionMapping(
            {
                "source": dg.DimensionPartitionMapping("recipe", self.source_to_recipe),
                "teacher": dg.DimensionPartitionMapping("teacher", dg.IdentityPartitionMapping()),
            }
        )

    @property
    def recipe_to_training(self) -> dg.PartitionMapping:
        """filtered_set, recipe_spec -> training_set and below: the same recipe, for every teacher."""
        return dg.MultiToSingleDimensionPartitionMapping("recipe")

    @property
    def every_benchmark(self) -> dg.PartitionMapping:
        """benchmark_questions -> whatever reads them. Screening is against all benchmarks, so this is exact there.

        For scores it is wider than what is read: Dagster has no mapping from one dimension into two of another name, and none
        that follows a recipe's list. `ot status` compares what was really opened, and is exact.
        """
        return dg.AllPartitionMapping()

    @property
    def everything(self) -> dg.PartitionMapping:
        """eval_scores, baseline_scores -> leaderboard, which has no partitions: it shows all that there is."""
        return dg.AllPartitionMapping()


def _static(keys: Iterable[str]) -> dg.StaticPartitionsDefinition:
    names = list(keys)
    return dg.StaticPartitionsDefinition(names or [NOTHING])
