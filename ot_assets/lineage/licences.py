"""Which licence a student's card may state.

Belongs here: the rule of DESIGN contract 10. The licence of sources, of the teacher's output and of the base model
all travel to the student. A card states one only when all of them are the same and that one asks for nothing but
attribution; everything else is `other`, with all of them listed. This is bookkeeping, not legal advice. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PERMISSIVE = {
    name.lower(): name.lower()
    for name in (
        *("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "ISC", "Zlib", "BSL-1.0", "NCSA"),
        *("CC0-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "PDDL", "ODC-By", "Unlicense", "WTFPL"),
        *("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "MS-PL", "PostgreSQL", "AFL-3.0", "ECL-2.0"),
    )
} | {"pddl-1.0": "pddl", "odc-by-1.0": "odc-by", "bsl-1.0": "bsl-1.0"}
"""SPDX id, in lower case, of a licence without copyleft or limits on use -> the hub's name for it."""

_NAME = 90


@dataclass(frozen=True)
class Stated:
    """What the front matter says: the hub's licence id, a name when that is `other`, and every licence behind it."""

    licence: str
    name: str | None
    all: tuple[str, ...]


def separate(licences: Iterable[str]) -> tuple[str, ...]:
    """The single licences of SPDX expressions joined by AND, each once and sorted. A choice (OR) or exception (WITH)
    stays as it is.
    """
    found: set[str] = set()
    for licence in licences:
        whole = licence.startswith("other:") or re.search(r"\b(OR|WITH)\b|[()]", licence)
        parts = [licence] if whole else re.split(r"\s+AND\s+", licence)
        found.update(part.strip() for part in parts if part.strip())
    return tuple(sorted(found, key=lambda name: (name.lower(), name)))


def stated(licences: Iterable[str]) -> Stated:
    """What a card may state for something that comes under all of these."""
    every = separate(licences)
    if len(every) == 1 and every[0].lower() in PERMISSIVE:
        return Stated(PERMISSIVE[every[0].lower()], None, every)
    slugs = [slug for name in every if (slug := re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-."))]
    name = "-and-".join(slugs)
    return Stated("other", name if name and len(name) <= _NAME else "several-licences" if every else "unknown", every)
