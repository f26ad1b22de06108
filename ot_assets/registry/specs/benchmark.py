"""``BenchmarkSpec``: a question set that is only ever evaluated on. One YAML in ``benchmarks/`` each.

The same registry feeds evaluation and decontamination, so a benchmark that is run is always screened against.
Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ot_assets.registry.specs.base import Prompt, Sampling, Seed, Spec, Text, TokenEstimate, VerifierName
from ot_assets.registry.specs.source import QuestionSet

EVALUATION = Sampling(temperature=0.7, top_p=1.0, max_tokens=32768)
"""Evaluation settings of OpenThoughts3 (PAPER section on evaluation): no system prompt either."""


CONTAINMENT = 80.0
"""Default threshold of containment; `curation/recall.py` measures what it finds and what it takes by mistake."""


class Screen(Spec):
    """When a question counts as contaminated by one of this benchmark's items. An exact match always does."""

    ngram: int | None = Field(default=13, gt=0, description="Any shared run of this many tokens; null = not looked at.")
    similarity: float | None = Field(
        default=75,
        gt=0,
        le=100,
        description="Normalised Indel similarity x 100 at or above which it counts; null = off.",
    )
    containment: float | None = Field(
        default=CONTAINMENT,
        gt=0,
        le=100,
        description="An item of 13 tokens or more counts as inside a longer question when the similarity x 100 of its "
        "tokens and a stretch of the question reaches this; null = off, as it is where the other two rules are off.",
    )
    tokenizer: Text | None = Field(
        default=None,
        description="Whose tokens: a key in models/, or the path of a folder with a tokenizer.json (it holds a /); "
        "absent = words and punctuation marks.",
    )

    @model_validator(mode="before")
    @classmethod
    def _only_exact(cls, given: Any) -> Any:
        """With the other rules off, this one is on only where it is asked for."""
        if isinstance(given, Mapping) and "containment" not in given and _only_equal(given):
            return {**given, "containment": None}
        return given

    @model_serializer(mode="wrap")
    def _without_defaults(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What came later is left out where it has its default, so that older specs keep their hash."""
        fields: dict[str, Any] = whole(self)
        later = {"containment": None if _only_equal(fields) else CONTAINMENT, "tokenizer": None}
        return {name: value for name, value in fields.items() if name not in later or value != later[name]}


def _only_equal(fields: Mapping[str, Any]) -> bool:
    return fields.get("ngram", 13) is None and fields.get("similarity", 75) is None


class BenchmarkSpec(QuestionSet):
    """A benchmark: its rows, how often each is asked, how, and whether its scores may choose a recipe."""

    role: Literal["dev", "held_out"] = Field(description="`held_out` scores are never used to choose.")
    repeats: int = Field(default=1, ge=0, le=1000, description="Answers a question; 0 = screened against, never run.")
    sampling: Sampling = Field(default=EVALUATION, description="How a model is sampled on it.")
    system_prompt: Text | None = Field(default=None, description="System turn; absent = none.")
    prompt: Prompt = Field(default="{question}", description="User turn; {question} is replaced.")
    prompts: Mapping[VerifierName, Prompt] = Field(default={}, description="Other user turns, by question's verifier.")
    questions: int | None = Field(default=None, gt=0, description="Ask only this many, drawn by `seed`.")
    seed: Seed = Field(default=0, description="Seed of that draw.")
    screen: Screen = Field(default=Screen(), description="When a question counts as contaminated.")
    estimate: TokenEstimate = Field(default=TokenEstimate(), description="Typical tokens a request, for planning.")

    @model_validator(mode="after")
    def _judged_alone(self) -> BenchmarkSpec:
        if self.verifier in ("judge", "majority"):
            raise ValueError(
                f"verifier: {self.verifier} judges traces; a benchmark needs one that judges each answer alone"
            )
        return self

    @property
    def items(self) -> int | None:
        """Questions that are asked: the declared size, cut by ``questions``; None when nobody said."""
        sizes = [n for n in (self.size, self.questions) if n is not None]
        return min(sizes) if sizes else None

    def prompt_for(self, verifier: str) -> str:
        """The user-turn template for questions with this verifier."""
        return dict(self.prompts).get(verifier, self.prompt)  # type: ignore[call-overload,no-any-return]

    def slice_for(self, asset: str) -> dict[str, Any]:
        """Only the fields that the given asset depends on, so that editing others leaves it fresh.

        ``benchmark_questions`` (all of its rows), ``screened_questions`` (also how they are compared),
        ``eval_responses`` (what is asked, how often, how), ``eval_scores`` (who judges), ``leaderboard`` (the role).
        Raises ``KeyError`` for an asset that does not depend on a benchmark.
        """
        fields: dict[str, tuple[str, ...]] = {
            "benchmark_questions": (),
            "screened_questions": ("screen",),
            "eval_responses": ("repeats", "sampling", "system_prompt", "prompt", "prompts", "questions", "seed"),
            "eval_scores": ("verifier", "role"),
            "leaderboard": ("role",),
        }
        if asset == "benchmark_questions":
            return self.content()
        return {"key": self.key, **self.picked(*fields[asset])}
