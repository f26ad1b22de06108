"""How a rule goes through many texts: a regular expression over the column first, Python for the few that it leaves.

Belongs here: what the rules share. Contract: patterns for the column are Rust's (no look-around) and are wider than the rule,
never narrower; `find` sees the whole text and gives the place of what it found. Nothing here fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

Place = tuple[int, int]
"""Start and end of what was found in a text."""

MOST = 160
_AROUND = 30
_CODE = re.compile(
    r"^[^\S\n]*(```|~~~).*?(?:^[^\S\n]*\1[^\S\n]*$|\Z)|`[^`\n]+`|<code>.*?</code>", re.DOTALL | re.MULTILINE
)


def noted(texts: pl.Series, wide: str, find: Callable[[str], Place | None]) -> pl.Series:
    """For each text the excerpt of what was found, or null. Only texts that match `wide` (case is ignored) are looked at."""
    candidates = texts.str.contains(f"(?i){wide}").fill_null(value=False).arg_true()
    found: list[str | None] = [None] * len(texts)
    for at, text in zip(candidates.to_list(), texts.gather(candidates).to_list(), strict=True):
        place = find(text)
        if place is not None:
            found[at] = excerpt(text, *place)
    return pl.Series(found, dtype=pl.String)


def excerpt(text: str, start: int, end: int) -> str:
    """What was found with a little around it, on one line, at most `MOST` characters."""
    before, after = max(0, start - _AROUND), min(len(text), min(end, start + MOST) + _AROUND)
    shown = " ".join(text[before:after].split())
    shown = shown if len(shown) <= MOST else shown[: MOST - 1] + "…"
    return f"{'…' if before else ''}{shown}{'…' if after < len(text) else ''}"


def without_code(text: str) -> str:
    """The text with fenced and inline code blanked out, every other character in its place."""
    return _CODE.sub(lambda match: " " * len(match[0]), text)
