r"""Finding where a reply states its answer: the last \boxed{}, an <answer> tag, or "the answer is ...".

Shared by the verifiers, each of which then reads the found text in its own way. Pure text work in linear time;
nothing here raises, what is not there is None or empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TAIL = 20_000
"""Characters at the end of a reply that are searched for anything weaker than a box; keeps every pattern's time
bounded.
"""

_PLACES = 50
_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_BARE_BOX = re.compile(r"\\boxed[ \t]+([^\s{}$\\]+)")
_MARK = r"[*_`#>\s]*"
_STATED = re.compile(
    rf"""(?:\banswer\b|\bfinal[ ]result\b|\bsolution\b(?=[*_\s]*(?:is\b|:)))   # the word that announces it
         [^.\n:=]{{0,60}}?{_MARK}
         (?:(?:\bis\b|\b(?:would|should|must|has[ ]to)[ ]be\b)(?![ ]+not\b)
           (?:[ ]+(?:therefore|thus|simply|then|clearly|option|choice)\b)?{_MARK}:?|:|=)
         {_MARK}(?=(?P<said>[^\n]*))""",
    re.IGNORECASE | re.VERBOSE,
)
_WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|texttt|textrm|mathrm|mathbf|mathit|mathsf|mbox|operatorname|emph)\s*\*?\s*\{"
)
_SPACING = re.compile(r"\\[,;:! ]|\\quad\b|\\qquad\b|~")
_BOLD = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])")  # not the power of `9**9`
_DELIMITERS = re.compile(r"\\[()\[\]]|(?<!\\)\$")


@dataclass(frozen=True, slots=True)
class Stated:
    """A text in which a reply states its answer."""

    text: str
    """The text after the announcement, to the end of its line (or the next line that holds something)."""
    start: int
    """Where in the reply it stands, in characters."""


def last_boxed(reply: str) -> str | None:
    r"""Content of the last complete, non-blank \boxed{...} (or \fbox{...}); None where there is none."""
    for match in reversed(list(_BOX.finditer(reply))[-_PLACES:]):
        content = _braced(reply, match.end())
        if content is not None and content.strip():
            return content.strip()
    bare = _BARE_BOX.findall(reply)
    return bare[-1] if bare else None


def last_tagged(reply: str) -> str | None:
    """Content of the last non-blank <answer>...</answer>; None where there is none."""
    lowered = reply.lower()
    end = len(lowered)
    for _ in range(_PLACES):
        end = lowered.rfind("</answer>", 0, end)
        start = lowered.rfind("<answer>", 0, max(end, 0))
        if end < 0 or start < 0:
            return None
        text = reply[start + len("<answer>") : end].strip()
        if text:
            return text
    return None


def marked(reply: str) -> str | None:
    """The answer where it is marked beyond doubt: the last box, else the last answer tag."""
    boxed = last_boxed(reply)
    return boxed if boxed is not None else last_tagged(reply)


def stated(reply: str) -> Iterator[Stated]:
    """Every place that announces the answer in words, the last first."""
    offset = max(0, len(reply) - TAIL)
    tail = reply[offset:]
    for match in reversed(list(_STATED.finditer(tail))):
        text = match["said"].strip() or _next_line(tail, match.end())
        if text:
            yield Stated(text, offset + match.start())


def last_line(reply: str) -> str | None:
    """The last line that holds more than markup; None for a blank reply."""
    lines = [line.strip() for line in reply[-TAIL:].splitlines()]
    return next((line for line in reversed(lines) if line.strip("*_`#>-$\\[] ")), None)


def last_block(reply: str) -> str | None:
    """The last fenced code block, else the last paragraph (lines with no blank line between); None for a blank reply."""
    fenced = re.findall(r"```[^\n]*\n(.*?)```", reply[-TAIL:], re.DOTALL)
    if fenced and fenced[-1].strip():
        return str(fenced[-1]).strip("\n")
    blocks = [block.strip("\n") for block in re.split(r"\n[ \t]*\n", reply[-TAIL:]) if block.strip()]
    return blocks[-1] if blocks else None


def plain(text: str) -> str:
    r"""A short text without TeX wrappers, math delimiters, markdown and closing punctuation: `$\text{(B)}$.` becomes
    `(B)`.
    """
    text = _unwrap(text)
    text = _DELIMITERS.sub("", text).replace("{,}", ",")
    text = _SPACING.sub(" ", text)
    text = text.replace(r"\%", "%").replace(r"\$", "$").replace(r"\&", "&").replace(r"\_", "_")
    text = _BOLD.sub("", text).replace("`", "").replace("\u00a0", " ").replace("\u202f", " ")
    return " ".join(text.split()).strip("*_ ").rstrip(".;,!").strip("*_ ")


def _unwrap(text: str) -> str:
    r"""Removes `\text{...}` and its kind, inner ones too."""
    for _ in range(20):
        match = _WRAPPER.search(text)
        if match is None:
            return text
        inside = _braced(text, match.end() - 1)
        if inside is None:
            return text[: match.start()] + text[match.end() :]
        text = text[: match.start()] + inside + text[match.end() + len(inside) + 1 :]
    return text


def _braced(text: str, start: int) -> str | None:
    """What stands between the brace at `start` and its partner; None when it is never closed."""
    depth = 0
    escaped = False
    for index in range(start, len(text)):
        char = text[index]
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : index]
    return None


def _next_line(text: str, start: int) -> str:
    """The first line after `start` that holds more than markup."""
    for line in text[start:].splitlines():
        if line.strip("*_`#>-$\\[] \t"):
            return line.strip()
    return ""
