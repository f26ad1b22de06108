"""Where the rows of a source or a benchmark come from: a hub data set, files, a procedural generator, or a wheel.

Belongs here: how rows are found, and which of their columns mean what. How they are read is in ``ot_assets.sourcing``.
Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from ot_assets.registry.specs.base import Seed, Sha256, Spec, Text, canonical_hash


def _relative(pattern: str) -> str:
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
    paths: tuple[Annotated[str, AfterValidator(_relative)], ...] = Field(
        min_length=1, description="Globs; relative ones start at the folder of the YAML file."
    )
    format: Literal["parquet", "jsonl", "csv"] | None = Field(default=None, description="Absent = by the suffix.")


class ProceduralOrigin(Spec):
    """A reasoning-gym generator. Size and seed are stated, so the rows are the same every time."""

    kind: Literal["procedural"] = Field(description="Marks this form.")
    dataset: Text = Field(description="Name of the generator, for example `chain_sum`.")
    size: int = Field(gt=0, le=10_000_000, description="How many questions to generate.")
    seed: Seed = Field(description="Seed of the generator.")
    config: Mapping[str, JsonValue] = Field(default={}, description="Further settings, handed to the generator as is.")
    worked: bool = Field(default=False, description="Render worked solutions where we know how to.")


class WheelOrigin(Spec):
    """Data inside a pinned Python wheel, read as a zip; the package is never imported."""

    kind: Literal["wheel"] = Field(description="Marks this form.")
    package: Text = Field(description="Distribution name.")
    version: Text = Field(description="Exact version.")
    sha256: Sha256 = Field(description="Hash of the wheel; a different file is refused.")
    members: tuple[Text, ...] = Field(min_length=1, description="Globs of files inside the wheel.")
    reader: Literal["jsonl", "doctests"] = Field(description="How a member becomes rows.")
    options: Mapping[str, JsonValue] = Field(default={}, description="Settings of the reader.")


Origin = Annotated[HubOrigin | FilesOrigin | ProceduralOrigin | WheelOrigin, Field(discriminator="kind")]


def origin_identity(origin: Origin, where: Mapping[str, Any]) -> str:
    """Hash under which two origins give the same rows: everything but how they are rendered.

    ``data_files`` and ``members`` are compared as sets, since their order gives no new rows.
    """
    data = origin.to_dict()
    data.pop("worked", None)
    data.pop("format", None)
    for field in ("data_files", "members", "paths"):
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
