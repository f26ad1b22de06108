"""The registry: typed, frozen specs of sources, models, teachers, benchmarks and recipes, one YAML file each.

``registry()`` is what this process works with (shipped plus the folder in ``OT_REGISTRY``); ``load_registry`` makes one
without a cache. Imports no Dagster and no data library, so that it can be checked in a moment.
"""

from __future__ import annotations

from ot_assets.registry.catalogue import SECTIONS, AnySpec, Registry, Section
from ot_assets.registry.check import CheckReport, check
from ot_assets.registry.errors import Problem, RegistryErrors
from ot_assets.registry.loader import load_registry, registry, remember_keys
from ot_assets.registry.specs.answer_filter import AnswerFilter, AnswerFilters, AnswerStep
from ot_assets.registry.specs.base import (
    Domain,
    Licence,
    Sampling,
    Spec,
    Tags,
    TokenEstimate,
    VerifierName,
    canonical_hash,
)
from ot_assets.registry.specs.benchmark import BenchmarkSpec, Screen
from ot_assets.registry.specs.dedup import Dedup
from ot_assets.registry.specs.model import HubWeights, ModelSpec, Price, WheelWeights
from ot_assets.registry.specs.origin import (
    Columns,
    FilesOrigin,
    HubOrigin,
    Origin,
    ProceduralOrigin,
    WheelOrigin,
)
from ot_assets.registry.specs.recipe import Draw, Part, RecipeSpec, Student
from ot_assets.registry.specs.score import Score
from ot_assets.registry.specs.select import Random, Step, Top
from ot_assets.registry.specs.source import QuestionSet, SourceSpec
from ot_assets.registry.specs.teacher import TeacherSpec
from ot_assets.registry.specs.training import TIERS, Tier, Training, tier_for

__all__ = [
    "SECTIONS",
    "TIERS",
    "AnswerFilter",
    "AnswerFilters",
    "AnswerStep",
    "AnySpec",
    "BenchmarkSpec",
    "CheckReport",
    "Columns",
    "Dedup",
    "Domain",
    "Draw",
    "FilesOrigin",
    "HubOrigin",
    "HubWeights",
    "Licence",
    "ModelSpec",
    "Origin",
    "Part",
    "Price",
    "Problem",
    "ProceduralOrigin",
    "QuestionSet",
    "Random",
    "RecipeSpec",
    "Registry",
    "RegistryErrors",
    "Sampling",
    "Score",
    "Screen",
    "Section",
    "SourceSpec",
    "Spec",
    "Step",
    "Student",
    "Tags",
    "TeacherSpec",
    "Tier",
    "TokenEstimate",
    "Top",
    "Training",
    "VerifierName",
    "WheelOrigin",
    "WheelWeights",
    "canonical_hash",
    "check",
    "load_registry",
    "registry",
    "remember_keys",
    "tier_for",
]
