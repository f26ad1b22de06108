"""Where the rows come from, under which licence, what was wrong with a source and what it could not give.

Belongs here: what manifests and ledgers of sources say. Contract: every source of the recipe has an entry, also one
that is not made; problems are ledger rows of sourcing by rule, with a few examples. Reads a ledger's first rows only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.report.stages import Stages
from resources.artifacts import Artifact

EXAMPLES = 3
_TOLD_ELSEWHERE = ("notes", "examples", "not_selected", "asked")


@dataclass(frozen=True)
class Problem:
    """A rule by which rows of a source could not be read or used, and some of them: (place, what was wrong)."""

    rule: str
    rows: int
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SourceEntry:
    """One source; `licences` None where it is not made."""

    key: str
    origin: str
    licences: tuple[str, ...] | None
    rows_read: int | None
    rows: int | None
    notes: tuple[tuple[str, str], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Short:
    """A source that gave a part fewer rows than its share, or was repeated to give them."""

    part: str
    source: str
    rows: int
    copies: int
    short: int


def source_entries(stages: Stages) -> list[SourceEntry]:
    """Every source of the recipe, in its order."""
    return [_entry(key, stages.sourced.get(key)) for key in stages.sources]


def shortfalls(stages: Stages) -> list[Short]:
    """Draws that came out short, or repeated a source."""
    if stages.pool is None:
        return []
    draws = stages.pool.manifest.stats.get("draws") or ()
    named = [Short(d["part"], d["source"], d["rows"], d.get("copies", 0), d.get("short", 0)) for d in draws]
    return [one for one in named if one.short or one.copies]


def _entry(key: str, artifact: Artifact | None) -> SourceEntry:
    if artifact is None:
        return SourceEntry(key, "", None, None, None, (), ())
    m = artifact.manifest
    spec = m.spec.get("source") or {}
    return SourceEntry(
        key,
        _origin(spec.get("origin") or {}),
        tuple(m.licences),
        m.rows_in,
        m.rows_out,
        tuple(_notes(m.stats)),
        tuple(_problem(artifact, rule, rows) for rule, rows in sorted(m.dropped.items(), key=lambda i: (-i[1], i[0]))),
    )


def _notes(stats: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What sourcing counted and found, as (name, value)."""
    notes = [(str(name), f"{count:,}") for name, count in (stats.get("notes") or {}).items()]
    if stats.get("not_selected"):
        notes.append(("not selected", f"{stats['not_selected']:,}"))
    facts = [(n, v) for n, v in stats.items() if n not in _TOLD_ELSEWHERE and isinstance(v, str | int | float)]
    return notes + [(name, f"{value:,}" if isinstance(value, int) else str(value)) for name, value in facts]


def _problem(artifact: Artifact, rule: str, rows: int) -> Problem:
    of_rule = artifact.ledger().filter(pl.col("rule") == rule)
    first = of_rule.select(pl.coalesce("source_row", "row_id"), "note").head(EXAMPLES).collect()
    return Problem(rule, rows, tuple((str(place), note or "") for place, note in first.iter_rows()))


def _origin(origin: Mapping[str, Any]) -> str:
    """Kind and name of an origin in a few words."""
    kind = str(origin.get("kind") or "")
    named = ("dataset", "package", "path", "paths", "model", "teacher", "url", "generator", "module")
    name = next((origin[field] for field in named if origin.get(field)), "")
    if isinstance(name, list | tuple):
        name = ", ".join(map(str, name[:3])) + (f" and {len(name) - 3} more" if len(name) > 3 else "")
    version = origin.get("version") or origin.get("revision") or ""
    return " ".join(str(part) for part in (kind, name, version) if part)
