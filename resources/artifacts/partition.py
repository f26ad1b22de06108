"""Which partition of an asset an artifact is.

What belongs here: the name of a partition, as a value, as a folder path and as text. A partition is a set of (dimension, key) pairs,
kept in the order of the dimensions' names, which is the order in which Dagster joins a multi-partition key.
Fails with a UserError when a dimension or key is not a safe folder name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from resources.errors import UserError

_DIMENSION = re.compile(r"^[a-z][a-z0-9_]*$")
_KEY = re.compile(r"^[a-z0-9][a-z0-9._-]*$")


@dataclass(frozen=True, order=True, init=False)
class Partition:
    """One partition of an asset: `Partition({"source": "aime", "teacher": "r1"})`; `Partition()` is the whole of an unpartitioned one."""

    dims: tuple[tuple[str, str], ...]

    def __init__(self, dims: Mapping[str, str] | None = None) -> None:
        pairs = tuple(sorted((dims or {}).items()))
        for dim, key in pairs:
            if not _DIMENSION.match(dim) or dim != dim.strip():
                raise UserError(
                    f"partition dimension {dim!r} is not a name",
                    fix=f"use letters a-z, digits and _: {_DIMENSION.pattern}",
                )
            if not _KEY.match(key) or key != key.strip():
                raise UserError(
                    f"partition key {dim}={key!r} cannot be a folder name",
                    fix=f"use lower-case letters, digits, '.', '_' and '-': {_KEY.pattern}",
                )
        object.__setattr__(self, "dims", pairs)

    @classmethod
    def from_path(cls, path: str) -> Partition:
        """The partition that `path()` names; raises UserError when a step of the path is not `dim=key`."""
        steps = [step for step in path.split("/") if step]
        pairs = [step.partition("=") for step in steps]
        if any(not separator for _, separator, _ in pairs) or len({dim for dim, _, _ in pairs}) != len(pairs):
            raise UserError(f"{path!r} is not a partition path", fix="write it as dim=key/dim=key")
        return cls({dim: key for dim, _, key in pairs})

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

    def __len__(self) -> int:
        return len(self.dims)

    def __bool__(self) -> bool:
        return bool(self.dims)

    def __str__(self) -> str:
        return "|".join(key for _, key in self.dims) or "-"
