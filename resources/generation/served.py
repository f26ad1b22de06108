"""Whether an endpoint serves another model than the one that is asked for, by its list of models.

Contract: pure, and sure: only a list with a single model whose names have nothing to do with the asked one is a mismatch.
Routers list aliases or only a part, and llama.cpp lists a path; those are believed.
"""

from __future__ import annotations

import json
from typing import Any


def another_model(body: bytes, asked: str) -> str | None:
    """The one model that `body` (of `/v1/models`) lists when it clearly is another than `asked`, else None."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    listed = value.get("data") if isinstance(value, dict) else None
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
        return None
    names = [listed[0].get(field) for field in ("id", "root", "parent", "name")]
    aliases = listed[0].get("aliases")
    names += aliases if isinstance(aliases, list) else []
    known = [name for name in names if isinstance(name, str) and name]
    if not known or any(_alike(name, asked) for name in known):
        return None
    return known[0]


def _alike(one: str, other: str) -> bool:
    """Whether the last part of one name, without its kind of file, is within the other."""
    one, other = _stem(one), _stem(other)
    return one in other or other in one


def _stem(name: str) -> str:
    last = name.lower().replace("\\", "/").rstrip("/").rpartition("/")[2]
    return last.removesuffix(".gguf").partition("@")[0].partition(":")[0]
