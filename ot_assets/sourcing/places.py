"""Which files the globs of an origin name: on this machine or behind any fsspec address, each once, by name.

A file's name is its path relative to the folder of the YAML, so that it is the same on every machine and no machine path
gets into the data. Fails with UserError: a glob that no file matches, two files of one name, an address that cannot be
reached, a file that is torn while it is unpacked.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath
from typing import IO, Any

from resources.errors import UserError

PACKED = frozenset({".gz", ".zst", ".bz2", ".xz"})
"""Suffixes of files that are unpacked as they are read."""


@dataclass(frozen=True)
class Place:
    """One file."""

    system: Any
    """Its fsspec file system."""
    path: str
    """Its path there."""
    name: str
    """What rows call it."""

    @property
    def suffixes(self) -> list[str]:
        """Its suffixes in lower case, without those of packing."""
        found = [suffix.lower() for suffix in PurePosixPath(self.name).suffixes]
        while found and found[-1] in PACKED:
            found.pop()
        return found

    @property
    def local(self) -> Path | None:
        """Its path, where it lies on this machine."""
        return Path(self.path) if "file" in _protocols(self.system) else None

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        """The file as bytes, unpacked. `key` is the source that errors name."""
        try:
            with self.system.open(self.path, "rb", compression="infer") as stream:
                yield stream
        except (OSError, EOFError, ValueError, zlib.error, _zstd_error()) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{key}: {self.name} cannot be read: {error}", fix="mend or remove the file") from error


def find_places(key: str, paths: Sequence[str], base: Path, *, field: str = "origin.paths") -> list[Place]:
    """The files that globs name, each once, by name. `key` is the source, and `field` its field, that errors name."""
    found: dict[str, Place] = {}
    for pattern in paths:
        hits = _matches(key, pattern, base)
        if not hits:
            raise UserError(
                f"{key}: no file matches {pattern!r}" + ("" if "://" in pattern else f" in {base}"),
                fix=f"correct {field} in {key}.yaml",
            )
        for place in hits:
            there = found.setdefault(place.name, place)
            if there.path != place.path and Path(there.path).resolve() != Path(place.path).resolve():
                raise UserError(
                    f"{key}: {there.path} and {place.path} are both called {place.name} in the data",
                    fix="rename one of them, or put them below the folder of the YAML",
                )
    return [found[name] for name in sorted(found)]


def _matches(key: str, pattern: str, base: Path) -> list[Place]:
    import fsspec

    if "://" not in pattern:
        system, root = fsspec.filesystem("file"), base.resolve()
        wanted = os.path.normpath(Path(escape(str(root))) / pattern)
        paths = [Path(path) for path in system.glob(wanted) if system.isfile(path)]
        return [Place(system, str(path), _relative(path, root, pattern)) for path in paths]
    try:
        system, path = fsspec.core.url_to_fs(pattern)
        hits = [hit for hit in system.glob(path) if system.isfile(hit)]
    except (OSError, ValueError, ImportError) as error:
        raise UserError(
            f"{key}: {pattern} cannot be reached: {error}", fix="check the address and the connection"
        ) from error
    return [Place(system, hit, system.unstrip_protocol(hit)) for hit in hits]


def _relative(path: Path, base: Path, pattern: str) -> str:
    """A path from the YAML's folder where it lies in it or is named from there (`../x`), else only its name: no machine
    path gets into the data.
    """
    from_there = path.is_relative_to(base) or not Path(pattern).is_absolute()
    return Path(os.path.relpath(path, base)).as_posix() if from_there else path.name


def _protocols(system: Any) -> tuple[str, ...]:
    protocol = system.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _zstd_error() -> type[Exception]:
    """What a torn .zst raises: no kind of OSError."""
    import zstandard

    return zstandard.ZstdError
