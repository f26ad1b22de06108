"""Answer filters that look at how a text is built: the length of its paragraphs, the languages of its code blocks.

Belongs here: figures of one text. In the OpenThoughts3 runs `long_paragraph` was a question to gpt-4o-mini ("a paragraph is any
block of text separated by a blank line; it is too long if it has more than 750 words"); here the words are counted. There
`python` meant that the text holds a fence tagged python, and so it does here. Pure; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import polars as pl

from ot_assets.distillation.aids import Aids, measured, shown
from ot_assets.distillation.funnel import Funnel
from ot_assets.registry.specs.answer_filter import CodeLanguage, LongParagraph

LONG_PARAGRAPH = "long_paragraph"
OTHER_CODE = "code_language"

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_FENCE = re.compile(r"^[^\S\n]*(?:```|~~~)[^\S\n]*([A-Za-z][\w+#.-]*)", re.MULTILINE)
_SAME = {
    "py": "python",
    "python3": "python",
    "c++": "cpp",
    "cxx": "cpp",
    "cc": "cpp",
    "js": "javascript",
    "ts": "typescript",
}


def longest_paragraph(text: str) -> int:
    """Words of the longest paragraph; a paragraph is what stands between blank lines."""
    return max(len(paragraph.split()) for paragraph in _BLANK_LINE.split(text.replace("\r\n", "\n")))


def code_blocks(text: str, languages: Iterable[str]) -> int:
    """Fenced blocks that are tagged with one of the languages; usual short names (py, c++, js) count as the long ones."""
    wanted = {_language(name) for name in languages}
    return sum(_language(tag) in wanted for tag in _FENCE.findall(text))


def no_long_paragraphs(step: LongParagraph, funnel: Funnel, aids: Aids) -> None:
    """Drops answers with a paragraph of more than `words` words."""

    def words(row: dict[str, Any]) -> tuple[int]:
        return (longest_paragraph(shown(row, step.text)),)

    funnel.with_figures(measured(aids, funnel.frame, {"_words": pl.Int64()}, words))
    figure = pl.col("_words").cast(pl.Float64)
    note = pl.lit(f"words of its longest paragraph; {step.words:,} at most")
    funnel.drop(pl.col("_words") > step.words, LONG_PARAGRAPH, figure=figure, note=note)
    funnel.without("_words")


def only_code(step: CodeLanguage, funnel: Funnel, aids: Aids) -> None:
    """Drops answers without a code block in one of the languages."""

    def blocks(row: dict[str, Any]) -> tuple[int]:
        return (code_blocks(shown(row, step.text), step.languages),)

    funnel.with_figures(measured(aids, funnel.frame, {"_blocks": pl.Int64()}, blocks))
    note = pl.lit(f"no code block is tagged {' or '.join(step.languages)}")
    funnel.drop(pl.col("_blocks") == 0, OTHER_CODE, figure=pl.col("_blocks").cast(pl.Float64), note=note)
    funnel.without("_blocks")


def _language(tag: str) -> str:
    name = tag.lower()
    return _SAME.get(name, name)
