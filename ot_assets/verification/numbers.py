r"""Numbers as people and models write them, read exactly.

math-verify reads TeX well and prose numbers badly: `1 1/2` becomes 1, `1 000` becomes 0, `5 dollars` a product of
letters, `1e5` a multiple of e (math-verify 0.9.0). So what is a number as a whole, with or without a unit in words,
is read here first. Units are not compared: `5 metres` equals `5 cm` as far as this goes; a source where that matters
needs another verifier.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from ot_assets.verification.extraction import plain

_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\ufe63": "-", "\uff0d": "-", "\uff0b": "+"})
_CURRENCY = r"[$€£¥₹₩₽]"
_WHOLE = r"(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?:[ \u2009]\d{3})+|\d{1,3}(?:\.\d{3}){2,}|\d+)"
_NUMBER = rf"(?P<whole>{_WHOLE})?(?P<decimals>\.\d*)?(?:[eE](?P<exponent>[-+]?\d{{1,3}}))?"
_NOT_UNITS = (
    "and or to by million thousand billion trillion hundred dozen half pi tau inf infinity mod sqrt sin cos tan "
    "cot sec csc arcsin arccos arctan log exp gcd lcm alpha beta gamma delta theta lambda sigma phi omega times plus minus over"
)
_SHORT = (
    "mm|cm|dm|km|mi|ft|in|yd|mg|kg|lbs?|oz|ml|cl|dl|gal|kph|"
    "mph|km/h|m/s|hrs?|mins|secs|ms|kJ|kW|kN|Hz|kHz|MHz|GHz|Pa|kPa|mol|pm|am"
)
_WORD = rf"(?!(?:{'|'.join(_NOT_UNITS.split())})\b)(?=\w*[aeiouy])[^\W\d_]{{3,}}[.'’]?\w*"
_UNIT = rf"(?:[ ]?[%°]|[ ]?(?:{_SHORT})(?:\^\{{?[23]\}}?|[²³]|\b\.?)|[ ]{_WORD})(?:[ -][^\W\d_][\w'’]*\.?)*"
_FRACTION = re.compile(
    rf"(?P<sign>[-+]?)\s*{_CURRENCY}?\s*(?:(?P<mixed>\d+)[ ]+)?(?P<above>\d+)\s*[/⁄]\s*(?P<below>\d+)(?P<unit>{_UNIT})?"
)
_PLAIN = re.compile(rf"(?P<sign>[-+]?)\s*{_CURRENCY}?\s*{_NUMBER}\s*{_CURRENCY}?(?P<unit>{_UNIT})?")
_TEX_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_IN_TEXT = re.compile(
    r"(?<![\w.)])[-+\u2212]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d{1,3})?|(?<=[\w)])\d+(?:,\d{3})*(?:\.\d+)?"
)


@lru_cache(maxsize=4096)
def as_number(text: str) -> Fraction | None:
    """The number that the whole text is, exactly, unit words aside (`-1,234.50 dollars`, `1 1/2`, `3.2e-4`, `50%`);
    else None.

    A percent sign divides by 100. Never raises, and never builds a number of more than a few thousand digits.
    """
    if len(text) > 300:
        return None
    clean = plain(_mixed(text)).translate(_MINUS).strip()
    if not clean or not any(c.isdecimal() and c.isascii() for c in clean):
        return None
    value, unit = _fraction(clean) or _decimal(clean) or (None, None)
    if value is None:
        return None
    return value / 100 if unit and unit.strip().startswith("%") else value


def last_number(text: str) -> str | None:
    """The last number in a text, as it is written, its sign included; None where there is none."""
    found = _IN_TEXT.findall(text)
    return found[-1] if found else None


def first_number(text: str) -> str | None:
    """The first number in a text, as it is written, its sign included; None where there is none."""
    match = _IN_TEXT.search(text)
    return match.group() if match else None


def tex(number: Fraction) -> str:
    """A number as TeX that math-verify reads back as the same number."""
    if number.denominator == 1:
        return str(number.numerator)
    sign = "-" if number < 0 else ""
    return f"{sign}\\frac{{{abs(number.numerator)}}}{{{number.denominator}}}"


def _mixed(text: str) -> str:
    r"""`2\frac{1}{3}` as `2 1/3`."""
    return _TEX_FRACTION.sub(r" \1/\2", text).strip()


def _fraction(text: str) -> tuple[Fraction, str | None] | None:
    match = _FRACTION.fullmatch(text)
    if match is None or int(match["below"]) == 0:
        return None
    value = Fraction(int(match["above"]), int(match["below"])) + int(match["mixed"] or 0)
    return (-value if match["sign"] == "-" else value), match["unit"]


def _decimal(text: str) -> tuple[Fraction, str | None] | None:
    match = _PLAIN.fullmatch(text)
    if match is None or not (match["whole"] or (match["decimals"] or "").strip(".")):
        return None
    digits = re.sub(r"[,. \u2009]", "", match["whole"] or "0")
    value = Fraction(f"{digits}{match['decimals'] or ''}".rstrip(".")) * Fraction(10) ** int(match["exponent"] or 0)
    return (-value if match["sign"] == "-" else value), match["unit"]
