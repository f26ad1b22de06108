"""Which code and which libraries made an artifact.

What belongs here: facts about this process, found once and never at the price of a failure: what cannot be found is left out.
Nothing is imported for its version, and nothing of the environment is recorded.
"""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

PACKAGES = (
    "ot-assets",
    "polars",
    "pyarrow",
    "pandera",
    "dagster",
    "datasets",
    "torch",
    "transformers",
    "trl",
    "vllm",
    "math-verify",
    "reasoning-gym",
)
_FOLDERS = ("ot_assets", "resources", "schemas")
_TIMEOUT = 20


class Commit(NamedTuple):
    """The commit of the code, and whether files differ from it; both None outside git."""

    commit: str | None
    dirty: bool | None


@functools.cache
def versions() -> dict[str, str]:
    """Name -> version of Python and of the installed packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def commit() -> Commit:
    """The commit that this package's own files are tracked in, once a process."""
    return commit_of(Path(__file__).resolve().parents[2])


def commit_of(folder: Path) -> Commit:
    """The commit of the code under `folder`.

    None when git does not track it: a copy that is installed inside another repository is not that repository's code.
    """
    tracked = _git(folder, "ls-files", "--", *_FOLDERS)
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    if not tracked or not head:
        return Commit(None, None)
    changed = _git(folder, "status", "--porcelain", "--", *_FOLDERS)
    return Commit(head, None if changed is None else bool(changed))


def _git(folder: Path, *args: str) -> str | None:
    """Output of a git command that only reads, or None when it cannot be had."""
    # A hook's GIT_DIR would point at another repository; optional locks would get in the way of a commit that is being made.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args],
            capture_output=True,
            timeout=_TIMEOUT,
            env=env,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
