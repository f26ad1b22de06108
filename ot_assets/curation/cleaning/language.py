"""Rule `language`: questions whose prose is in another language than those wanted.

Belongs here: what of a question is prose, and what is done where nothing can be told. Code, formulas, addresses and numbers are
taken out first, fenced or not, because to a detector they look like some language (bare Python reads as Icelandic); what is
left is told piece by piece as answers are (`ot_assets.distillation.language_filter`, fastText's lid.176). Too few letters, or
a model that is not sure, is unknown. English that is so beyond doubt stays without the model. Raises nothing of its own.
"""

from __future__ import annotations

import re

import polars as pl

from ot_assets.registry.specs.clean import InLanguage
from ot_assets.registry.specs.languages import plain_language

_PIECES = 16
"""Pieces of a question that are told."""
_SHOWN = 160
"""Characters of a piece that the model is shown: more cost more and tell no more."""
_SYMBOLS = dict.fromkeys(map(ord, "{}()[]<>=;_/\\|&^#@~+*$%"))
_PROGRAM = re.compile(
    r"^\s*(?:def|class|import|from|return|public|private|static|void|int|const|let|var|for|while|if|else|elif|print|function|using"
    r"|#include|package|fn|val|select|insert|>>>|\.\.\.|//|/\*).*[(){};:=]",
    re.IGNORECASE,
)
_ENGLISH = (
    r"(?i)\b(?:the|and|with|which|what|how|that|this|these|those|from|have|each|where|when|there|their|they|would|should|does|if|are"
    r"|many|much|following|between|of|is|it)\b"
)
_NUMBERS = re.compile(r"\d[\d.,:/-]*")


def hits(questions: pl.DataFrame, rule: InLanguage) -> pl.Series:
    """What each question is written in, where that is not wanted."""
    asked = questions.select("question", plain=_plain_english(rule))
    from ot_assets.distillation.language_filter import detector, prose, told

    detect = detector()
    wanted = {plain_language(tag) for tag in rule.keep}

    def find(text: str) -> str | None:
        languages = told(_prose(prose(text)), detect, plain=True, most=_PIECES, seen=_SHOWN, sure=rule.sure)
        share = languages.share(wanted)
        if share is None:
            return "its language cannot be told" if rule.unknown == "drop" else None
        return None if share >= rule.share else str(languages)

    found = [None if plain else find(text) for text, plain in asked.iter_rows()]
    return pl.Series(found, dtype=pl.String)


def _plain_english(rule: InLanguage) -> pl.Expr:
    """Whether a question is English beyond doubt: unaccented Latin letters, and every fifth word one of English grammar.

    Such a question stays without being told by the model, which costs a hundred times as much. Only where English is wanted
    and half of the prose is enough.
    """
    if "en" not in map(plain_language, rule.keep) or rule.share > 0.5:
        return pl.lit(value=False)
    text = pl.col("question")
    accented = text.str.count_matches(r"[^\x00-\x7f]")
    words, grammar = text.str.count_matches(r"[A-Za-z]+"), text.str.count_matches(_ENGLISH)
    return (grammar >= 4) & (5 * grammar >= words) & (50 * accented <= text.str.len_chars())


def _prose(text: str) -> str:
    """Lines that read as prose, without numbers."""
    return "\n".join(_NUMBERS.sub(" ", line) for line in text.splitlines() if not _is_code(line))


def _is_code(line: str) -> bool:
    """Whether a line is a program's or a formula's: a keyword with brackets, or a symbol for every six characters or fewer."""
    return _PROGRAM.match(line) is not None or 6 * (len(line) - len(line.translate(_SYMBOLS))) > len(line.strip()) > 0
