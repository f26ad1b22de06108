"""Worked solutions of generated questions, where the item itself shows the way to its answer.

`worked_solution` is pure: item in, text out, None where no honest way is known. Whatever it writes ends at the item's own
gold answer; an item whose gold answer the way does not reach gives None, and is never explained wrongly.

Sums are taken apart into tens and units (41 + 27 = 41 + 20 + 7 = 61 + 7 = 68): each step is one that a small model can do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_SUM = re.compile(r"^\s*(\d+)\s*([+-])\s*(\d+)\s*$")
_PRODUCT = re.compile(r"^\s*(\d+)\s*\*\s*(\d+)\s*$")


def worked_solution(dataset: str, entry: Mapping[str, Any]) -> str | None:
    """The worked solution of an item (`question`, `answer`, `metadata`) of a reasoning-gym generator, or None."""
    solve = _SOLVERS.get(dataset)
    if solve is None or not entry.get("answer"):
        return None
    expression = str(entry["metadata"].get("expression", ""))
    text = solve(expression)
    if text is None or not _ends_at(text, str(entry["answer"])):
        return None
    return text


def _ends_at(text: str, answer: str) -> bool:
    return text.rsplit("=", 1)[-1].strip() == answer.strip()


def _sum(expression: str) -> str | None:
    """`a + b` or `a - b` of whole numbers; sums of more terms are left alone."""
    found = _SUM.match(expression)
    if found is None:
        return None
    a, sign, b = int(found[1]), found[2], int(found[3])
    if sign == "+":
        return f"{a} + {b} = {_plus(a, b)}"
    if a >= b:
        return f"{a} - {b} = {_minus(a, b)}"
    return f"{b} is larger than {a}: {b} - {a} = {_minus(b, a)}\n{a} - {b} = {a - b}"


def _product(expression: str) -> str | None:
    """`a * b`: a times each digit of b, then the sum."""
    found = _PRODUCT.match(expression)
    if found is None:
        return None
    a, b = int(found[1]), found[2]
    parts = [(int(digit) * 10**place) for place, digit in enumerate(reversed(b)) if digit != "0"]
    if len(parts) < 2:
        return f"{a} * {b} = {a * int(b)}"
    lines = [f"{a} * {part} = {a * part}" for part in parts]
    total = " + ".join(str(a * part) for part in parts)
    return "\n".join([*lines, f"{a} * {b} = {total} = {a * int(b)}"])


def _plus(a: int, b: int) -> str:
    tens, units = b // 10 * 10, b % 10
    return f"{a + b}" if not tens or not units else f"{a} + {tens} + {units} = {a + tens} + {units} = {a + b}"


def _minus(a: int, b: int) -> str:
    tens, units = b // 10 * 10, b % 10
    return f"{a - b}" if not tens or not units else f"{a} - {tens} - {units} = {a - tens} - {units} = {a - b}"


_SOLVERS: dict[str, Callable[[str], str | None]] = {"chain_sum": _sum, "products": _product}
