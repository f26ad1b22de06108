"""Which partition of an asset an artifact is.

What belongs here: the name of a partition, as a value, as a folder path and as text. A partition is a set of
(dimension, key) pairs, kept in the order of the dimensions' names, which is how Dagster joins a multi-partition key.
Fails with a UserError when a dimension or key is not a safe folder name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from resources.errors import UserError

_DIMENSION = re.compile(r"[a-z][a-z0-9_]*")
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LONGEST_STEP = 200
"""Bytes of one folder name; file systems allow 255, and staging beside it needs some."""


@dataclass(frozen=True, order=True, init=False)
class Partition:
    """One partition of an asset: `Partition({"source": "aime", "teacher": "r1"})`; `Partition()` when unpartitioned."""

    dims: tuple[tuple[str, str], ...]

    def __init__(self, dims: Mapping[str, str] | None = None) -> None:
        pairs = tuple(sorted((dims or {}).items()))
        for dim, key in pairs:
            _check(dim, key)
        object.__setattr__(self, "dims", pairs)

    @classmethod
    def from_path(cls, path: str) -> Partition:
        """The partition that `path()` names; raises UserError when a step of the path is not `dim=key`."""
        steps = [step.partition("=") for step in path.split("/") if step]
        if any(not separator for _, separator, _ in steps) or len({dim for dim, _, _ in steps}) != len(steps):
            raise UserError(f"{path!r} is not a partition path", fix="write it as dim=key/dim=key")
        return cls({dim: key for dim, _, key in steps})

    @staticmethod
    def is_step(name: str) -> bool:
        """Whether a folder's name is `dim=key`."""
        dim, separator, key = name.partition("=")
        return bool(separator and _DIMENSION.fullmatch(dim) and _KEY.fullmatch(key))

    def path(self) -> str:
        """Folder path below the asset: `source=aime/teacher=r1`, empty when unpartitioned."""
        return "/".join(f"{dim}={key}" for dim, key in self.dims)

    def as_dict(self) -> dict[str, str]:
        """Dimension -> key."""
        return dict(self.dims)

    def __getitem__(self, dim: str) -> str:
        return self.as_dict()[dim]

    def __iter__(self) -> Iterator[str]:
        return iter(dim for dim, _ in self.dims)

    def __str__(self) -> str:
        return "|".join(key for _, key in self.dims) or "-"


def _check(dim: str, key: str) -> None:
    if not _DIMENSION.fullmatch(dim):
        raise UserError(f"partition dimension {dim!r} is not a name", fix=f"it must match {_DIMENSION.pattern}")
    if not _KEY.fullmatch(key):
        raise UserError(f"partition key {dim}={key!r} cannot be a folder name", fix=f"it must match {_KEY.pattern}")
    if len(f"{dim}={key}") > _LONGEST_STEP:
        raise UserError(
            f"partition key {dim}={key[:40]}… is {len(key)} characters long",
            fix=f"dimension and key together may have {_LONGEST_STEP - 1}",
        )
