"""How many rows a recipe's parts come to, and how many of them a teacher turns into examples.

Pure. A source that nobody gave a size is taken to be large enough; nothing is taken to be contaminated or wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ot_assets.planning.answer_filters import kept_answers, most_rows
from ot_assets.registry import Part, RecipeSpec, Registry, SourceSpec, TeacherSpec
from ot_assets.registry.specs.select import Band, Step, rows_of
from ot_assets.registry.specs.written import WrittenOrigin


@dataclass(frozen=True)
class Drawn:
    """A part: rows drawn, rows left after its steps, rows of each source among those drawn, and answers a question.

    `short` are rows that its declared sources cannot give, by source.
    """

    domain: str
    pool: int | None
    left: int
    by_source: Mapping[str, int | None]
    answers: int = 1
    short: Mapping[str, int] = field(default_factory=dict)


def summed(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Numbers of the same name added up, names in the order in which they first come."""
    found: dict[str, int] = {}
    for name, number in pairs:
        found[name] = found.get(name, 0) + number
    return found


def written_size(registry: Registry, key: str) -> int | None:
    """Questions of a source, counting those of the parents of a written one; None where nobody said."""
    source = registry.source(key)
    if source.size is not None or not isinstance(source.origin, WrittenOrigin) or source.origin.parents.source is None:
        return source.size
    above = written_size(registry, source.origin.parents.source)
    return None if above is None else source.origin.at_most(above * source.origin.per_call)


def draw(registry: Registry, part: Part, answers: int = 1) -> Drawn:
    """Rows of one part (as `RecipeSpec.exact_parts` has it); an unknown size is taken to be large enough.

    Nothing is taken to be contaminated, and steps that drop by what rows are (dedup, clean, threshold) to drop nothing: every
    figure is an upper bound.
    """
    sizes = {draw.source: written_size(registry, draw.source) for draw in part.used}
    wanted = _wanted(part, sizes)
    distinct = {key: _least(wanted[key], size) for key, size in sizes.items()}
    drawn = dict(wanted) if part.fill == "repeat" else dict(distinct)
    pool, left, most = total(drawn), total(drawn), total(distinct)
    for step in part.select:
        left = _least(left, most if step.kind == "dedup" else _kept(step, left))
    lacks = {
        key: rows - (drawn[key] or 0)
        for key, rows in wanted.items()
        if rows is not None and rows > (drawn[key] or rows)
    }
    return Drawn(part.domain, pool, left or 0, drawn, answers, lacks)


def _wanted(part: Part, sizes: Mapping[str, int | None]) -> dict[str, int | None]:
    """Rows wanted of each source: its quota, or all it has (None where nobody said how many)."""
    known = {key: size for key, size in sizes.items() if size is not None}
    if part.temperature is not None and len(known) < len(sizes):
        part = part.model_copy(update={"temperature": None})  # nobody knows: as if all were of one size
    quotas = part.quotas(known) or {}
    return {key: size if (quota := quotas.get(key)) is None else quota for key, size in sizes.items()}


def _kept(step: Step, left: int | None) -> int | None:
    """Rows that a step keeps at most of those that reach it; None = all."""
    if isinstance(step, Band) and left is not None and step.within == "part":
        return round(left * step.high) - round(left * step.low)
    return rows_of(step)


def _least(one: int | None, other: int | None) -> int | None:
    """The smaller of two numbers of which either may not be known."""
    return other if one is None else one if other is None else min(one, other)


def total(sizes: Mapping[str, int | None]) -> int | None:
    """The sum, or None when a number is not known."""
    numbers = [size for size in sizes.values() if size is not None]
    return sum(numbers) if len(numbers) == len(sizes) else None


def examples(registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, parts: Iterable[Drawn]) -> dict[str, int]:
    """Training rows by domain. What a verifier will refuse is not known, so `verified` is an upper bound."""
    limit = most_rows(recipe.answer_filter)
    rows = summed(
        (
            part.domain,
            answerable(registry, recipe, teacher, part, judged=True)
            * kept_answers(recipe.answer_filter, answers_of(part, teacher)),
        )
        for part in parts
    )
    whole_set = sum(rows.values())
    if limit is None or whole_set <= limit:
        return rows
    exact = {domain: number * limit / whole_set for domain, number in rows.items()}
    whole = {domain: int(number) for domain, number in exact.items()}
    for domain in sorted(exact, key=lambda d: whole[d] - exact[d])[: limit - sum(whole.values())]:
        whole[domain] += 1
    return whole


def answers_of(part: Drawn, teacher: TeacherSpec) -> int:
    """Answers a question of the part gets: the reference has only one."""
    return 1 if teacher.kind == "reference" else part.answers


def answerable(registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, part: Drawn, *, judged: bool) -> int:
    """Questions of a part that the teacher can answer (and whose answers can be judged, where they have to be)."""

    def fits(source: SourceSpec) -> bool:
        can_answer = teacher.kind != "reference" or source.has_reference
        return can_answer and (not judged or not recipe.verified or source.verifier != "none")

    usable = {key: fits(registry.source(key)) for key in part.by_source}
    if all(usable.values()):
        return part.left
    weights = {key: size or 1 for key, size in part.by_source.items()}
    return part.left * sum(weights[key] for key in usable if usable[key]) // sum(weights.values())
