"""What `verifier_args` may hold for the verifiers that take settings: exact, regex and majority.

Belongs here: the settings as frozen values, and their reading. Contract: `check` says what is wrong with settings, for
`ot check` and for rows that bring their own; `of` reads them and leaves out what is wrong, never raising. What a verifier
does not know is a fault, so that a slip is not a silent default; `options` (of a choice question) belongs to all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, TypeVar, get_args, get_type_hints

Of = Literal["math", "choice", "exact"]
"""How the answers are read that a majority counts."""


@dataclass(frozen=True, slots=True)
class ExactArgs:
    """How texts are compared: `case` and `space` are ignored or count."""

    case: Literal["ignore", "keep"] = "ignore"
    """`keep`: `Paris` is not `paris`."""
    space: Literal["collapse", "ignore", "keep"] = "collapse"
    """`collapse`: runs of white space are one space; `ignore`: `a b` is `ab`."""


@dataclass(frozen=True, slots=True)
class RegexArgs:
    """A pattern of Python's `re`, and where it must match."""

    pattern: str = ""
    """With a group named `answer`, what that group holds must also equal the gold answer (as `exact` compares)."""
    match: Literal["full", "search"] = "full"
    """`full`: the whole of the answer that the reply states; `search`: somewhere in the reply."""
    flags: str = ""
    """Letters of `re`'s flags: i, m, s, x."""


@dataclass(frozen=True, slots=True)
class MajorityArgs:
    """How the answers to one question are counted."""

    of: Of | Literal["auto"] = "auto"
    """How an answer is read; `auto` is choice where the question has options, else math."""
    least: int = 2
    """So many answers must agree: one answer alone is no majority."""
    when: Literal["always", "no_gold"] = "always"
    """`no_gold`: a question with a gold answer is judged by it; only the others by the majority (a pseudo gold)."""


KINDS = {"exact": ExactArgs, "regex": RegexArgs, "majority": MajorityArgs}
"""Verifier -> its settings."""

Args = TypeVar("Args", ExactArgs, RegexArgs, MajorityArgs)
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
_SHARED = frozenset({"options"})


def of(kind: type[Args], verifier_args: str | None) -> Args:
    """The settings in a row's `verifier_args`; what is not there, or not as it should be, is the default."""
    there = _read(verifier_args)
    return kind(**{f.name: there[f.name] for f in fields(kind) if f.name in there and not _fault(kind, f.name, there)})


def check(verifier: str, there: Mapping[str, Any], *, whole: bool = True) -> str | None:
    """What is wrong with a verifier's settings, in words; None where nothing is. Verifiers without settings take any.

    `whole`: these are all settings there are, so what must be there must be among them.
    """
    kind = KINDS.get(verifier)
    if kind is None:
        return None
    known = {f.name for f in fields(kind)}
    unknown = sorted(there.keys() - known - _SHARED)
    if unknown:
        return f"{unknown[0]!r} is no setting of {verifier}; there are {', '.join(sorted(known))}"
    faults = (fault for name in known if (fault := _fault(kind, name, there)))
    wants_pattern = verifier == "regex" and (whole or "pattern" in there)
    return next(faults, None) or (pattern_fault(there) if wants_pattern else None)


def pattern_fault(there: Mapping[str, Any]) -> str | None:
    """Why the pattern of a regex cannot be used; None where it can."""
    pattern = there.get("pattern")
    if not isinstance(pattern, str) or not pattern:
        return "pattern is needed: the regular expression that an answer must match"
    try:
        compiled(pattern, str(there.get("flags", "")))
    except (re.error, RecursionError, OverflowError) as error:
        return f"pattern {pattern!r} is no regular expression: {error}"
    return None


@lru_cache(maxsize=1024)
def compiled(pattern: str, flags: str) -> re.Pattern[str]:
    """The compiled pattern; `re.error` for one that is none."""
    value = re.RegexFlag(0)
    for letter in flags:
        value |= _FLAGS.get(letter, re.RegexFlag(0))
    return re.compile(pattern, value)


def _read(verifier_args: str | None) -> dict[str, Any]:
    try:
        there = json.loads(verifier_args or "{}")
    except ValueError:
        return {}
    return there if isinstance(there, dict) else {}


def _fault(kind: type[Any], name: str, there: Mapping[str, Any]) -> str | None:
    """What is wrong with one setting; None where it is absent or fine."""
    if name not in there:
        return None
    value, wanted = there[name], get_type_hints(kind)[name]
    if wanted is int:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        return None if good else f"{name} must be a whole number of 1 or more, not {value!r}"
    if wanted is str:
        if not isinstance(value, str):
            return f"{name} must be text, not {value!r}"
        strange = sorted(set(value) - _FLAGS.keys()) if name == "flags" else []
        return f"flags may hold {', '.join(_FLAGS)}, not {strange[0]!r}" if strange else None
    allowed = _literals(wanted)
    return None if value in allowed else f"{name} must be one of {', '.join(allowed)}, not {value!r}"


def _literals(wanted: Any) -> tuple[str, ...]:
    """The texts of a Literal, or of a union of such."""
    found: list[str] = []
    for one in get_args(wanted):
        found += [one] if isinstance(one, str) else _literals(one)
    return tuple(found)
