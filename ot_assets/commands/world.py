"""The registry and the artifact store that commands work on."""

from __future__ import annotations

from ot_assets.graph import World
from ot_assets.registry import registry
from resources.artifacts import ArtifactStore
from resources.home import Home


def open_world() -> World:
    """The registry as it is now, and the store of `OT_HOME`."""
    return World(registry(), ArtifactStore(Home.from_env().artifacts))
