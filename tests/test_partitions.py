"""Every edge of the graph by name: which partitions does a change reach, and which not."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pytest

from ot_assets.distillation.assets import training_set
from ot_assets.partitions import Partitions
from ot_assets.registry.specs.conversation import ConversationSpec
from ot_assets.sourcing.assets import sourced_questions
from ot_assets.stage import StageAsset
from tests.factories import a_model, a_recipe, a_registry, a_source, a_teacher


@pytest.fixture(scope="module")
def parts() -> Partitions:
    return Partitions(
        a_registry(
            a_source("aime"),
            a_source("chem"),
            a_source("unused"),
            a_model("qwq"),
            a_teacher("qwen", "qwq"),
            a_teacher("scorer", "qwq"),
            a_recipe("math-only", ["aime"], ["qwen"]),
            a_recipe(
                "both",
                ["aime", "chem"],
                ["qwen", "reference"],
                parts={
                    "a": {"domain": "math", "sources": [{"source": "aime"}]},
                    "c": {
                        "domain": "math",
                        "sources": [{"source": "chem"}],
                        "select": [{"kind": "top", "score": {"kind": "difficulty", "teacher": "scorer"}, "rows": 5}],
                    },
                },
            ),
        )
    )


def reaches(
    mapping: dg.PartitionMapping, upstream: dg.PartitionsDefinition, downstream: dg.PartitionsDefinition, key: str
) -> set[str]:
    subset = upstream.empty_subset().with_partition_keys([key])
    return set(mapping.get_downstream_partitions_for_partitions(subset, upstream, downstream).get_partition_keys())


def reads(
    mapping: dg.PartitionMapping, upstream: dg.PartitionsDefinition, downstream: dg.PartitionsDefinition, key: str
) -> set[str]:
    subset = downstream.empty_subset().with_partition_keys([key])
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, downstream, upstream)
    return set(result.partitions_subset.get_partition_keys())


def test_a_source_reaches_only_the_recipes_that_draw_from_it(parts):
    edge = parts.source_to_recipe, parts.source, parts.recipe
    assert reaches(*edge, "chem") == {"both"}
    assert reaches(*edge, "aime") == {"math-only", "both"}
    assert reaches(*edge, "unused") == set()


def test_a_recipe_reaches_the_requests_of_its_own_sources_only(parts):
    edge = parts.recipe_to_source, parts.recipe, parts.source
    assert reaches(*edge, "math-only") == {"aime"}
    assert reads(*edge, "chem") == {"both"}


def test_a_teacher_reaches_its_own_traces_for_every_source(parts):
    edge = parts.teacher_to_traces, parts.teacher, parts.source_teacher
    assert reaches(*edge, "qwen") == {"aime|qwen", "chem|qwen", "unused|qwen"}


def test_a_scorer_reaches_only_the_sources_that_it_scores(parts):
    edge = parts.teacher_to_scores, parts.teacher, parts.source
    assert reaches(*edge, "scorer") == {"chem"}
    assert reaches(*edge, "qwen") == set()


def test_a_source_reaches_its_traces_by_every_teacher(parts):
    edge = parts.source_to_traces, parts.source, parts.source_teacher
    assert reaches(*edge, "chem") == {"chem|qwen", "chem|reference", "chem|scorer"}


def test_traces_reach_only_students_of_the_same_teacher_in_recipes_of_that_source(parts):
    edge = parts.traces_to_training, parts.source_teacher, parts.recipe_teacher
    assert reaches(*edge, "chem|qwen") == {"both|qwen"}
    assert reaches(*edge, "aime|reference") == {"math-only|reference", "both|reference"}
    assert reads(*edge, "math-only|qwen") == {"aime|qwen"}
    assert reads(*edge, "both|qwen") == {"aime|qwen", "chem|qwen"}


def test_a_recipe_reaches_its_own_students_only(parts):
    edge = parts.recipe_to_training, parts.recipe, parts.recipe_teacher
    assert reaches(*edge, "math-only") == {"math-only|qwen", "math-only|reference", "math-only|scorer"}


def test_a_source_reaches_the_scores_that_have_examples_of_it():
    fasttext = {"kind": "fasttext", "positives": [{"source": "good"}], "negatives": [{"texts": ["bad"]}]}
    meaning = {
        "kind": "embedding",
        "model": "mini",
        "positives": [{"source": "good"}],
        "negatives": [{"texts": ["bad"]}],
    }
    steps = [{"kind": "top", "score": score, "rows": 5} for score in (fasttext, meaning)]
    parts = Partitions(
        a_registry(
            *map(a_source, ("aime", "chem", "good")),
            *map(a_model, ("mini", "other")),
            a_recipe("plain", ["chem"], ["reference"]),
            a_recipe("scored", [], ["reference"],
                     parts={"a": {"domain": "math", "sources": [{"source": "aime"}], "select": steps}}),
        )
    )  # fmt: skip
    edge = parts.source_to_scores, parts.source, parts.source
    assert reaches(*edge, "good") == {"good", "aime"}
    assert reads(*edge, "aime") == {"aime", "good"}
    assert reads(*edge, "chem") == {"chem"}
    edge = parts.model_to_scores, parts.model, parts.source
    assert reaches(*edge, "mini") == {"aime"}
    assert reaches(*edge, "other") == set()


def test_dagster_is_told_of_threads_and_prompts_only_where_they_are_read(parts):
    """An upstream that nobody needs would make its launchpad ask, before every launch, whether it is missing."""

    def upstream(some: Partitions, asset: StageAsset) -> set[str]:
        return {key.to_user_string() for key in asset.build(some).asset_deps[dg.AssetKey(asset.name)]}

    asked = a_source("asked", origin={"kind": "conversation", "languages": ["en"]}, verifier="none")
    people = a_recipe("people", ["asked"], ["reference"], conversations={"languages": ["en"]})
    spec = {"key": "en", "description": "people", "language": "en", "licence": "CC0-1.0"}
    english = {"en": ConversationSpec.model_validate(spec)}
    told = Partitions(replace(a_registry(asked, people), conversations=english))
    assert {"sft_threads", "benchmark_questions"} <= upstream(told, training_set)
    assert "prompts" in upstream(told, sourced_questions)
    assert not {"sft_threads", "benchmark_questions"} & upstream(parts, training_set)
    assert "prompts" not in upstream(parts, sourced_questions)
