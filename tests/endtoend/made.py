"""The house after one whole `ot run sums`: made once a session, looked at by many tests, copied by those that change it."""

from __future__ import annotations

import fcntl
import functools
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.endtoend.house import House, Said, build
from tests.endtoend.server import endpoint
from tests.resources.training.conftest import build_base


@dataclass(frozen=True)
class Made:
    """The house, what the first run said, and what it asked the endpoint."""

    house: House
    said: Said
    asked: tuple[dict[str, Any], ...]
    keys_sent: frozenset[str]


@functools.cache
def tiny_base(root: Path) -> Path:
    """The random llama that students start from."""
    return build_base(root / "tiny-llama")


@functools.cache
def made_house(basetemp: Path) -> Made:
    """Both test folders ask for it; it is made once for a run of the tests, however many processes that run has."""
    root = basetemp.parent if "PYTEST_XDIST_WORKER" in os.environ else basetemp
    with (root / "made.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        saved = root / "made.pickle"
        if not saved.exists():
            saved.write_bytes(pickle.dumps(_make(root)))
        made: Made = pickle.loads(saved.read_bytes())
        return made


def _make(root: Path) -> Made:
    folder = root / "made"
    folder.mkdir()
    with endpoint() as server:
        house = build(folder, tiny_base(root), server.url)
        said = house.ot("run", "sums")
        return Made(house, said, tuple(server.bodies), frozenset(server.keys_seen))
