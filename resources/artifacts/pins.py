"""Inputs that a publication is reading now, so that garbage collection leaves them alone.

What belongs here: a list in the staging folder of what was opened. It goes when the staging does, so a dead writer pins
nothing for longer than the grace of its leftovers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from resources.artifacts.partition import Partition
from resources.artifacts.places import PINS
from resources.errors import UserError


class Version(NamedTuple):
    """Which artifact."""

    asset: str
    partition: Partition
    artifact_id: str


def pin(staging: Path, version: Version) -> None:
    """Notes that the publication in this staging folder reads an artifact."""
    line = json.dumps([version.asset, version.partition.as_dict(), version.artifact_id]) + "\n"
    with (staging / PINS).open("a", encoding="utf-8") as file:
        file.write(line)


def pinned(staging: Path) -> Iterator[Version]:
    """What a publication has noted. A last line that was cut by a crash is no note."""
    try:
        lines = (staging / PINS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            asset, dims, artifact_id = json.loads(line)
            yield Version(str(asset), Partition(dims), str(artifact_id))
        except (ValueError, TypeError, AttributeError, UserError):
            continue


def unpin(staging: Path) -> None:
    """Ends the notes: what comes next is the artifact itself, whose manifest names its inputs."""
    (staging / PINS).unlink(missing_ok=True)
