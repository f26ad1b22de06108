"""Language tags: one way of writing each, and the partition key of one.

Belongs here: `normalised` (BCP 47's recommended case: `pt-BR`, `zh-Hans-CN`), `key_of` (a tag as a partition key, lower case)
and `matches`. A region is never dropped: `pt-BR` is not `pt`, though who filters by `pt` gets both (RFC 4647, basic
filtering), and by `pt-BR` only that. Pure; raises nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TAG = re.compile(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$")


@lru_cache(maxsize=1000)
def normalised(tag: str) -> str | None:
    """The tag in its usual case, `_` as `-`; None where it is no tag."""
    tag = tag.strip()
    if not _TAG.match(tag):
        return None
    parts = tag.replace("_", "-").split("-")
    # What stands after a single letter or digit (an extension, or private use) is no region or script.
    plain = next((place for place, part in enumerate(parts) if len(part) == 1), len(parts))
    return "-".join([parts[0].lower(), *map(_part, parts[1:plain]), *(part.lower() for part in parts[plain:])])


def key_of(tag: str) -> str:
    """The partition key of a normalised tag: `pt-BR` -> `pt-br`."""
    return tag.lower()


def matches(tag: str, wanted: str) -> bool:
    """Whether a normalised tag is the wanted one, or a more special one: `pt-BR` matches `pt`, not the other way."""
    return tag == wanted or tag.startswith(wanted + "-")


def _part(part: str) -> str:
    if len(part) == 2 and part.isalpha():
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()
