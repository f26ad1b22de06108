"""Who gave how much at each stage: rows by source and by domain.

Belongs here: tables of counts. Contract: every stage that is there is a column; a source or domain without rows at a
stage has 0 there. Reads two narrow columns of a stage; a source's own stages are counted from their manifests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ot_assets.report.funnel import Funnel, counted
from ot_assets.report.stages import BySource, Stages


@dataclass(frozen=True)
class ShareTable:
    """Counts by stage (`columns`, with their sums) and name; `rows` maps a name to one count a column, most at first."""

    columns: tuple[str, ...]
    totals: tuple[int, ...]
    rows: Mapping[str, tuple[int, ...]]

    def percent(self, count: int, column: int) -> float:
        """Its share of a column, 0 to 100."""
        return 100 * count / self.totals[column] if self.totals[column] else 0.0


def by_source(funnel: Funnel) -> ShareTable:
    """Rows by source at every level that knows them."""
    levels = [level for level in (*funnel.questions, *funnel.answers) if level.by_source]
    return _table({level.title: level.by_source for level in levels})


def by_domain(stages: Stages) -> ShareTable:
    """Rows by domain at every stage."""
    columns: dict[str, Mapping[str, int]] = {}
    if stages.sourced:
        columns["questions"] = _summed(stages.sourced)
    if stages.screened:
        columns["screened"] = _summed(stages.screened)
    for title, artifact in (("drawn", stages.pool), ("asked", stages.filtered), ("examples", stages.training)):
        if artifact is not None:
            columns[title] = counted(artifact, "domain")
    return _table(columns)


def _summed(artifacts: BySource) -> dict[str, int]:
    total: dict[str, int] = {}
    for artifact in artifacts.values():
        for domain, rows in counted(artifact, "domain").items():
            total[domain] = total.get(domain, 0) + rows
    return total


def _table(columns: Mapping[str, Mapping[str, int]]) -> ShareTable:
    names = dict.fromkeys(name for counts in columns.values() for name in counts)
    rows = {name: tuple(counts.get(name, 0) for counts in columns.values()) for name in names}
    return ShareTable(tuple(columns), tuple(sum(counts.values()) for counts in columns.values()), rows)
