"""``Clean``: a step of a part that drops questions which cannot be asked as they stand, rule by rule.

Belongs here: the rules and their settings; what each looks for is in ``ot_assets.curation.cleaning``. Every rule is off until
it is named: ``true`` for its defaults, or a mapping with its settings. They are those that the authors of OpenThoughts used
(OpenThoughts-114k: images, several questions, stated answers, links, short texts; README of open-thoughts), and language.
Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, model_validator

from ot_assets.registry.specs.base import Language, Spec, Text, VerifierName
from ot_assets.registry.specs.languages import LANGUAGES, plain_language

WANT_AN_ANSWER: tuple[VerifierName, ...] = ("math", "choice", "procedural", "exact", "regex", "majority")
"""Verifiers that compare a final answer; a proof has none. (`judge` can read a proof, `code` runs a program.)"""


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


def _known(tag: str) -> str:
    if plain_language(tag) not in LANGUAGES:
        raise ValueError(f"{tag!r} is not a language that can be told apart")
    return tag


Pattern = Annotated[Text, AfterValidator(_compiles)]


class Figures(Spec):
    """Questions that need a figure which is not there: image markup, or words such as "in the figure below"."""

    drawings: bool = Field(default=True, description="Drawings in code ([asy], TikZ) count as figures.")
    also: tuple[Pattern, ...] = Field(default=(), description="Further regular expressions (case is ignored).")


class Several(Spec):
    """Several questions in one: enumerated items, each of which asks something."""

    parts: int = Field(default=2, ge=2, description="So many asking items make it several.")


class Links(Spec):
    """Addresses on the web: what stands there is not in the question."""

    allow: tuple[Text, ...] = Field(
        default=("example.com", "example.org", "example.net", "localhost", "127.0.0.1", "www.w3.org"),
        description="Hosts that are only ever examples or names.",
    )


class Proofs(Spec):
    """Questions that ask for a proof and nothing else, where the verifier compares an answer."""

    verifiers: tuple[VerifierName, ...] = Field(default=WANT_AN_ANSWER, description="Verifiers that want an answer.")


class Garbled(Spec):
    """Bytes read as text: control characters and replacement characters."""

    share: float = Field(default=0.01, gt=0, le=1, description="A larger share of such characters goes.")


class Length(Spec):
    """Characters of the question, without white space around it."""

    min: int | None = Field(default=None, gt=0, description="Fewer go.")
    max: int | None = Field(default=None, gt=0, description="More go.")

    @model_validator(mode="after")
    def _ends_in_order(self) -> Length:
        if self.min is None and self.max is None:
            raise ValueError("needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min: {self.min:,} is more than max: {self.max:,}, so nothing could stay")
        return self


class InLanguage(Spec):
    """Natural language of the question's prose; code, formulas, addresses and numbers are not looked at."""

    keep: tuple[Annotated[Language, AfterValidator(_known)], ...] = Field(
        default=("en",), min_length=1, description="Languages that stay."
    )
    share: float = Field(default=0.5, gt=0, le=1, description="Least share of the prose that is in one of them.")
    sure: float = Field(
        default=0.5, ge=0, le=1, description="A piece that the model is less sure of counts for nothing."
    )
    unknown: Literal["keep", "drop"] = Field(
        default="keep", description="What becomes of a question whose language cannot be told."
    )


RuleT = TypeVar("RuleT", bound=Spec)


class Clean(Spec):
    """Drop questions that cannot be asked as they stand; the first rule that speaks takes the row."""

    kind: Literal["clean"] = Field(description="Marks this form.")
    no_gold: bool = Field(default=False, description="No gold answer (or no tests) where the verifier needs one.")
    length: Length | None = Field(default=None, description="Characters: min, max or both.")
    garbled: bool | Garbled = Field(default=False, description="Binary or broken encoding.")
    figures: bool | Figures = Field(default=False, description="Needs a figure.")
    links: bool | Links = Field(default=False, description="Holds an address on the web.")
    answer_given: bool = Field(default=False, description='States its own answer ("Answer: 12").')
    several: bool | Several = Field(default=False, description="Several questions in one.")
    proofs: bool | Proofs = Field(default=False, description="A proof where an answer is needed.")
    language: bool | InLanguage = Field(default=False, description="Not in the wanted languages; true = English.")

    @model_validator(mode="after")
    def _says_something(self) -> Clean:
        if not self.rules:
            known = ", ".join(name for name in Clean.model_fields if name != "kind")
            raise ValueError(f"no rule is on; name at least one of {known}")
        return self

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that are on, in the order in which they look at a row."""
        return tuple(name for name in Clean.model_fields if name != "kind" and getattr(self, name) not in (False, None))

    def settings(self, value: bool | RuleT, of: type[RuleT]) -> RuleT:
        """The settings of a rule that is on: those stated, or its defaults."""
        return value if isinstance(value, of) else of()
