r"""JSON lines whose questions have several right answers: `gold` is the first, and a pattern takes any of them.

Option of the origin: `column`, the list of answers (default `answer`). Columns that are added: gold, and verifier_args for
`verifier: regex`. An answer matches whatever its case, spacing, punctuation and leading article, as open question
answering is scored (lower case, no punctuation, no articles: the evaluation script of SQuAD). Without an answer both are
null. UserError for an option that there is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, Any

from ot_assets.registry.errors import suggestion
from ot_assets.registry.specs.origin import WheelOrigin
from ot_assets.sourcing.lines import read_lines
from ot_assets.sourcing.rows import RawRow
from resources.errors import UserError

_ARTICLE = r"(?:(?:a|an|the)\s+)?"
_ENDS = r"[\W_]*"


def read_answers(stream: IO[bytes], member: str, key: str, origin: WheelOrigin) -> Iterator[RawRow]:
    """One raw row a line."""
    column = _column(key, origin)
    for row in read_lines(stream, member):
        yield row if row.values is None else replace(row, values=_with_answers(row.values, column))


def pattern(answers: list[str]) -> str | None:
    """A pattern that any of the answers matches as a whole; None without one."""
    ways = list(dict.fromkeys(way for answer in answers if (way := _way(answer))))
    return f"{_ENDS}{_ARTICLE}(?:{'|'.join(ways)}){_ENDS}" if ways else None


def _with_answers(values: Mapping[str, Any], column: str) -> dict[str, Any]:
    found = values.get(column)
    answers = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str) and _way(one)]
    args = {"pattern": pattern(answers), "flags": "i"}
    return {
        **values,
        "gold": answers[0] if answers else None,
        "verifier_args": json.dumps(args, ensure_ascii=False) if answers else None,
    }


def _way(answer: str) -> str:
    """An answer's words, with anything but words between them."""
    words = re.findall(r"[^\W_]+", re.sub(r"^\W*(?:a|an|the)\s+", "", answer.strip(), flags=re.IGNORECASE))
    return r"[\W_]+".join(re.escape(word) for word in words)


def _column(key: str, origin: WheelOrigin) -> str:
    for name in origin.options:
        if name != "column":
            raise UserError(
                f"{key}: origin.options has no {name!r} for reader: answers{suggestion(name, ['column'])}",
                fix=f"correct origin.options in {key}.yaml",
            )
    return str(origin.options.get("column", "answer"))
