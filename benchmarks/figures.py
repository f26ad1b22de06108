"""How a benchmark says its figures: one JSON line each, on stdout, so that a program may read them.

What belongs here: `figure`. A figure stands beside an alternative that was measured in the same run; `bar` is what the
project promises, and `holds` whether this run kept it. Everything else that a benchmark has to say goes to stderr.
"""

from __future__ import annotations

import json
import sys


def figure(
    name: str,
    value: float,
    unit: str,
    *,
    alternative: str,
    other: float | None = None,
    ratio: float | None = None,
    bar: str = "",
    holds: bool | None = None,
) -> None:
    """Prints one figure. `alternative` names what it was compared with and `other` is that one's figure in the same
    unit; `ratio` is value / other unless it is given. Without a bar, `holds` is None.
    """
    if ratio is None and other:
        ratio = value / other
    said = {
        "name": name,
        "value": _short(value),
        "unit": unit,
        "alternative": alternative,
        "other": _short(other),
        "ratio": _short(ratio),
        "bar": bar,
        "holds": holds,
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """A line for a person, on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
