"""The registry and the artifact store that commands work on."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ot_assets.graph import World
from ot_assets.registry import Registry, registry
from resources.artifacts import ArtifactStore
from resources.errors import UserError
from resources.home import Home


def open_world() -> World:
    """The registry as it is now, and the store of `OT_HOME`."""
    return World(registry(), ArtifactStore(Home.from_env().artifacts))


def known(kind: str, key: str, keys: Iterable[str]) -> str:
    """The key, if it is one of `keys`; else a UserError that names the nearest."""
    names = list(keys)
    if key in names:
        return key
    near = get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"{kind} {key!r} is not in the registry", fix=f"{hint}known: {', '.join(names)}")


def known_recipe(world_registry: Registry, key: str) -> str:
    """The key of a recipe that exists."""
    return known("recipe", key, world_registry.recipes)


def known_teacher(world_registry: Registry, key: str) -> str:
    """The key of a teacher that exists."""
    return known("teacher", key, world_registry.teachers)
