"""``TeacherSpec``: a model plus its prompt and sampling settings, or ``reference``. One YAML in ``teachers/`` each.

Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ot_assets.registry.specs.base import (
    Key,
    Licence,
    Prompt,
    Sampling,
    Spec,
    Tags,
    Text,
    TokenEstimate,
    VerifierName,
    canonical_hash,
)
from ot_assets.registry.specs.budget import BudgetSpec
from ot_assets.registry.specs.model import ModelSpec


def _form(value: Any) -> str:
    return "key" if isinstance(value, str) else "inline"


ModelRef = Annotated[Annotated[Key, Tag("key")] | Annotated[ModelSpec, Tag("inline")], Discriminator(_form)]


class TeacherSpec(Spec):
    """Who answers questions, and how it is asked. Also who scores them (answer length, difficulty)."""

    key: Key = Field(description="Permanent name; equals the file name.")
    description: Text = Field(description="What it is, in a sentence.")
    kind: Literal["model", "reference"] = Field(
        default="model", description="`reference` answers with the source's own worked solution and needs no model."
    )
    model: ModelRef | None = Field(default=None, description="Key in models/, or a model written out in place.")
    system_prompt: Text | None = Field(default=None, description="System turn; absent = none.")
    prompt: Prompt = Field(default="{question}", description="User turn; {question} is replaced.")
    prompts: Mapping[VerifierName, Prompt] = Field(default={}, description="Other user turns, by question's verifier.")
    sampling: Sampling = Field(default=Sampling(), description="How it is sampled.")
    reasoning: Tags | None = Field(
        default=Tags(), description="Where its reasoning stands in the text; null = nowhere."
    )
    licence: Licence | None = Field(
        default=None, description="Terms on its answers; absent = the model's, or the source's."
    )
    estimate: TokenEstimate = Field(default=TokenEstimate(), description="Typical tokens a request, for planning.")
    budget: BudgetSpec | None = Field(
        default=None, description="What may be spent on its answers in all; a run stops before it is passed."
    )

    @model_validator(mode="after")
    def _model_fits(self) -> TeacherSpec:
        if self.kind == "model" and self.model is None:
            raise ValueError("model is needed (a key in models/, or a model written out); or say kind: reference")
        if self.kind == "reference" and self.model is not None:
            raise ValueError("kind: reference has no model: its answers are the source's own solutions")
        return self

    @property
    def model_key(self) -> str | None:
        """Key of the model it names; None for ``reference`` and for a model written out in place."""
        return self.model if isinstance(self.model, str) else None

    def prompt_for(self, verifier: str) -> str:
        """The user-turn template for questions with this verifier."""
        return dict(self.prompts).get(verifier, self.prompt)  # type: ignore[call-overload,no-any-return]

    def identity(self, model: ModelSpec | None) -> dict[str, Any]:
        """Everything that changes its answers: model identity, prompts, sampling, tags. Not price, not description."""
        if self.kind == "reference":
            return {"kind": "reference"}
        if model is None:
            raise ValueError(f"teacher {self.key!r} answers through a model; hand that model in")
        fields = self.picked("kind", "system_prompt", "prompt", "prompts", "sampling", "reasoning")
        return {**fields, "model": model.identity()}

    def identity_hash(self, model: ModelSpec | None) -> str:
        """Hash of ``identity``: the teacher's part of every trace_id."""
        return canonical_hash(self.identity(model))
