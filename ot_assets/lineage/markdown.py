"""Markdown made of text that is not ours: cells, code, tables.

Belongs here: escaping, so that nothing in data or specs can become a heading, a link, HTML or a new table row. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ot_assets.lineage.words import clean

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def text(value: object) -> str:
    """Plain text on one line. Not for the beginning of a line, where it could still be read as a list or heading."""
    escaped = "".join(_ENTITIES.get(c, c) for c in clean(value))
    return _SPECIAL.sub(r"\\\1", escaped).strip()


def code(value: object) -> str:
    """A code span, good inside table cells too; `-` when there is nothing to show."""
    shown = clean(value).strip()
    if not shown:
        return "-"
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")


def block(value: object, language: str = "") -> str:
    """A fenced block; lines stay lines."""
    lines = [clean(line) for line in str(value).splitlines()] or [""]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence])


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A table of cells that are Markdown already; `right` names the columns of figures."""
    lines = [headers, [("---:" if i in right else "---") for i in range(len(headers))], *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines)
