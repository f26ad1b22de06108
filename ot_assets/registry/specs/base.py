"""What all specs share: the frozen base, its hash, and the small types (keys, languages, licences, sampling, tags).

Belongs here: types that more than one kind of spec uses. A spec is a frozen pydantic model that refuses unknown keys.
Fails with pydantic's ``ValidationError``; the loader turns that into messages with file, line, field and value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

KEY_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
"""What a key may look like: it is a partition key, a folder name and a file name at once."""

Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN, max_length=100)]
Domain = Literal["math", "code", "science", "puzzle", "conversation", "other"]
VerifierName = Literal["math", "choice", "procedural", "exact", "regex", "judge", "majority", "code", "none"]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Rows = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


def check_licence(value: str) -> str:
    """Return ``value`` as a canonical SPDX expression, or as it is when it is ``unknown`` or ``other:<text>``.

    Raises ``ValueError`` for anything else, so that a licence is always a statement and never a guess.
    """
    if value == "unknown" or (value.startswith("other:") and value[6:].strip()):
        return value
    try:
        return str(canonicalize_license_expression(value))
    except InvalidLicenseExpression:
        raise ValueError("not an SPDX licence expression") from None


Licence = Annotated[str, AfterValidator(check_licence)]
"""SPDX expression, ``unknown`` (looked for and not found), or ``other:<name or address of the terms>``."""


def once_each(languages: Sequence[str]) -> None:
    """Raises ValueError where conversations are named twice: a language holds those of its more special tags too."""
    for one in languages:
        if languages.count(one) > 1:
            raise ValueError(f"languages: {one} stands twice")
        if within := [other for other in languages if other.startswith(f"{one}-")]:
            raise ValueError(f"languages: {one} holds the conversations of {', '.join(within)} too; name one of them")


def canonical_hash(value: Any) -> str:
    """Sha256 hex of the canonical JSON of ``value``: sorted keys, no spaces, UTF-8.

    The same rule as ``schemas.ids.content_hash``; it stands here so that checking the registry loads no data library.
    Raises ``TypeError`` for what is not JSON and ``ValueError`` for NaN and infinity.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Spec(BaseModel):
    """A frozen part of the registry: equal specs have equal hashes and unknown keys are refused.

    YAML is validated strictly (a quoted number is not a number); Python callers may hand lists for tuples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain JSON types, defaults included: what a manifest stores."""
        return self.model_dump(mode="json")

    @property
    def hash(self) -> str:
        """Sha256 hex of the canonical JSON of the whole spec, description included."""
        return canonical_hash(self.to_dict())

    def picked(self, *fields: str) -> dict[str, Any]:
        """Only the named fields, as plain JSON types: the material of slices and identities."""
        return self.model_dump(mode="json", include=set(fields))


class Sampling(Spec):
    """How a model is sampled. Every value here changes the answer, so every value is part of the request's key."""

    temperature: float = Field(default=1.0, ge=0, le=2, description="Softmax temperature; 0 is greedy.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Nucleus: smallest set of tokens with this mass.")
    top_k: int | None = Field(default=None, gt=0, description="Only the k likeliest tokens; absent = all.")
    min_p: float | None = Field(default=None, ge=0, le=1, description="Drop tokens below this share of the likeliest.")
    max_tokens: int = Field(default=32768, gt=0, description="Longest answer in tokens, reasoning included.")
    stop: tuple[Text, ...] = Field(default=(), description="Texts that end the answer.")
    seed: Seed | None = Field(default=None, description="Sent with the request where the endpoint takes one.")
    repetition_penalty: float | None = Field(default=None, gt=0, le=2, description="1 = none.")
    presence_penalty: float | None = Field(default=None, ge=-2, le=2, description="OpenAI's presence penalty.")
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2, description="OpenAI's frequency penalty.")


class Tags(Spec):
    """The pair of texts between which a model reasons before it answers."""

    open: Text = Field(default="<think>", description="Starts the reasoning.")
    close: Text = Field(default="</think>", description="Ends the reasoning; what follows is the answer.")


class TokenEstimate(Spec):
    """Tokens that one request is expected to use; only for planning, never part of an identity."""

    prompt_tokens: int | None = Field(default=None, gt=0, description="Tokens of one prompt.")
    completion_tokens: int | None = Field(default=None, gt=0, description="Tokens of one answer, reasoning included.")


Prompts = Mapping[VerifierName, Text]
"""Prompt template by the question's verifier, for example a boxed-answer wording for math only."""


def check_prompt(template: str) -> str:
    """A prompt template must hold ``{question}``, once or more; other braces are kept as they are."""
    if "{question}" not in template:
        raise ValueError("a prompt template must hold {question}")
    return template


Prompt = Annotated[str, AfterValidator(check_prompt)]
"""Text in which every ``{question}`` is replaced by the question (plain replacement; other braces stay)."""
