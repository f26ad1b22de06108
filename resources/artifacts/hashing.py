"""Hashes of files that lie on disk, and what is wrong with one that is not as its manifest says."""

from __future__ import annotations

import hashlib
from pathlib import Path

from resources.artifacts.manifest import FileInfo


def sha256_file(path: Path) -> str:
    """sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_problem(path: Path, expected: FileInfo) -> str:
    """In words, how the file differs from what was published; empty when it does not."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != expected.bytes:
        return f"has {size} bytes, was published with {expected.bytes}"
    if sha256_file(path) != expected.sha256:
        return "has other content than was published (sha256 differs)"
    return ""
