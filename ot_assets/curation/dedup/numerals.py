"""Numbers as they are written: digits with separators, and words for numbers.

Belongs here: `canonical` (1,000 = 1000, 3.0 = 3, .5 = 0.5) and `spelled` (twenty-one = 21, two thousand and five =
2005). Contract: two ways of writing become one only when they mean the same number in every convention: 1.500 (1.5, or
a German 1500) stays as it is, and leading zeros stay (0101 is not 101). Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ot_assets.curation.dedup.words import SCALES, SMALL, TENS

_LINKS = frozenset((" ", "-", " -", "- ", " - "))


class Spelled(NamedTuple):
    """A number that words say, and the place after the last of them."""

    digits: str
    end: int


def canonical(written: str) -> str:
    """One writing for a number of digits, commas, underscores and points."""
    plain = written.replace(",", "").replace("_", "")
    whole, point, part = plain.partition(".")
    if not point:
        return whole
    if "." in part or (len(part) == 3 and 0 < len(whole) <= 3 and whole.strip("0") and plain == written):
        return plain
    part = part.rstrip("0")
    return f"{whole or '0'}.{part}" if part else whole or "0"


def spelled(tokens: Sequence[str], start: int) -> Spelled | None:
    """The number that the words from `start` on say, or None when the word there is none. Hyphens and `and` inside count."""
    group, place = _below_thousand(tokens, start)
    if group is None:
        return None
    total = 0
    while place < len(tokens) and tokens[place] in SCALES:
        total += group * SCALES[tokens[place]]
        place += 1
        group = 0
        following, after = _below_thousand(tokens, _past_and(tokens, place))
        if following is None:
            break
        group, place = following, after
    return Spelled(str(total + group), place)


def scaled(written: str, scale: str) -> str:
    """3 million -> 3000000, 1.5 million -> 1500000; what does not come out even keeps its scale."""
    whole, _, part = written.partition(".")
    power = len(str(SCALES[scale])) - 1
    if not (whole + part).isdigit() or len(part) > power:
        return f"{written}e{power}"
    return (whole + part + "0" * (power - len(part))).lstrip("0") or "0"


def _below_thousand(tokens: Sequence[str], start: int) -> tuple[int | None, int]:
    """A number under 1000 (or hundreds: twelve hundred) from `start` on, and the place after it."""
    value, place = _below_hundred(tokens, start)
    word = _at(tokens, start if value is None else place)
    if word != "hundred":
        return value, place
    value = (1 if value is None else value) * 100
    place = (start if place == start else place) + 1
    more, after = _below_hundred(tokens, _past_and(tokens, place))
    return (value, place) if more is None else (value + more, after)


def _below_hundred(tokens: Sequence[str], start: int) -> tuple[int | None, int]:
    word = _at(tokens, start)
    if word in SMALL:
        return SMALL[word], start + 1
    if word not in TENS:
        return None, start
    unit = start + 1 + (_at(tokens, start + 1) in _LINKS)
    if 0 < SMALL.get(_at(tokens, unit), 0) < 10:
        return TENS[word] + SMALL[tokens[unit]], unit + 1
    return TENS[word], start + 1


def _past_and(tokens: Sequence[str], place: int) -> int:
    return place + 1 if _at(tokens, place) == "and" else place


def _at(tokens: Sequence[str], place: int) -> str:
    return tokens[place] if place < len(tokens) else ""
