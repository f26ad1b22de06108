"""Finding the program in a reply: its last fenced block that fits, else the whole text. Never parses or runs it.

A block fits when it is marked as the language or not at all. Where a function is asked for, the last fitting block
that defines it is taken before the last one of all: replies like to end with an example of use. A last block that
was never closed counts, as replies are cut. Linear in the length of the reply.
"""

from __future__ import annotations

import re

LONGEST = 500_000
"""Characters beyond which a text is no program that anyone asked for."""

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n]*$", re.MULTILINE)
_NAMES = {"python": frozenset({"", "python", "py", "python3", "py3", "{python}", "{.python}", "{code-cell}"})}


def program_in(reply: str, language: str, entry: str | None) -> str | None:
    """The program; None where there is nothing but blanks."""
    blocks = _blocks(reply, _NAMES.get(language, frozenset({"", language})))
    if entry is not None:
        name = re.escape(entry.partition(".")[0])
        defined = re.compile(rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{name}\b|^{name}[ \t]*[=:]", re.MULTILINE)
        blocks = [block for block in blocks if defined.search(block)] or blocks
    program = blocks[-1] if blocks else reply
    return program.strip("\n") if program.strip() else None


def _blocks(reply: str, names: frozenset[str]) -> list[str]:
    """Texts of the fenced blocks of that language that are not blank, in order."""
    found: list[str] = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(reply):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2]:
            found += _block(reply[opened.end() + 1 : fence.start()], opened, names)
            opened = None
    if opened is not None:
        found += _block(reply[opened.end() + 1 :], opened, names)
    return found


def _block(text: str, opened: re.Match[str], names: frozenset[str]) -> list[str]:
    return [text] if text.strip() and opened[2].casefold() in names else []
