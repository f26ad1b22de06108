"""The text of a question as screening compares it: what it says, without how it is set.

Belongs here: `comparable`, which puts the passes of dedup's normaliser (`dedup.markup`, `dedup.unicode_forms`, `dedup.latex`)
together, so that a copy is not hidden by line breaks, case, Markdown, HTML, LaTeX and its spacing, or Unicode forms. Unlike
dedup it keeps punctuation and makes no signature: a benchmark item with other numbers is still that item. Contract: a pure
function of the text, linear in it; white space is single spaces; empty for a text of nothing else. Raises nothing.
"""

from __future__ import annotations

from ot_assets.curation.dedup import latex, markup
from ot_assets.curation.dedup.unicode_forms import unified


def comparable(text: str) -> str:
    """The text in lower case and one line, markup and LaTeX as plain signs; `$` is never part of it."""
    flat = latex.plain(unified(markup.plain(text)))
    return " ".join(flat.replace("$", " ").split())
