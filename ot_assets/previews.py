"""A few rows of a data set as a markdown table, for the UI and for cards.

Belongs here: turning cells of any type into one safe, short line each. Contract: the table renders wherever markdown
does, whatever the cells hold: pipes, line breaks, backticks and HTML come out as text and never as markup, and a long
text is cut with its full length beside it. Chat messages show as `role: text`. Never fails on a frame.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

import polars as pl

_SPACE = re.compile(r"\s+")
# What markdown would take for markup; html.escape has dealt with <, > and & before.
_MARKUP = re.compile(r"([\\`*_\[\]|~$])")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_MOST_ITEMS = 6


def preview_table(
    frame: pl.DataFrame | pl.LazyFrame,
    rows: int = 5,
    width: int = 160,
    columns: Sequence[str] | None = None,
) -> str:
    """The first `rows` rows (of `columns`, in that order, where given), each cell cut at `width` characters.

    A LazyFrame is only read as far as the rows shown. Without rows the result says so.
    """
    chosen = frame.lazy().select(columns) if columns is not None else frame.lazy()
    shown = chosen.head(rows).collect()
    if shown.is_empty():
        return "*No rows.*"
    lines = [_line([_escaped(name) for name in shown.columns]), _line(["---"] * shown.width)]
    lines += [_line([cell(value, width) for value in row]) for row in shown.iter_rows()]
    return "\n".join(lines)


def cell(value: Any, width: int = 160) -> str:
    """One value as the text of one markdown cell of about `width` characters; null is shown as `—`."""
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool | int):
        return str(value)
    # Only so much is looked at: a cell may hold a megabyte.
    return _cut(_text(value, width), width)


def messages_text(messages: Sequence[Any]) -> str:
    """Chat messages in one line: `user: ... ⏎ assistant: ...`."""
    return " ⏎ ".join(f"{m['role']}: {m['content']}" for m in messages)


def _text(value: Any, width: int) -> str:
    if _is_chat(value):
        return messages_text(value[:_MOST_ITEMS]) + _more(len(value))
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_text(v, width)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(v, width) for v in value[:_MOST_ITEMS]) + _more(len(value)) + "]"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return str(value)


def _is_chat(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and m.keys() >= {"role", "content"} for m in value)
    )


def _more(length: int) -> str:
    return f" … ({length} in all)" if length > _MOST_ITEMS else ""


def _cut(text: str, width: int) -> str:
    line = _SPACE.sub(" ", text[: 4 * width]).strip()
    if len(line) <= width and len(text) <= 4 * width:
        return _escaped(line)
    # At a character of its own: escaping comes after cutting, so no entity is cut in half.
    return f"{_escaped(line[: max(1, width - 1)])}… ({len(text):,} characters)"


def _escaped(text: str) -> str:
    visible = _CONTROL.sub("\ufffd", text)
    return _MARKUP.sub(r"\\\1", html.escape(visible, quote=False))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
