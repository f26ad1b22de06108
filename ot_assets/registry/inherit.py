"""Recipes that take over from another what they do not say themselves.

Belongs here: ``base: <recipe key>`` in a recipe's YAML, which is how the rungs of a ladder and the arms of a comparison say
only what differs. Contract: mappings are merged field by field (``parts.math.rows`` overrides that number alone); anything else
(lists, numbers, texts) replaces what the base says, and so does a mapping of another ``kind``; ``null`` takes the base's field
away. ``key`` and ``description`` are never taken over. A base may have a base. Pure: data in, data out; a base that is not
there, or that comes back to itself, becomes a problem of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ot_assets.registry.document import Document
from ot_assets.registry.errors import Problem, suggestion

_OWN = ("key", "description", "base")


def inherit(documents: Mapping[str, Document]) -> tuple[dict[str, Any], list[Problem]]:
    """The data of every recipe with what it takes over, by key, and what is wrong with their bases."""
    problems: list[Problem] = []
    return {key: _whole(key, documents, (), problems) for key in documents}, problems


def merged(base: Any, own: Any) -> Any:
    """What `own` says over what `base` says."""
    if not isinstance(base, Mapping) or not isinstance(own, Mapping):
        return own
    if "kind" in own and own["kind"] != base.get("kind"):
        return own
    found = dict(base)
    for name, value in own.items():
        if value is None and name in found:
            del found[name]
        else:
            found[name] = merged(found.get(name), value)
    return found


def _whole(key: str, documents: Mapping[str, Document], below: tuple[str, ...], problems: list[Problem]) -> Any:
    document = documents[key]
    data = document.data
    if not isinstance(data, Mapping) or not isinstance(base := data.get("base"), str):
        return data
    if base not in documents:
        if not below:
            problems.append(document.problem(("base",), f"no recipe {base!r}{suggestion(base, sorted(documents))}"))
        return data
    if base in (key, *below):
        if base == (*below, key)[0]:  # those that only lead into a circle are not told of it
            problems.append(document.problem(("base",), f"{base!r} is based on {key!r} itself, by way of its own base"))
        return data
    above = _whole(base, documents, (*below, key), problems)
    if not isinstance(above, Mapping):
        return data
    return merged({name: value for name, value in above.items() if name not in _OWN}, data)
