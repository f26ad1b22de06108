"""Markdown and HTML as plain text.

Belongs here: emphasis, headings, fences, list markers, links, tables, tags and entities. Contract: words, numbers and
signs stay; a sign that may be meant (a < b, 2 * 3, a - b) is never taken for markup. Every pattern is bounded in
length or takes what it takes for good, so hostile texts cost linear time. Pure; raises nothing.
"""

from __future__ import annotations

import html
import re
from contextlib import suppress

_TAG = re.compile(
    r"</?(?:br|p|b|i|em|strong|u|s|sub|sup|span|div|code|pre|ul|ol|li|h[1-6]|table|thead|tbody|tr|td|th|a|img|blockquote|hr)"
    r"(?:\s+[\w-]{1,30}\s*=\s*(?:\"[^\"<>]{0,500}\"|'[^'<>]{0,500}'))*\s*/?>",
    re.IGNORECASE,
)
_RAISED = re.compile(r"<sup>([^<>]{1,40})</sup>", re.IGNORECASE)
_LOWERED = re.compile(r"<sub>([^<>]{1,40})</sub>", re.IGNORECASE)
_FENCE = re.compile(
    r"(?:```|~~~)(?:[\w+#.-]{1,20}(?=[ \t]*\n)|(?:python3?|py|javascript|js|java|cpp|bash|sql|text|json|latex)(?=\s))?"
)
_STRONG = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]{1,300}?)(?<=[^\s*])\1(?![\w*])")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(\s*((?:https?://|www\.|/|#|mailto:)[^\s()]{0,500})\s*\)")
_RULE = re.compile(
    r"(?m)^[ \t]*+(?:\|?[ \t]*+:?-{3,}+:?[ \t]*+)++\|?[ \t]*+$|^[ \t]*+(?:[*_=]{3,}|(?:[*_-] ){2,}[*_-])[ \t]*$"
)
_MARKER = re.compile(r"[ \t]*(?:[-*+•◦▪‣][ \t]+(?=[^\s\d(\[{.=])|(?:>|#{1,6})[ \t]+)")
_LIST = re.compile(r"(?m)^[ \t]*(?:[-*+•◦▪‣>#])")


def plain(text: str) -> str:
    """The text without markup. Lines stay lines."""
    if "<" in text:
        text = _RAISED.sub(r"^{\1}", text)
        text = _LOWERED.sub(r"_{\1}", text)
        text = _TAG.sub(" ", text)
    if "&" in text and ";" in text:
        with suppress(ValueError):  # an entity of more digits than a number may have stands for nothing
            text = html.unescape(text)
    if "```" in text or "~~~" in text:
        text = _FENCE.sub(" ", text)
    if "](" in text:
        text = _LINK.sub(r" \1 \2 ", text)
    if "\n" in text and _LIST.search(text):
        text = _without_markers(_RULE.sub(" ", text))
    elif _LIST.match(text):
        text = _without_markers(text)
    return _STRONG.sub(r" \2 ", text) if "*" in text else text


def _without_markers(text: str) -> str:
    """Takes markers off lines that start an item: the first line, one after an empty line or after a line that ends a
    sentence, or beside another item. A sign that only came to a line's start because the text was wrapped stays.
    """
    lines = text.split("\n")
    starts = True
    for place, line in enumerate(lines):
        marker = _MARKER.match(line) if starts or _beside(lines, place) else None
        if marker:
            lines[place] = line = line[marker.end() :]
            starts = True
        else:
            starts = False
        end = line.rstrip()[-1:]
        starts = starts or not end or end in ".:;!?"
    return "\n".join(lines)


def _beside(lines: list[str], place: int) -> bool:
    """Whether the line after this one starts with the same marker."""
    mine = lines[place].lstrip()[:2]
    return place + 1 < len(lines) and mine != "" and lines[place + 1].lstrip()[:2] == mine
