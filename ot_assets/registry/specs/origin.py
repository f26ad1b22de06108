"""Where the rows of a source or a benchmark come from: a hub data set, files, a generator, a wheel, a forum's dump, books,
a model that writes them.

Belongs here: how rows are found, and which of their columns mean what. How they are read is in ``ot_assets.sourcing``.
Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from ot_assets.registry.specs.base import Key, Seed, Sha256, Spec, Text, canonical_hash, once_each
from ot_assets.registry.specs.written import WrittenOrigin


def relative_path(pattern: str) -> str:
    """A glob as it may stand in a spec. Raises ValueError."""
    if not pattern or pattern.startswith("-"):
        raise ValueError("a path must not be empty or start with '-'")
    return pattern


class HubOrigin(Spec):
    """A data set of the Hugging Face Hub, read by streaming; remote code is never run."""

    kind: Literal["hub"] = Field(description="Marks this form.")
    dataset: Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+)?$")] = Field(
        description="Repository, `owner/name`."
    )
    subset: Text | None = Field(default=None, description="Configuration of the data set, where it has several.")
    split: Text = Field(default="train", description="Split to read.")
    revision: Text | None = Field(default=None, description="Commit or tag; absent = main, recorded when it is read.")
    data_files: tuple[Text, ...] | None = Field(default=None, description="Only these files of the repository.")


class FilesOrigin(Spec):
    """Files on this machine or behind any fsspec address."""

    kind: Literal["files"] = Field(description="Marks this form.")
    paths: tuple[Annotated[str, AfterValidator(relative_path)], ...] = Field(
        min_length=1, description="Globs; relative ones start at the folder of the YAML file."
    )
    format: Literal["parquet", "jsonl", "csv"] | None = Field(default=None, description="Absent = by the suffix.")
    encoding: Text | None = Field(
        default=None,
        description="Of text files, for example `latin-1`; absent = UTF-8, or what a byte order mark says.",
    )

    @model_validator(mode="after")
    def _known_encoding(self) -> FilesOrigin:
        check_encoding(self.encoding)
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_defaults(self, handler(self), "encoding")


Regime = Literal["train", "train-easy", "train-medium", "train-hard", "interpolate", "extrapolate"]
"""Difficulties of mathematics-dataset, as its folders are called."""


class ProceduralOrigin(Spec):
    """A generator. Size and seed are stated, so the rows are the same every time."""

    kind: Literal["procedural"] = Field(description="Marks this form.")
    family: Literal["reasoning-gym", "mathematics-dataset"] = Field(
        default="reasoning-gym", description="Whose generator it is."
    )
    dataset: Text = Field(
        description="Name of the generator, for example `chain_sum`; of mathematics-dataset the difficulty, `train-easy`."
    )
    modules: tuple[Text, ...] = Field(
        default=(), description="Of mathematics-dataset: modules to take in turn, for example `arithmetic__add_or_sub`."
    )
    size: int = Field(gt=0, le=10_000_000, description="How many questions to generate.")
    seed: Seed = Field(description="Seed of the generator.")
    config: Mapping[str, JsonValue] = Field(default={}, description="Further settings, handed to the generator as is.")
    worked: bool = Field(default=False, description="Render worked solutions where we know how to.")

    @model_validator(mode="after")
    def _family_fits(self) -> ProceduralOrigin:
        if self.family == "reasoning-gym":
            if self.modules:
                raise ValueError("modules: is for family: mathematics-dataset")
            return self
        if self.dataset not in get_args(Regime):
            raise ValueError(f"dataset: mathematics-dataset has {', '.join(get_args(Regime))}, not {self.dataset!r}")
        if not self.modules:
            raise ValueError("modules: is needed: which modules of mathematics-dataset to take in turn")
        if len(set(self.modules)) < len(self.modules):
            raise ValueError("modules: one of them stands twice")
        if self.config or self.worked:
            raise ValueError("config: and worked: are for family: reasoning-gym")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_defaults(self, handler(self), "family", "modules")


class WheelOrigin(Spec):
    """Data inside a pinned Python wheel, read as a zip; the package is never imported."""

    kind: Literal["wheel"] = Field(description="Marks this form.")
    package: Text = Field(description="Distribution name.")
    version: Text = Field(description="Exact version.")
    sha256: Sha256 = Field(description="Hash of the wheel; a different file is refused.")
    members: tuple[Text, ...] = Field(min_length=1, description="Globs of files inside the wheel.")
    reader: Literal["jsonl", "doctests", "humaneval", "dialogues", "answers"] = Field(
        description="How a member becomes rows."
    )
    options: Mapping[str, JsonValue] = Field(default={}, description="Settings of the reader.")


class ForumOrigin(Spec):
    """Questions of a forum's dump as Stack Exchange publishes it: a `Posts.xml`, plain or packed."""

    kind: Literal["forum"] = Field(description="Marks this form.")
    paths: tuple[Annotated[str, AfterValidator(relative_path)], ...] = Field(
        min_length=1,
        description="Globs of Posts.xml, plain, .gz, .bz2, .xz, .zst or in a .7z; relative ones start at the YAML's folder.",
    )
    min_score: int | None = Field(default=None, description="Only questions with at least this score.")
    tags: tuple[Text, ...] = Field(default=(), description="Only questions with any of these tags.")
    not_tags: tuple[Text, ...] = Field(default=(), description="Only questions with none of these tags.")
    accepted_only: bool = Field(default=False, description="Only questions with an accepted answer.")
    closed: bool = Field(default=True, description="Whether closed questions (duplicates, off topic) are taken.")
    gold: Literal["none", "boxed"] = Field(
        default="none", description="`boxed`: the last \\boxed{} of the accepted answer is the gold answer."
    )


