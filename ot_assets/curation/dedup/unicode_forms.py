"""One character for what is written in many: Unicode forms, quotes, dashes, signs of arithmetic, digits of all scripts.

Belongs here: replacements of characters that mean the same. Contract: what carries meaning stays told apart (10² is
10^2 and not 102; 3½ is 3 1/2 and not 31/2; − is a minus and — is punctuation). Pure, linear in the text; raises
nothing.
"""

from __future__ import annotations

import re
import unicodedata

_SUPER = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
_SUB = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜ", "0123456789+-=()aeoxhklmnpst", strict=True))
_RAISED = re.compile(f"[{''.join(_SUPER)}]+")
_LOWERED = re.compile(f"[{''.join(_SUB)}]+")
_VULGAR = re.compile("(?=[¼½¾⅐-⅞↉])")
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_GROUPED = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_SAME = {
    '"': "“”„‟«»〝〞＂「」『』❝❞",
    "'": "’‘‚‛ʼʹ′´＇‹›",
    "-": "‐‑‒–−﹣－⁃",
    " ; ": "—―⸺⸻〜",
    "*": "×⋅∙·∗✕✖⨯•●◦▪‣",
    "/": "÷∕⁄",
    "<=": "≤⩽≦",
    ">=": "≥⩾≧",
    "!=": "≠",
    " sqrt ": "√",
    "δ": "∆",
    "|": "∣❘｜",
    ",": "，、،",
    ".": "。．",
    ";": "；؛",
    ":": "：∶",
    "?": "？؟",
    "!": "！",
    "(": "（",
    ")": "）",
    "%": "٪",
}
_TABLE = str.maketrans({variant: one for one, variants in _SAME.items() for variant in variants})


def unified(text: str) -> str:
    """The text in one form, lower case. White space is left as it is."""
    if text.isascii():
        return text.lower()
    text = _INVISIBLE.sub("", text)
    text = _GROUPED.sub("", text)
    text = _RAISED.sub(lambda run: _script("^", run.group(), _SUPER), text)
    text = _LOWERED.sub(lambda run: _script("_", run.group(), _SUB), text)
    text = _VULGAR.sub(" ", text).translate(_TABLE)
    text = unicodedata.normalize("NFKC", text).translate(_TABLE)
    return unicodedata.normalize("NFKC", _ascii_digits(text).casefold())


def _script(mark: str, run: str, table: dict[str, str]) -> str:
    """A run of raised or lowered characters: ^2, ^-1, ^(n+1)."""
    plain = "".join(table[letter] for letter in run)
    return f"{mark}{plain}" if plain.lstrip("-").isalnum() else f"{mark}({plain})"


def _ascii_digits(text: str) -> str:
    others = {letter for letter in set(text) if letter > "9" and letter.isdecimal()}
    return text.translate({ord(letter): str(unicodedata.digit(letter)) for letter in others}) if others else text
