"""Texts of the data as a page shows them: cut, with a way to unfold, and two texts with their differences marked.

Belongs here: what is shown of a text. Contract: at most `LONG` characters of a text come back, whatever its size, and
how many more there are; characters that nobody sees (controls, direction overrides) come out as a visible sign;
escaping is the template's. Pure; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

SHORT = 260
"""Characters that stand open."""

LONG = 3_000
"""Characters that can be unfolded."""

Mark = Literal["", "differs", "same"]

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_SHARED_ENOUGH = 0.5


@dataclass(frozen=True)
class Piece:
    """A run of characters and how it is marked."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Shown:
    """A text on the page: what stands open, what can be unfolded, and how many characters are left out."""

    lead: tuple[Piece, ...]
    rest: tuple[Piece, ...] = ()
    left_out: int = 0

    @property
    def more(self) -> int:
        """Characters that can be unfolded."""
        return sum(len(piece.text) for piece in self.rest)


def shown(text: str | None) -> Shown:
    """One text without marks; null is an empty one."""
    text = text or ""
    return _folded([Piece(visible(text[:LONG]))], len(text))


def compared(one: str | None, other: str | None) -> tuple[Shown, Shown]:
    """Two texts, by words: what differs is marked, or, where less than half is alike, what they share.

    Only the first `LONG` characters are compared.
    """
    from rapidfuzz.distance import Indel

    texts = one or "", other or ""
    words = [_WORDS.findall(visible(text[:LONG])) for text in texts]
    alike = Indel.normalized_similarity(words[0], words[1])
    mark: tuple[Mark, Mark] = ("", "differs") if alike >= _SHARED_ENOUGH else ("same", "")
    pieces: tuple[list[Piece], list[Piece]] = ([], [])
    for code in Indel.opcodes(words[0], words[1]):
        kind = mark[code.tag != "equal"]
        pieces[0].append(Piece("".join(words[0][code.src_start : code.src_end]), kind))
        pieces[1].append(Piece("".join(words[1][code.dest_start : code.dest_end]), kind))
    first, second = (_folded(_joined(own), len(text)) for own, text in zip(pieces, texts, strict=True))
    return first, second


def visible(text: str) -> str:
    """The text with every character that would hide itself or turn others around made a sign that is seen."""
    return _UNSEEN.sub(_sign, text)


def _sign(found: re.Match[str]) -> str:
    code = ord(found.group())
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Neighbours with the same mark as one; a gap of nothing but spaces between two marks takes theirs."""
    joined: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if joined and joined[-1].mark == piece.mark:
            joined[-1] = Piece(joined[-1].text + piece.text, piece.mark)
        else:
            joined.append(piece)
    return joined


def _folded(pieces: Sequence[Piece], length: int) -> Shown:
    lead, rest, room = [], [], SHORT if length > SHORT + 80 else LONG
    for piece in pieces:
        if room >= len(piece.text):
            lead.append(piece)
        elif room > 0:
            lead.append(Piece(piece.text[:room], piece.mark))
            rest.append(Piece(piece.text[room:], piece.mark))
        else:
            rest.append(piece)
        room = max(0, room - len(piece.text))
    return Shown(tuple(lead), tuple(rest), max(0, length - LONG))
