"""``SourceSpec``: where questions come from and what is known about them. One YAML in ``sources/`` each.

Fails with pydantic's ``ValidationError``: a verifier without the columns that it needs, a source with neither a
question column nor a template, a licence that is not stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, JsonValue, model_validator

from ot_assets.registry.specs.base import Domain, Key, Language, Licence, Rows, Spec, Text, VerifierName, canonical_hash
from ot_assets.registry.specs.judge import JudgeSpec
from ot_assets.registry.specs.origin import (
    Columns,
    ConversationOrigin,
    Origin,
    PdfOrigin,
    ProceduralOrigin,
    Where,
    generates,
    origin_identity,
)
from ot_assets.registry.specs.written import WrittenOrigin
from ot_assets.verification import args


class QuestionSet(Spec):
    """What a source and a benchmark have in common: rows from an origin, put into one shape."""

    key: Key = Field(description="Permanent name; equals the file name.")
    description: Text = Field(description="What it is, in a sentence or two.")
    domain: Domain = Field(description="Which part of a training set its questions belong to.")
    licence: Licence = Field(description="Licence of the data (not of its packaging): SPDX, `unknown`, `other:<text>`.")
    language: Language = Field(default="en", description="BCP-47 tag of the questions.")
    homepage: Text | None = Field(default=None, description="Where to read about it.")
    origin: Origin = Field(description="Where the rows are.")
    where: Where = Field(default={}, description="Keep only rows with these values.")
    columns: Columns = Field(default=Columns(), description="Which column means what.")
    question_template: Text | None = Field(
        default=None, description="str.format over the row's columns, for questions made of several."
    )
    verifier: VerifierName = Field(default="none", description="How an answer is judged.")
    verifier_args: Mapping[str, JsonValue] = Field(
        default={},
        description="Settings of the verifier for all rows; a row's own (columns.verifier_args) come before.",
    )
    rows: Rows | None = Field(default=None, description="Rows as they lie, for planning only.")
    distinct: Rows | None = Field(
        default=None, description="Questions once identical rows are one, for planning only; absent = rows."
    )
    question_tokens: int | None = Field(default=None, gt=0, description="Typical tokens of a question, for planning.")
    tags: tuple[Text, ...] = Field(default=(), description="Free words.")

    @model_validator(mode="after")
    def _columns_fit(self) -> QuestionSet:
        if self.rows is not None and self.distinct is not None and self.distinct > self.rows:
            raise ValueError(f"distinct: {self.distinct:,} is more than rows: {self.rows:,}")
        judges_itself = isinstance(self.origin, ProceduralOrigin) and self.origin.family == "reasoning-gym"
        if self.verifier == "procedural" and not judges_itself:
            raise ValueError(
                "verifier: procedural needs origin.kind: procedural (the generator judges its own answers)"
            )
        if isinstance(self.origin, PdfOrigin) and self.verifier != "none":
            raise ValueError(f"verifier: {self.verifier} needs answers, and pages of a PDF have none")
        if isinstance(self.origin, WrittenOrigin):
            self._written_fits(self.origin)
        if isinstance(self.origin, ConversationOrigin) and self.verifier in ("math", "choice", "exact", "regex"):
            raise ValueError(f"verifier: {self.verifier} needs gold answers, and conversations have replies only")
        if generates(self.origin):
            return self
        if self.columns.question is None and self.question_template is None:
            raise ValueError("columns.question or question_template is needed")
        if self.verifier in ("math", "choice", "exact") and self.columns.gold is None:
            raise ValueError(f"verifier: {self.verifier} needs columns.gold")
        return self

    def _written_fits(self, origin: WrittenOrigin) -> None:
        if self.verifier in ("math", "choice", "exact", "regex") and not origin.gives_gold:
            raise ValueError(f"verifier: {self.verifier} needs gold answers: origin.answers: true, or origin.agree")
        if origin.agree is not None and self.verifier not in ("math", "choice", "exact"):
            raise ValueError("origin.agree: answers are compared by a verifier: say verifier: math, choice or exact")
        if self.where or self.question_template is not None or self.columns != Columns():
            raise ValueError("where, columns and question_template are for rows that are read, not written")

    @model_validator(mode="after")
    def _settings_fit(self) -> QuestionSet:
        if self.verifier not in args.KINDS and self.verifier_args:
            raise ValueError(f"verifier_args: {self.verifier} takes no settings; {', '.join(args.KINDS)} do")
        fault = args.check(self.verifier, self.verifier_args, whole=self.columns.verifier_args is None)
        if fault:
            raise ValueError(f"verifier_args: {fault}")
        return self

    @property
    def size(self) -> int | None:
        """Questions to expect: as declared, or what the generator is asked for; None when nobody said."""
        declared = self.distinct if self.distinct is not None else self.rows
        if declared is None and isinstance(self.origin, ProceduralOrigin | WrittenOrigin):
            return self.origin.size
        return declared

    @property
    def has_reference(self) -> bool:
        """Whether the ``reference`` teacher has something to answer with: a worked solution or a gold answer."""
        if isinstance(self.origin, PdfOrigin):
            return False
        if isinstance(self.origin, WrittenOrigin):
            return self.origin.gives_gold
        own = generates(self.origin) and self.columns.question is None
        return own or self.columns.solution is not None or self.columns.gold is not None

    @property
    def parents(self) -> tuple[str, ...]:
        """Keys of the sources that its questions are written from."""
        above = self.origin.parents.source if isinstance(self.origin, WrittenOrigin) else None
        return (above,) if above is not None else ()

    @property
    def conversations(self) -> tuple[str, ...]:
        """Keys of the conversations that its questions are prompts of."""
        return self.origin.languages if isinstance(self.origin, ConversationOrigin) else ()

    @property
    def rows_identity(self) -> str:
        """Equal for two question sets that read the same rows."""
        return origin_identity(self.origin, self.where)

    def content(self) -> dict[str, Any]:
        """Only the fields that change the questions: description, homepage, declared sizes and tags do not."""
        fields = self.picked(
            "key", "domain", "licence", "language", "origin", "where", "columns", "question_template", "verifier"
        )
        return {**fields, **(self.picked("verifier_args") if self.verifier_args else {})}

    @property
    def content_hash(self) -> str:
        """Hash of ``content``."""
        return canonical_hash(self.content())


class SourceSpec(QuestionSet):
    """A source of questions to train on."""

    judge: JudgeSpec | None = Field(default=None, description="Who judges, for verifier: judge.")

    @model_validator(mode="after")
    def _judge_fits(self) -> SourceSpec:
        if self.verifier == "judge" and self.judge is None:
            raise ValueError("verifier: judge needs judge: {teacher: a key in teachers/}")
        if self.judge is not None and self.verifier != "judge":
            raise ValueError(f"judge: is for verifier: judge, and this source says verifier: {self.verifier}")
        return self
