"""Whether what a program gave is what was expected, compared outside the sandbox, exactly as the task says.

Values are compared as they crossed the wall (`resources.sandbox.inside.values`), never turned back into objects: no
code, hash or arithmetic of a hostile value is run here. Every function gives "" where they agree, else how they
differ, in words. Linear but for `ordered: false` together with a tolerance, which compares each with each, and only
up to 2,000 entries.
"""

from __future__ import annotations

import doctest
import json
import math
import re
from typing import Any

from ot_assets.verification.code_tests import Comparison, Example
from ot_assets.verification.verdict import short

_HEX = re.compile(r"-?0x[0-9a-f]{1,100000}")
_NUMBER = re.compile(
    r"[+-]?(?:\d{1,400}\.?\d{0,400}|\.\d{1,400})(?:[eE][+-]?\d{1,5})?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE
)
_MOST_PAIRS = 2_000


def value_differs(expected: Any, got: Any, how: Comparison) -> str:
    """How a function's value differs from the expected one; both as `values.encode` writes them."""
    if isinstance(got, dict) and got.get("$") == "other":
        return f"gave a {short(str(got.get('type')), 40)}, which cannot be compared: {shown(got.get('repr'))}"
    exact = how.types == "exact"
    try:
        same = _same_top(_plain(expected, exact), _plain(got, exact), how)
    except (RecursionError, ValueError) as error:
        return f"the value cannot be compared: {short(str(error), 80)}"
    if same:
        return ""
    return f"expected {shown(expected)}, got {shown(got)}"


def text_differs(expected: str, got: str, how: Comparison) -> str:
    """How an output differs from the expected one."""
    wanted, found = _lines(expected, how), _lines(got, how)
    if not how.ordered:
        wanted, found = sorted(wanted), sorted(found)
    if wanted == found:
        return ""
    if len(wanted) != len(found):
        return f"expected {len(wanted)} lines, got {len(found)}: expected {shown(expected)}, got {shown(got)}"
    for number, (want, line) in enumerate(zip(wanted, found, strict=True), 1):
        if want != line and not _near_words(want, line, how):
            return f"line {number}: expected {shown(want)}, got {shown(line)}"
    return ""


def example_differs(example: Example, said: dict[str, Any]) -> str:
    """How an example's output differs from what its documentation shows, by the rules of `doctest`."""
    message, printed = said.get("message"), said.get("printed")
    checker = doctest.OutputChecker()
    if not isinstance(message, str):
        if example.raises is not None:
            return f"expected {shown(example.raises)}, nothing was raised"
        got = printed if isinstance(printed, str) else ""
        same = checker.check_output(example.want, got, example.flags)
        return "" if same else f"expected {shown(example.want)}, got {shown(got)}"
    if example.raises is None:
        return f"raised {shown(message)}"
    wanted, found = example.raises, message
    if example.flags & doctest.IGNORE_EXCEPTION_DETAIL:
        wanted, found = _exception(wanted), _exception(found)
    same = checker.check_output(wanted, found, example.flags)
    return "" if same else f"expected {shown(example.raises)}, raised {shown(message)}"


def shown(value: Any) -> str:
    """A value or a text in few words."""
    try:
        return short(value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False), 120)
    except (ValueError, TypeError, RecursionError):
        return "a value that cannot be shown"


def _same_top(expected: Any, got: Any, how: Comparison) -> bool:
    if how.ordered or not (isinstance(expected, list) and isinstance(got, list)):
        return _same(expected, got, how)
    if len(expected) != len(got):
        return False
    if how.float_tolerance is None:
        return _same(sorted(expected, key=_key), sorted(got, key=_key), how)
    if len(got) > _MOST_PAIRS:
        raise ValueError("too many entries to compare each with each")
    left = list(got)
    for one in expected:
        place = next((number for number, other in enumerate(left) if _same(one, other, how)), None)
        if place is None:
            return False
        del left[place]
    return True


def _same(expected: Any, got: Any, how: Comparison) -> bool:
    """Whether two plain values are the same."""
    if _number(expected) and _number(got):
        return _near(expected, got, how)
    if type(expected) is not type(got):
        return False
    if isinstance(expected, list):
        return len(expected) == len(got) and all(_same(a, b, how) for a, b in zip(expected, got, strict=True))
    if isinstance(expected, dict):
        return expected.keys() == got.keys() and all(_same(one, got[key], how) for key, one in expected.items())
    return bool(expected == got)


def _plain(value: Any, exact: bool) -> Any:
    """A value in the one form in which equal ones are equal: sets and pairs sorted, long numbers read."""
    if isinstance(value, list):
        return [_plain(one, exact) for one in value]
    if not isinstance(value, dict):
        return value
    kind, inner = value.get("$"), value.get("v")
    if "$" not in value:
        return {key: _plain(one, exact) for key, one in value.items()}
    if kind == "tuple" and not exact:
        return _plain(inner, exact)
    if kind == "int" and isinstance(inner, str) and _HEX.fullmatch(inner):
        return int(inner, 16)
    if kind == "float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    if kind in ("set", "dict") and isinstance(inner, list):
        return {"$": kind, "v": sorted((_plain(one, exact) for one in inner), key=_key)}
    if kind == "other":
        raise ValueError("it holds an object that is no plain value")
    return {"$": kind, "v": _plain(inner, exact)}


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _near(expected: float, got: float, how: Comparison) -> bool:
    """Whether two numbers are the same, or near enough where the task gives a tolerance."""
    if how.types == "exact" and type(expected) is not type(got):
        return False
    if expected == got or (expected != expected and got != got):
        return True
    if how.float_tolerance is None or (type(expected) is int and type(got) is int):
        return False
    try:
        return math.isclose(expected, got, rel_tol=how.float_tolerance, abs_tol=how.float_tolerance)
    except OverflowError:
        return False


def _lines(text: str, how: Comparison) -> list[str]:
    """An output in the parts that are compared."""
    if how.whitespace == "exact":
        return text.split("\n")
    text = text.replace("\r\n", "\n")
    if how.whitespace == "tokens":
        lines = [" ".join(line.split()) for line in text.split("\n")]
        return [line for line in lines if line] if not how.ordered else text.split()
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _near_words(expected: str, got: str, how: Comparison) -> bool:
    """Whether two lines are the same but for numbers that are near enough."""
    if how.float_tolerance is None:
        return False
    wanted, found = expected.split(), got.split()
    return len(wanted) == len(found) and all(
        a == b or (bool(_NUMBER.fullmatch(a) and _NUMBER.fullmatch(b)) and _near(float(a), float(b), how))
        for a, b in zip(wanted, found, strict=True)
    )


def _exception(message: str) -> str:
    """The bare name of an exception in its message."""
    return message.partition(":")[0].strip().rpartition(".")[2]
