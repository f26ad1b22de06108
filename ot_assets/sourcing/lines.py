"""JSON lines as raw rows, from any stream of bytes: a file, a member of a wheel.

A line that is no UTF-8, no JSON, no object, or longer than 64 MiB is a bad row that names its line; blank lines are
no rows. The index of a row is its line, from 0. Memory holds one line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO

from ot_assets.sourcing.rows import RawRow

LONGEST = 64 * 1024 * 1024
"""Bytes of a line beyond which it is not read."""
ELSE = " (is the whole file in another encoding, such as latin-1? Then state it as origin.encoding)"
"""What is said of a row that is not UTF-8 where an encoding can be stated."""


def read_lines(stream: IO[bytes], file: str, *, longest: int = LONGEST, hint: str = "") -> Iterator[RawRow]:
    """One raw row a line that is not blank. `hint` is said of lines that are not UTF-8."""
    for index, line in enumerate(_lines(stream, longest)):
        if line is None:
            yield RawRow(file, index, None, f"line {index + 1}: longer than {longest:,} bytes")
        elif line.strip():
            yield _row(line, file, index, hint)


def _lines(stream: IO[bytes], longest: int) -> Iterator[bytes | None]:
    """The lines; None for one that is too long, which is skipped in pieces."""
    while line := stream.readline(longest + 1):
        if len(line) <= longest or line.endswith(b"\n"):
            yield line
            continue
        while (piece := stream.readline(longest)) and not piece.endswith(b"\n"):
            pass
        yield None


def _row(line: bytes, file: str, index: int, hint: str) -> RawRow:
    try:
        values = json.loads(line.decode("utf-8-sig" if index == 0 else "utf-8"))
    except UnicodeDecodeError as error:
        return RawRow(file, index, None, f"line {index + 1}: not UTF-8 at byte {error.start}{hint}")
    except json.JSONDecodeError as error:
        return RawRow(file, index, None, f"line {index + 1}: not JSON: {error.msg} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, brackets without end
        return RawRow(file, index, None, f"line {index + 1}: not JSON: {type(error).__name__}")
    if not isinstance(values, dict):
        return RawRow(file, index, None, f"line {index + 1}: a JSON {type(values).__name__}, not an object")
    return RawRow(file, index, values)
