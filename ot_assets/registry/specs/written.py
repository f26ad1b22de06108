"""``WrittenOrigin``: questions that a model writes, from seed questions, documents, a tree of topics, or personas.

Belongs here: who writes, from what, how many, and what is done to what was written before it is a question. How it is asked
is in ``ot_assets.sourcing.written``. Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    StringConstraints,
    Tag,
    model_serializer,
    model_validator,
)

from ot_assets.registry.specs.base import Key, Rows, Seed, Spec, Text

Method = Literal["like", "harder", "easier", "rewritten"]
"""What a model makes of seed questions: new ones like these, or each one harder, easier, or in other words."""

PLACEHOLDERS = {
    "questions": "{questions}",
    "documents": "{document}",
    "topics": "{topic}",
    "personas": "{persona}",
}
"""Kind of parent -> where it is put into a prompt."""

TOPIC_JOINT = " / "
"""Stands between the levels of a topic's name."""

_Path = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^-]")]


def _form(value: Any) -> str:
    return "one" if isinstance(value, str) else "several"


def leaves(tree: JsonValue, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Names of a topic tree's leaves, `Physics / Mechanics / Friction`, in the order in which they stand.

    A tree is a mapping of names to trees, a list of names and mappings, a name, or nothing (its name is the leaf).
    ValueError for anything else, and for a name that is empty.
    """
    if isinstance(tree, Mapping):
        for name, below in tree.items():
            yield from leaves(below, (*above, _named(name)))
    elif isinstance(tree, list | tuple):
        for one in tree:
            yield from leaves(one, above)
    elif tree is None and above:
        yield TOPIC_JOINT.join(above)
    else:
        yield TOPIC_JOINT.join((*above, _named(tree)))


def _named(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"a topic is a name, a list of names, or a mapping of names, not {name!r}")
    return name.strip()


def _tree(tree: JsonValue) -> JsonValue:
    found = list(leaves(tree))
    if not found:
        raise ValueError("the tree has no topic")
    twice = next((name for i, name in enumerate(found) if name in found[:i]), None)
    if twice is not None:
        raise ValueError(f"the topic {twice!r} stands twice")
    return tree


class Parents(Spec):
    """What a call of the writer is shown: exactly one of questions, documents, topics and personas."""

    questions: Key | None = Field(default=None, description="Key in sources/: its questions are the seeds.")
    seeds: int = Field(default=1, ge=1, le=20, description="Seed questions a call, for method: like.")
    documents: (
        Annotated[Annotated[Key, Tag("one")] | Annotated[tuple[_Path, ...], Tag("several")], Discriminator(_form)]
        | None
    ) = Field(
        default=None,
        description="Globs of text, Markdown and PDF files beside the YAML; or a key in sources/ whose rows are texts.",
    )
    characters: int = Field(default=6_000, ge=200, le=200_000, description="Longest passage of a document a call.")
    refine: Key | None = Field(
        default=None, description="Teacher that rewords what was pulled out of a document so that it stands alone."
    )
    check: Key | None = Field(
        default=None, description="Teacher that says whether the document supports the answer; absent = the writer."
    )
    topics: Annotated[JsonValue, AfterValidator(_tree)] | None = Field(
        default=None, description="Tree of topics: names, lists of names, mappings of names to trees."
    )
    expand: int | None = Field(default=None, ge=1, le=200, description="Topics that the writer puts below each leaf.")
    personas: (
        Annotated[Annotated[_Path, Tag("one")] | Annotated[tuple[Text, ...], Tag("several")], Discriminator(_form)]
        | None
    ) = Field(default=None, description="Who might ask: a list, or a text file beside the YAML with one a line.")
    about: Text | None = Field(default=None, description="What the questions are about, for personas.")

    @model_validator(mode="after")
    def _one_kind(self) -> Parents:
        given = [name for name in PLACEHOLDERS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"from: names one of {', '.join(PLACEHOLDERS)}{f', not {given}' if given else ''}")
        theirs = {
            "questions": ("seeds",),
            "documents": ("characters", "refine", "check"),
            "topics": ("expand",),
            "personas": ("about",),
        }
        for kind, names in theirs.items():
            stray = [name for name in names if name in self.model_fields_set]
            if stray and kind != given[0]:
                raise ValueError(f"from.{stray[0]} belongs to {kind}")
        if self.documents == () or self.personas == ():
            raise ValueError(f"from.{given[0]} is empty")
        files = self.documents if isinstance(self.documents, tuple) else (self.personas,)
        address = next((path for path in files if isinstance(path, str) and "://" in path), None)
        if address is not None:
            raise ValueError(f"from.{given[0]}: {address} is an address; name files of this machine")
        return self

    @property
    def kind(self) -> str:
        """`questions`, `documents`, `topics` or `personas`."""
        return next(name for name in PLACEHOLDERS if getattr(self, name) is not None)

    @property
    def source(self) -> str | None:
        """Key of the source whose rows are the parents; None where they are no source's."""
        return self.questions or (self.documents if isinstance(self.documents, str) else None)

    @property
    def known(self) -> int | None:
        """How many parents there are, where the spec alone says it."""
        if self.topics is not None:
            return len(list(leaves(self.topics))) * (self.expand or 1)
        return len(self.personas) if isinstance(self.personas, tuple) else None


class Near(Spec):
    """When something written is too like its parent, or like something written before it, to be a question of its own."""

    method: Literal["numbers", "fuzzy"] = Field(
        default="numbers",
        description="`fuzzy`: by their letters alone; `numbers`: and never when numbers, operators or negations differ.",
    )
    threshold: float = Field(default=90, gt=0, le=100, description="Similarity in percent from which one is a copy.")


class Agree(Spec):
    """A question stays when several answers of a teacher agree; that answer becomes its gold answer."""

    teacher: Key = Field(description="Key in teachers/.")
    answers: int = Field(default=2, ge=1, le=16, description="Answers a question; with a written answer 1 is enough.")


class WrittenOrigin(Spec):
    """Questions that a model writes. The same spec makes the same calls, so it is paid once."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    kind: Literal["written"] = Field(description="Marks this form.")
    teacher: Key = Field(description="Key in teachers/: who writes, with its system prompt and sampling.")
    parents: Parents = Field(alias="from", description="From what: questions, documents, topics or personas.")
    method: Method = Field(default="like", description="What is made of seed questions.")
    rows: Rows | None = Field(
        default=None, description="Questions that are wanted; absent = what one call a parent brings."
    )
    per_call: int = Field(default=1, ge=1, le=100, description="Questions asked for in one call.")
    reply: Literal["json", "lines"] = Field(
        default="json", description="`lines`: a question a line, for models that cannot write JSON."
    )
    answers: bool = Field(default=False, description="Have an answer written too; it becomes the gold answer.")
    prompt: Text | None = Field(
        default=None, description="Other words for the call, with {questions}, {document}, {topic} or {persona}; {n}."
    )
    attempts: int = Field(default=2, ge=1, le=10, description="Times a call is made until its reply reads.")
    most_calls: int | None = Field(
        default=None, gt=0, description="Calls at most; absent = twice as many as rows take when all are kept."
    )
    longest: int = Field(default=8_000, ge=20, le=1_000_000, description="Longest question, in characters.")
    near: Near | None = Field(default=Near(), description="Near copies that are dropped; null = none.")
    agree: Agree | None = Field(default=None, description="Keep a question only when answers to it agree.")
    seed: Seed = Field(default=42, description="Decides the order of the parents and which seeds meet in a call.")

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        return {"from" if name == "parents" else name: value for name, value in data.items()}

    @model_validator(mode="after")
    def _fits(self) -> WrittenOrigin:
        if self.method != "like" and self.parents.questions is None:
            raise ValueError(f"method: {self.method} needs from: {{questions: a key in sources/}}")
        if self.method != "like" and self.parents.seeds != 1:
            raise ValueError(f"from.seeds: method: {self.method} is about one question a call")
        if self.reply == "lines" and self.answered:
            why = "documents bring answers" if self.parents.documents is not None else "answers: true"
            raise ValueError(f"reply: lines has no place for answers ({why}); say reply: json")
        if self.agree is not None and self.agree.answers < 2 and not self.answered:
            raise ValueError("agree.answers: one answer agrees with nothing; 2 or more, or have answers written too")
        return self

    @model_validator(mode="after")
    def _prompt_fits(self) -> WrittenOrigin:
        wanted = PLACEHOLDERS[self.parents.kind]
        if self.prompt is not None and wanted not in self.prompt:
            raise ValueError(f"prompt: must hold {wanted}")
        return self

    @property
    def answered(self) -> bool:
        """Whether an answer is written with each question."""
        return self.answers or self.parents.documents is not None

    @property
    def gives_gold(self) -> bool:
        """Whether its questions come with gold answers."""
        return self.answered or self.agree is not None

    @property
    def size(self) -> int | None:
        """Questions to expect at most; None where the parents would have to be counted."""
        known = self.parents.known
        return self.at_most(self.rows if self.rows is not None else None if known is None else known * self.per_call)

    def at_most(self, questions: int | None) -> int | None:
        """So many questions, or those of `most_calls` where they are fewer; None where nobody knows how many."""
        if questions is None or self.most_calls is None:
            return questions
        return min(questions, self.most_calls * self.per_call)

    @property
    def writers(self) -> tuple[str, ...]:
        """Teachers whose words are in the questions or their gold answers, each once."""
        agree = self.agree.teacher if self.agree is not None else None
        return tuple(dict.fromkeys(key for key in (self.teacher, self.parents.refine, agree) if key))

    @property
    def asked(self) -> tuple[str, ...]:
        """Every teacher that is asked, each once."""
        return tuple(dict.fromkeys(key for key in (*self.writers, self.parents.check) if key))
