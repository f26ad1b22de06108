"""Copies of benchmark items as they turn up in training data, to measure what screening finds of them.

Belongs here: the kinds of copies (`KINDS`) and the sets of them that must be found. Most changes are dedup's (`dedup.planted`);
those that only screening cares about stand here. Contract: `copy_of` gives a copy, or None where the kind has no place in
the text; the same draw gives the same copy. Pure.
"""

from __future__ import annotations

import html
import random
import re
from collections.abc import Callable, Mapping
from typing import Final

from ot_assets.curation.dedup import planted

_BEFORE: Final = (
    "A friend of mine is getting ready for an exam and keeps sending me exercises. This morning there was one that kept us "
    "both busy for quite a while, so I am posting it here.",
    "I found this in an old notebook on a train, between a shopping list and a drawing of a cat, and nobody in my class "
    "could say where it came from.",
    "You are a patient tutor. Read what your student brings you, think it over in silence, and only then reply in full "
    "sentences that a beginner can follow.",
    "Our reading group meets on Thursdays, and whoever comes last has to present something from the pile on the table.",
)
_AFTER: Final = (
    "My own attempt went nowhere after the second line, so please do not skip anything that you think is obvious, and tell "
    "me how I could have seen it by myself.",
    "Write your thoughts down first. Put the outcome on a line of its own at the very end, without any other words.",
    "If something seems to be missing, say what you assume and go on from there. Thank you very much for your time!",
)


def _embedded(text: str, draw: random.Random) -> str | None:
    """Between other paragraphs that are longer than it, up to three on either side."""
    before, after = [draw.choice(_BEFORE)], [draw.choice(_AFTER)]
    while sum(map(len, (*before, *after))) < len(text) and len(before) < len(_BEFORE):
        before.append(draw.choice([one for one in _BEFORE if one not in before]))
        after += draw.sample([one for one in _AFTER if one not in after], min(1, len(_AFTER) - len(after)))
    return "\n\n".join((*before, text, *after))


def _html(text: str, draw: random.Random) -> str | None:
    lines = html.escape(text, quote=False).split("\n")
    words = lines[0].split(" ")
    place = draw.randrange(len(words))
    words[place] = f"<b>{words[place]}</b>"
    return "<p>" + "<br/>\n".join([" ".join(words), *lines[1:]]) + "</p>"


def _plain(text: str, draw: random.Random) -> str | None:
    """Formulas without their dollar signs, and fractions on one line."""
    bare = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text.replace("$", ""))
    return bare if bare != text else None


def _changed_inside(text: str, draw: random.Random) -> str | None:
    changed = planted.change(text, "numbers changed", draw)
    return _embedded(changed, draw) if changed else None


def _planted(kind: str) -> Callable[[str, random.Random], str | None]:
    return lambda text, draw: planted.change(text, kind, draw)


def _paraphrased(text: str, draw: random.Random) -> str | None:
    """Other words for some, and two sentences or words swapped: a light paraphrase, not a retelling."""
    reworded = planted.change(text, "reworded", draw)
    return planted.change(reworded, "words swapped", draw) if reworded else None


KINDS: Final[Mapping[str, Callable[[str, random.Random], str | None]]] = {
    "verbatim": lambda text, draw: text,
    "re-wrapped": _planted("re-wrapped"),
    "case": _planted("case"),
    "markdown": _planted("markdown"),
    "html": _html,
    "latex": _planted("latex"),
    "plain formulas": _plain,
    "punctuation": _planted("punctuation"),
    "embedded": _embedded,
    "numbers changed": _planted("numbers changed"),
    "numbers changed, embedded": _changed_inside,
    "renamed": _planted("renamed"),
    "typo": _planted("typo"),
    "paraphrased": _paraphrased,
}
"""The kinds of copies."""

FORMAT: Final = ("verbatim", "re-wrapped", "case", "markdown", "html", "latex")
"""Set otherwise: at least 99 % must be found."""


def copy_of(text: str, kind: str, draw: random.Random) -> str | None:
    """A copy of this kind (a key of `KINDS`), or None where the text gives no occasion for it."""
    return KINDS[kind](text, draw)
