"""Which columns a spec asks for, whether the data has them, and which rows its `where` selects.

Fails with `UserError`, naming the source, the column asked for, the columns that there are and the nearest of them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any

from ot_assets.registry.errors import suggestion
from ot_assets.registry.specs.source import QuestionSet
from resources.errors import UserError

_SHOWN = 5


def asked_columns(spec: QuestionSet) -> dict[str, str]:
    """Column -> the field of the spec that asks for it."""
    asked: dict[str, str] = {}
    for field, value in spec.columns.to_dict().items():
        if field == "gold_is" or value is None:
            continue
        for name in [value] if isinstance(value, str) else value:
            asked.setdefault(name, f"columns.{field}")
    for name in template_fields(spec.question_template or ""):
        asked.setdefault(name, "question_template")
    for name in spec.where:
        asked.setdefault(name, "where")
    return asked


def template_fields(template: str) -> list[str]:
    """Columns that a `str.format` template names, each once."""
    fields = [field for _, field, _, _ in string.Formatter().parse(template) if field]
    return list(dict.fromkeys(field.split(".")[0].split("[")[0] for field in fields))


def require(spec: QuestionSet, there: Iterable[str], where: str) -> None:
    """Raises UserError for the first column that the spec asks for and the data lacks. `where` names the data."""
    known = sorted(set(there))
    for name, field in asked_columns(spec).items():
        if name not in known:
            raise UserError(
                f"{spec.key}: {where} has no column {name!r}, which {field} asks for{suggestion(name, known)}",
                fix=f"correct {field} in {spec.key}.yaml",
            )


class Selection:
    """The rows that a spec's `where` keeps, and whether each of its values was ever met."""

    def __init__(self, spec: QuestionSet) -> None:
        self._key = spec.key
        self._wanted = {name: value if isinstance(value, tuple) else (value,) for name, value in spec.where.items()}
        self._met: dict[str, set[int]] = {name: set() for name in self._wanted}
        self._seen: dict[str, dict[str, None]] = {name: {} for name in self._wanted}

    def keeps(self, values: Mapping[str, Any]) -> bool:
        """Whether a row has all the values asked for."""
        kept = True
        for name, wanted in self._wanted.items():
            hits = {index for index, one in enumerate(wanted) if _equal(values.get(name), one)}
            self._met[name] |= hits
            if not hits:
                kept = False
                if len(self._seen[name]) < _SHOWN:
                    self._seen[name][repr(values.get(name))[:60]] = None
        return kept

    def check_all_met(self) -> None:
        """At the end of the data: raises UserError for a value that no row had, since then a filter does nothing or
        everything.
        """
        for name, wanted in self._wanted.items():
            for index, value in enumerate(wanted):
                if index not in self._met[name]:
                    others = ", ".join(self._seen[name]) or "only the other values asked for"
                    raise UserError(
                        f"{self._key}: where.{name}: no row has {value!r}; values there: {others}",
                        fix=f"correct where.{name} in {self._key}.yaml",
                    )


def _equal(value: Any, wanted: Any) -> bool:
    """Whether a cell is the value asked for. In text formats (csv) every cell is text, so `3` and `"3"` agree there."""
    if isinstance(value, bool) != isinstance(wanted, bool) and not isinstance(value, str):
        return False
    if value == wanted:
        return True
    if isinstance(value, str) and wanted is not None and not isinstance(wanted, str):
        return value.strip().casefold() == str(wanted).casefold()
    return False
