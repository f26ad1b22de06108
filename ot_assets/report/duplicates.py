"""The largest groups of duplicates, with their texts side by side.

Belongs here: groups as the ledger of a filtered set tells them (rules `dedup` and `dedup.*`, `lost_to` the survivor),
and the texts that go with them. Contract: groups by size, then survivor; of each the survivor and its first few losers,
each compared with it. Reads the ledger's columns and then only the texts that are shown. A ledger without such rules
gives no group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from ot_assets.report.stages import Stages
from ot_assets.report.texts import Shown, compared, shown
from resources.artifacts import Artifact

GROUPS = 12
LOSERS = 5

_IS_DEDUP = pl.col("rule").str.starts_with("dedup")


@dataclass(frozen=True)
class Loser:
    """A row that left, marked where it differs from the survivor; similarity in percent where the rule has one."""

    row: str
    rule: str
    similarity: float | None
    survivor: Shown
    text: Shown


@dataclass(frozen=True)
class Group:
    """A survivor and those that lost to it; `size` counts the survivor too."""

    survivor: str
    size: int
    text: Shown
    losers: tuple[Loser, ...]


@dataclass(frozen=True)
class Duplicates:
    """All groups in figures, the largest with their texts. `sizes`: (size, how many groups), smallest first."""

    dropped: int
    groups: int
    sizes: tuple[tuple[int, int], ...]
    largest: tuple[Group, ...]


def duplicates(stages: Stages) -> Duplicates | None:
    """None where there is no filtered set, or nothing was dropped as a duplicate."""
    if stages.filtered is None:
        return None
    ledger = stages.filtered.ledger().filter(_IS_DEDUP & pl.col("lost_to").is_not_null())
    sizes = ledger.group_by("lost_to").len().sort(["len", "lost_to"], descending=[True, False])
    counted = sizes.collect(engine="streaming")
    if counted.is_empty():
        return None
    top = counted.head(GROUPS)["lost_to"].to_list()
    of_top = ledger.filter(pl.col("lost_to").is_in(top)).select("lost_to", "source", "source_row", "rule", "figure")
    kept = of_top.group_by("lost_to", maintain_order=True).head(LOSERS).collect()
    names = {*top, *kept.select(pl.format("{}/{}", "source", "source_row")).to_series().to_list()}
    texts = question_texts(stages.pool, names)
    by_size = counted.select(size=pl.col("len") + 1).group_by("size").len().sort("size")
    return Duplicates(
        int(counted["len"].sum()),
        len(counted),
        tuple((int(size), int(groups)) for size, groups in by_size.iter_rows()),
        tuple(_group(survivor, int(lost) + 1, kept, texts) for survivor, lost in counted.head(GROUPS).iter_rows()),
    )


def question_texts(pool: Artifact | None, names: Iterable[str]) -> Mapping[str, str]:
    """`source/source_row` -> the question's text, for rows of a pool."""
    wanted = list(names)
    if pool is None or not wanted:
        return {}
    name = pl.format("{}/{}", "source", "source_row")
    found = pool.scan().select(name.alias("name"), "question").filter(pl.col("name").is_in(wanted))
    return dict(found.collect(engine="streaming").iter_rows())


def _group(survivor: str, size: int, rows: pl.DataFrame, texts: Mapping[str, str]) -> Group:
    losers = []
    for row in rows.filter(pl.col("lost_to") == survivor).iter_rows(named=True):
        name = f"{row['source']}/{row['source_row']}"
        one, other = compared(texts.get(survivor), texts.get(name))
        losers.append(Loser(name, row["rule"], row["figure"], one, other))
    return Group(survivor, size, shown(texts.get(survivor)), tuple(losers))
