"""How facts of a manifest are put into a few words: short hashes, counts, drops, text from data made safe to show.

Belongs here: strings that several renderings share. Pure; text from data or specs comes back printable and on one
line, never as a control sequence for the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ot_assets.lineage.tree import Node

HASH = 8
"""Digits of a hash that are shown to people."""

CUT = 160
"""Characters of a text cell that are shown to people."""


def clean(text: object) -> str:
    """Text on one line, with every character that is not printable (escapes, line ends, direction marks) made a space
    or `·`.
    """
    return "".join(c if c.isprintable() else (" " if c.isspace() else "·") for c in str(text))


def cut(value: Any, length: int = CUT) -> Any:
    """A cell as it is shown: long text cut with the number of characters left out, lists and structs as text; the
    rest as it is.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= length else f"{text[:length]}… (+{len(text) - length:,} characters)"


def short(value: str | None) -> str:
    """The first digits of a hash or id; `-` when there is none."""
    return value[:HASH] if value else "-"


def count(rows: int | None) -> str:
    """1,234 or `?`."""
    return "?" if rows is None else f"{rows:,}"


def rows(node: Node) -> str:
    """`1,000 → 900 rows`, or only what came out when no rows went in."""
    if node.rows_out is None or not node.tabular:
        return ""
    return (
        f"{count(node.rows_in)} → {count(node.rows_out)} rows"
        if node.rows_in is not None
        else f"{node.rows_out:,} rows"
    )


def drops(dropped: Mapping[str, int]) -> str:
    """`too_long 12, duplicate 3`, most first."""
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{clean(rule)} {rows:,}" for rule, rows in ordered)


def commit(node: Node) -> str:
    """`1a2b3c4d`, with a `+` when there were changes that were not committed."""
    return f"{short(node.commit)}{'+' if node.dirty else ''}" if node.commit else "-"


def when(created_at: str | None) -> str:
    """A manifest's time to the second, in UTC."""
    return f"{created_at[:19].replace('T', ' ')} UTC" if created_at else "-"


def listed(words: Iterable[str]) -> str:
    """`a, b, c`, made printable."""
    return ", ".join(clean(w) for w in words)


def partition(node: Node) -> str:
    """`aime|r1`, or nothing for an asset without partitions."""
    return clean(node.partition) if node.partition.dims else ""
