"""Arrays kept in files of a folder that is a help and never a hindrance.

What belongs here: npz files (a zip, whose checksums show a torn one) that are written beside their place, synced, then
renamed, so a run that is killed leaves nothing that counts and two processes at once do no harm; and which of them are
old. What cannot be read is None, what cannot be written is not there. Raises nothing.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from resources.artifacts.disk import sync_file

_STALE_SECONDS = 24 * 3600
_UNREADABLE = (
    OSError, ValueError, KeyError, EOFError, IndexError, TypeError, MemoryError, RuntimeError, SyntaxError,
    zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip
"""What a flipped bit in one of numpy's archives can raise."""


def load(path: Path, *names: str) -> tuple[Any, ...] | None:
    """These arrays of a file; None where it is not there, or not what it should be."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return tuple(file[name] for name in names)
    except _UNREADABLE:
        return None


def keep(path: Path, **arrays: Any) -> bool:
    """Writes a file, whole or not at all; whether it is there."""
    beside = path.with_name(f".{path.stem}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            np.savez(file, **arrays)
        sync_file(beside)
        beside.replace(path)
    except OSError:
        return False
    finally:
        remove(beside)
    return True


def oldest_first(folder: Path, prefix: str) -> list[Path]:
    """The folder's files with this beginning; none where it cannot be read. They may be gone when they are opened."""
    found = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(prefix):
                with contextlib.suppress(OSError):
                    found.append((entry.stat().st_mtime_ns, entry.name))
    return [folder / name for _, name in sorted(found)]


def remove(path: Path) -> None:
    """Removes a file, if it is there and can be."""
    with contextlib.suppress(OSError):
        path.unlink()


def remove_torn(folder: Path, prefix: str) -> None:
    """Removes what killed writers left behind, a day later."""
    for path in oldest_first(folder, f".{prefix}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                remove(path)
