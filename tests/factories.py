"""Small registries for tests: real specs, few words."""

from __future__ import annotations

from typing import Any

from ot_assets.registry import Registry
from ot_assets.registry.specs.benchmark import BenchmarkSpec
from ot_assets.registry.specs.model import ModelSpec
from ot_assets.registry.specs.recipe import RecipeSpec
from ot_assets.registry.specs.source import SourceSpec
from ot_assets.registry.specs.teacher import TeacherSpec


def a_source(key: str, **fields: Any) -> SourceSpec:
    """A procedural source of a few sums."""
    seed = fields.pop("seed", sum(key.encode()))
    return SourceSpec.model_validate(
        {
            "key": key,
            "description": "sums",
            "domain": "math",
            "licence": "Apache-2.0",
            "origin": {"kind": "procedural", "dataset": "chain_sum", "size": 20, "seed": seed, "worked": True},
            "verifier": "procedural",
            **fields,
        }
    )


def a_model(key: str, **fields: Any) -> ModelSpec:
    """A model behind the scripted engine."""
    return ModelSpec.model_validate({"key": key, "engine": "scripted", "model": key, "licence": "Apache-2.0", **fields})


def a_teacher(key: str, model: str | None = None, **fields: Any) -> TeacherSpec:
    """A teacher over a model; without one, the reference."""
    kind = {"kind": "reference"} if model is None else {"model": model}
    return TeacherSpec.model_validate({"key": key, "description": "teacher", **kind, **fields})


def a_benchmark(key: str, **fields: Any) -> BenchmarkSpec:
    """A procedural benchmark of a few sums."""
    return BenchmarkSpec.model_validate(
        {
            "key": key,
            "description": "sums",
            "domain": "math",
            "licence": "Apache-2.0",
            "role": "dev",
            "repeats": 2,
            "origin": {"kind": "procedural", "dataset": "chain_sum", "size": 10, "seed": 10_000 + sum(key.encode())},
            "verifier": "procedural",
            "screen": {"ngram": None, "similarity": None},
            **fields,
        }
    )


def a_recipe(key: str, sources: list[str], teachers: list[str], **fields: Any) -> RecipeSpec:
    """A recipe of one part that takes ten rows."""
    return RecipeSpec.model_validate(
        {
            "key": key,
            "description": "recipe",
            "parts": {"math": {"domain": "math", "rows": 10, "sources": [{"source": s} for s in sources]}},
            "teachers": teachers,
            "student": {"base": "base"},
            "benchmarks": fields.pop("benchmarks", ["dev"]),
            "screen_against": fields.pop("screen_against", "all"),
            **fields,
        }
    )


def a_registry(*specs: Any) -> Registry:
    """A registry of these specs and a base model, a dev benchmark and the reference teacher."""
    specs = (a_model("base"), a_benchmark("dev"), a_teacher("reference"), *specs)
    kinds = (SourceSpec, ModelSpec, TeacherSpec, BenchmarkSpec, RecipeSpec)
    sections = [{s.key: s for s in specs if isinstance(s, kind)} for kind in kinds]
    return Registry(*sections)
