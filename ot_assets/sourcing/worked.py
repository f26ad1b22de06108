"""Worked solutions of generated questions, where the item itself shows the way to its answer.

`worked_solution` is pure: item in, text out, None where no honest way is known. Whatever it writes ends at the item's
own gold answer; an item whose gold answer the way does not reach gives None, and is never explained wrongly. The text
is the reasoning alone: whoever writes an example puts it between the student's tags and the gold answer below.

Sums are taken apart into tens and units (41 + 27 = 41 + 20 + 7 = 61 + 7 = 68): each step is one that a small model
can do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from ot_assets.sourcing.worked_logic import knights_and_knaves

_TERM = re.compile(r"\s*([+-])\s*(\d+)")
_SUM = re.compile(r"\s*(\d+)((?:\s*[+-]\s*\d+)+)\s*")
_PRODUCT = re.compile(r"\s*(\d+)\s*\*\s*(\d+)\s*")


def worked_solution(dataset: str, entry: Mapping[str, Any]) -> str | None:
    """The worked solution of an item (`question`, `answer`, `metadata`) of a reasoning-gym generator, or None."""
    solve = _SOLVERS.get(dataset)
    if solve is None or not entry.get("answer"):
        return None
    text = solve(entry["metadata"])
    if text is None or not _ends_at(text, str(entry["answer"])):
        return None
    return text


def _ends_at(text: str, answer: str) -> bool:
    return text.splitlines()[-1].rsplit("= ", 1)[-1].strip() == answer.strip()


def _sum(metadata: Mapping[str, Any]) -> str | None:
    """`a + b - c ...` of whole numbers, from left to right; negative terms are left alone."""
    found = _SUM.fullmatch(str(metadata["expression"]))
    if found is None:
        return None
    total, lines = int(found[1]), []
    for sign, number in _TERM.findall(found[2]):
        term = int(number)
        nothing_less = f"{total} - 0 = {total}" if sign == "-" and not term else None
        lines.append(nothing_less or _step(total, term if sign == "+" else -term))
        total += term if sign == "+" else -term
    if len(lines) > 1:
        lines.append(f"{str(metadata['expression']).strip()} = {total}")
    return "\n".join(lines)


def _step(a: int, b: int) -> str:
    """One term more or less, in steps that stay below or above zero; a result that crosses zero is turned round first."""
    if b >= 0 and a >= 0:
        return f"{a} + {b} = {_plus(a, b)}"
    if b < 0 and a >= -b:
        return f"{a} - {-b} = {_minus(a, -b)}"
    if a >= 0:
        return f"{-b} is larger than {a}: {-b} - {a} = {_minus(-b, a)}\n{a} - {-b} = {a + b}"
    if b < 0:
        return f"{-a} + {-b} = {_plus(-a, -b)}\n{a} - {-b} = {a + b}"
    if b >= -a:
        return f"{b} - {-a} = {_minus(b, -a)}\n{a} + {b} = {a + b}"
    return f"{-a} - {b} = {_minus(-a, b)}\n{a} + {b} = {a + b}"


def _plus(a: int, b: int) -> str:
    tens, units = b // 10 * 10, b % 10
    return f"{a + b}" if not tens or not units else f"{a} + {tens} + {units} = {a + tens} + {units} = {a + b}"


def _minus(a: int, b: int) -> str:
    tens, units = b // 10 * 10, b % 10
    return f"{a - b}" if not tens or not units else f"{a} - {tens} - {units} = {a - tens} - {units} = {a - b}"


def _product(metadata: Mapping[str, Any]) -> str | None:
    """`a * b`: a times each digit of b, then the sum."""
    found = _PRODUCT.fullmatch(str(metadata["expression"]))
    if found is None:
        return None
    a, b = int(found[1]), found[2]
    parts = [(int(digit) * 10**place) for place, digit in enumerate(reversed(b)) if digit != "0"]
    if len(parts) < 2:
        return f"{a} * {b} = {a * int(b)}"
    lines = [f"{a} * {part} = {a * part}" for part in parts]
    total = " + ".join(str(a * part) for part in parts)
    return "\n".join([*lines, f"{a} * {b} = {total} = {a * int(b)}"])


def _gcd(metadata: Mapping[str, Any]) -> str | None:
    """Euclid: the remainder takes the place of the larger number until nothing remains; more numbers one after the
    other.
    """
    first, *others = (int(number) for number in metadata["numbers"])
    lines = []
    for number in others:
        a, b = max(first, number), min(first, number)
        if b < 1:
            return None
        while b:
            lines.append(f"{a} = {a // b} * {b} + {a % b}")
            a, b = b, a % b
        first = a
    numbers = ", ".join(str(number) for number in metadata["numbers"])
    return "\n".join([*lines, f"gcd({numbers}) = {math.gcd(*map(int, metadata['numbers']))}"])


def _letters(metadata: Mapping[str, Any]) -> str | None:
    """Every word with how often it holds the letter, then the sum."""
    letter, counts = metadata["target_letter"], {}
    for place, word in enumerate(metadata["span"]):
        counts[place] = word.lower().count(letter)
    lines = [f"{word}: {counts[place]}" for place, word in enumerate(metadata["span"])]
    held = [str(count) for count in counts.values() if count]
    total = f" {' + '.join(held)} =" if len(held) > 1 else " ="
    return "\n".join([*lines, f"in all{total} {sum(counts.values())}"])


_SOLVERS: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "chain_sum": _sum,
    "products": _product,
    "gcd": _gcd,
    "letter_counting": _letters,
    "knights_knaves": knights_and_knaves,
}
