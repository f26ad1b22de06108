"""Worked solutions of knights and knaves: every assignment is tried, and each wrong one is shown to contradict a
statement.

Statements are reasoning-gym's: `("telling-truth", i)`, `("lying", i)`, `("not", s)`, `("and" | "or", s, ...)`,
`("->", s, t)` and `("<=>", s, t)`, person i's own statement at place i. Pure; an item that the search does not solve
uniquely gives None.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_PEOPLE = 3
"""Assignments double with each person; beyond this the text is longer than it is worth."""


def knights_and_knaves(metadata: Mapping[str, Any]) -> str | None:
    """Tries the assignments in order. Ends with the answer in the form that the question asks for."""
    names = [str(name) for name in metadata["names"]]
    statements = metadata["statements"]
    if len(names) > _MOST_PEOPLE:
        return None
    lines, solutions = [], []
    for truthful in itertools.product((True, False), repeat=len(names)):
        who = next((i for i, said in enumerate(statements) if _holds(said, truthful) != truthful[i]), None)
        roles = _roles(names, truthful, metadata["knight_knave_terms"])
        if who is None:
            solutions.append(roles)
            lines.append(f"Suppose {_list(roles)}: every statement fits.")
        else:
            lines.append(f"Suppose {_list(roles)}: {_contradiction(names[who], truthful[who])}")
    if len(solutions) != 1:
        return None
    return "\n".join([*lines, ", ".join(solutions[0][:-1]) + f", and {solutions[0][-1]}."])


def _holds(statement: Sequence[Any], truthful: Sequence[bool]) -> bool:
    kind, *parts = statement
    if kind == "telling-truth":
        return bool(truthful[parts[0]])
    if kind == "lying":
        return not truthful[parts[0]]
    values = [_holds(part, truthful) for part in parts]
    if kind == "not":
        return not values[0]
    if kind == "->":
        return not values[0] or values[1]
    if kind == "<=>":
        return values[0] == values[1]
    return all(values) if kind == "and" else any(values)


def _roles(names: Sequence[str], truthful: Sequence[bool], terms: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} is {terms['a_knight'] if true else terms['a_knave']}"
        for name, true in zip(names, truthful, strict=True)
    ]


def _list(roles: Sequence[str]) -> str:
    return " and ".join([", ".join(roles[:-1]), roles[-1]]) if len(roles) > 1 else roles[0]


def _contradiction(name: str, truthful: bool) -> str:
    if truthful:
        return f"what {name} said would be false, but {name} would be telling the truth. No."
    return f"what {name} said would be true, but {name} would be lying. No."
