"""From a part as it is written to a part as it is carried out: rankings looked up, numbers filled in.

Belongs here: the arithmetic of ``rows``. A recipe's rows are training rows, one a question and answer (before the answer
filter, for each teacher): a part gets its ratio of them, and asks (its rows) // (answers a question) questions. That number is
the last cut of the part, after all its other steps. Whatever comes before does not depend on it, so the questions
of a smaller number are a subset of those of a larger one. Pure; fails with ``ValueError``, which becomes a finding of
``ot check``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ot_assets.registry.specs.part import Part
from ot_assets.registry.specs.quotas import apportion
from ot_assets.registry.specs.select import Random, keeps_rows, rows_of


def questions_of(parts: Mapping[str, Part], rows: int | None, answers: Callable[[str], int]) -> dict[str, int]:
    """Questions that each part is cut to; empty where the recipe has no rows."""
    if rows is None:
        stated = [name for name, part in parts.items() if part.ratio is not None]
        if stated:
            raise ValueError(f"part {stated[0]} has a ratio, but the recipe says no rows: in all to divide")
        return {}
    ratios = _ratios(parts, answers)
    found = {}
    for (name, share), own in zip(ratios.items(), apportion(rows, list(ratios.values())), strict=True):
        found[name] = own // answers(name)
        if not found[name]:
            raise ValueError(
                f"rows: {rows:,} gives part {name} {own:,} rows (ratio {share:g}), less than one question with "
                f"{answers(name)} answers"
            )
    return found


def exact_part(
    name: str, part: Part, rankings: Mapping[str, tuple[str, ...]], questions: int | None, rows: int | None
) -> Part:
    """The part with nothing left open; a part that leaves nothing open is given back as it is."""
    part = _ranked(name, part, rankings)
    if questions is None:
        if _open(part):
            raise ValueError(f"the last step of part {name} says no rows, and neither does the recipe (rows:)")
        return part
    if part.most is not None and questions > part.most:
        raise ValueError(
            f"rows: {rows:,} asks for {questions:,} questions of part {name}, but its steps leave at most {part.most:,}"
        )
    return part.model_copy(update={"select": _cut(part, questions)})


def _cut(part: Part, questions: int) -> tuple[object, ...]:
    """The steps with the last cut: the number of a last step that has none, or a random draw after all others."""
    if _open(part):
        return (*part.select[:-1], part.select[-1].model_copy(update={"rows": questions}))
    return (*part.select, Random(kind="random", rows=questions))


def _open(part: Part) -> bool:
    """Whether its last step leaves the number of rows to the recipe."""
    return bool(part.select) and keeps_rows(part.select[-1]) and rows_of(part.select[-1]) is None


def _ranked(name: str, part: Part, rankings: Mapping[str, tuple[str, ...]]) -> Part:
    if part.top is None:
        return part
    if isinstance(part.ranking, str):
        if part.ranking not in rankings:
            known = ", ".join(rankings) or "none"
            raise ValueError(f"part {name}: no ranking {part.ranking!r} in rankings; there are: {known}")
        part = Part.model_validate({**dict(part), "ranking": rankings[part.ranking]})
    return part.model_copy(update={"sources": part.used, "top": None, "ranking": ()})


def _ratios(parts: Mapping[str, Part], answers: Callable[[str], int]) -> dict[str, float]:
    """Each part's share of the rows: as stated, or in proportion to what the parts come to by themselves."""
    stated = {name: part.ratio for name, part in parts.items() if part.ratio is not None}
    if len(stated) == len(parts):
        return stated
    if stated:
        missing = ", ".join(name for name in parts if name not in stated)
        raise ValueError(f"either every part has a ratio or none has; {missing} has none")
    if len(parts) == 1:
        return dict.fromkeys(parts, 1.0)
    own = {name: None if _open(part) else part.most for name, part in parts.items()}
    unknown = [name for name, most in own.items() if most is None]
    if unknown:
        raise ValueError(
            f"rows: needs a ratio in every part (such as 850, 250, 100), since nothing says how many rows {unknown[0]} comes to"
        )
    return {name: float(most * answers(name)) for name, most in own.items() if most is not None}