class PdfOrigin(Spec):
    """Books and papers as PDF: their text, page by page. A row is a document, not yet a question."""

    kind: Literal["pdf"] = Field(description="Marks this form.")
    paths: tuple[Annotated[str, AfterValidator(relative_path)], ...] = Field(
        min_length=1, description="Globs; relative ones start at the folder of the YAML file."
    )
    pages: int = Field(default=1, gt=0, le=1000, description="Pages of one document.")
    min_chars: int = Field(default=1, gt=0, description="A document with fewer characters is no row but a ledger line.")


class ConversationOrigin(Spec):
    """Prompts of people: those that begin an accepted conversation tree, with the best ranked reply as worked solution."""

    kind: Literal["conversation"] = Field(description="Marks this form.")
    languages: tuple[Key, ...] = Field(min_length=1, description="Keys in conversations/, each once.")
    split: Literal["train", "validation", "all"] = Field(default="train", description="Which trees.")

    @model_validator(mode="after")
    def _each_once(self) -> ConversationOrigin:
        once_each(self.languages)
        return self


Origin = Annotated[
    HubOrigin
    | FilesOrigin
    | ProceduralOrigin
    | WheelOrigin
    | ForumOrigin
    | PdfOrigin
    | WrittenOrigin
    | ConversationOrigin,
    Field(discriminator="kind"),
]
LOCAL = (FilesOrigin, ForumOrigin, PdfOrigin)
"""Origins whose relative paths start at the folder of their YAML."""


def generates(origin: Any) -> bool:
    """Whether an origin's reader names the columns of its rows itself, so that a spec need not."""
    if isinstance(origin, WheelOrigin):
        return origin.reader in ("doctests", "humaneval")
    return isinstance(origin, ProceduralOrigin | ForumOrigin | PdfOrigin | WrittenOrigin | ConversationOrigin)


def check_encoding(name: str | None) -> None:
    """Raises ValueError for a text encoding that Python does not know, or that is none of texts."""
    if name is None:
        return
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        raise ValueError(f"encoding: Python knows no text encoding {name!r}") from None


def _without_defaults(spec: Spec, data: dict[str, Any], *names: str) -> dict[str, Any]:
    """Leaves fields out that have their default, so that specs from before there were any keep their hash."""
    fields = type(spec).model_fields
    return {
        name: value for name, value in data.items() if name not in names or getattr(spec, name) != fields[name].default
    }


def origin_identity(origin: Origin, where: Mapping[str, Any]) -> str:
    """Hash under which two origins give the same rows: everything but how they are rendered.

    ``data_files`` and ``members`` are compared as sets, since their order gives no new rows.
    """
    data = origin.to_dict()
    data.pop("worked", None)
    data.pop("format", None)
    for field in ("data_files", "members", "paths", "tags", "not_tags", "languages"):
        if data.get(field):
            data[field] = sorted(set(data[field]))
    return canonical_hash({"origin": data, "where": dict(where)})


class Columns(Spec):
    """Which column of the rows means what. A name that the data does not have is an error when it is read."""

    question: Text | None = Field(default=None, description="Text of the question; absent when a template makes it.")
    gold: Text | None = Field(default=None, description="Right answer.")
    solution: Text | None = Field(default=None, description="Worked solution; what the `reference` teacher answers.")
    options: Text | tuple[Text, ...] | None = Field(
        default=None, description="Choices: one column holding a list or a letter -> text mapping, or a column each."
    )
    gold_is: Literal["letter", "index", "text"] = Field(
        default="letter", description="For choices: the gold is a letter, a position from 0, or the choice's own text."
    )
    verifier_args: Text | None = Field(default=None, description="JSON that the verifier wants (tests, entry, ...).")
    row_id: Text | None = Field(default=None, description="Own id of the row; absent = its position.")
    licence: Text | None = Field(default=None, description="Licence of the single row, where rows differ.")


Cell = str | int | float | bool | None
Where = Mapping[str, Cell | tuple[Cell, ...]]
"""Column -> value or list of values that a row must have. A value that matches no row at all is an error when read."""
