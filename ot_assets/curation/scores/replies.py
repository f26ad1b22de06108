"""From a reply to a figure. Pure: any text gives a figure in its range, or None; nothing raises.

Belongs here: how ratings are read. A reply may be JSON (what an endpoint was told to write), a bare number, or prose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel, Field

from resources.generation.structured import parse

_NUMBER = r"(?<![\w.\-])(\d{1,4}(?:\.\d{1,4})?)(?![\w%]|\.\d)"
_LAST_LINE = re.compile(rf"[\W_]*{_NUMBER}[\W_]*")
_LABELLED = re.compile(rf"(?:difficulty|rating|rated?|score|level)\b[^\d\n]{{0,40}}?{_NUMBER}", re.IGNORECASE)


class Rating(BaseModel):
    """What AskLLM wants of an endpoint that can be told the form of its reply."""

    reason: str = Field(description="Why, in a sentence.")
    score: float = Field(ge=1, le=100, description="From 1 to 100.")


@dataclass(frozen=True)
class Scale:
    """The range of a rating, and how a reply may speak of it without meaning a rating: "from 1 to 10", "7/10"."""

    top: int
    word: str

    @property
    def mentions(self) -> re.Pattern[str]:
        """Finds mentions of the range itself."""
        return _mentions(self.top, self.word)


def _mentions(top: int, word: str) -> re.Pattern[str]:
    spans = rf"(?:\bfrom\s+)?\b1\s*(?:-|–|—|to|and|through)\s*{top}\b"
    return re.compile(rf"{spans}|\s*/\s*{top}(?!\d|\.\d)|\bout\s+of\s+(?:{top}|{word})\b", re.IGNORECASE)


TEN, HUNDRED = Scale(10, "ten"), Scale(100, "(?:a|one)?\\s*hundred")


def parse_difficulty(text: str) -> float | None:
    """A rating from 1 to 10; see `parse_rating`."""
    return parse_rating(text, TEN)


def parse_worth(text: str) -> float | None:
    """A rating from 1 to 100: of the JSON that was asked for, else of what was written instead; see `parse_rating`."""
    value = parse(text, Rating).value
    return value.score if value is not None else parse_rating(text, HUNDRED)


def parse_rating(text: str, scale: Scale) -> float | None:
    """The rating in a text: its last line if that is a number, else the last number after a word such as "difficulty", else
    the only number there is. None when there is none, when there are several, or when it is not within 1 to the top.
    """
    plain = scale.mentions.sub(" ", text).strip()
    line = _LAST_LINE.fullmatch(plain.rpartition("\n")[2])
    labelled = _LABELLED.findall(plain)
    numbers = set(re.findall(_NUMBER, plain))
    found = line.group(1) if line else labelled[-1] if labelled else numbers.pop() if len(numbers) == 1 else None
    value = float(found) if found else 0.0
    return value if 1 <= value <= scale.top else None
