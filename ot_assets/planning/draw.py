"""How many rows a recipe's parts come to, and how many of them a teacher turns into examples.

Pure. A source that nobody gave a size is taken to be large enough; nothing is taken to be contaminated or wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ot_assets.planning.answer_filters import kept_answers, most_rows
from ot_assets.registry import Part, RecipeSpec, Registry, SourceSpec, TeacherSpec


@dataclass(frozen=True)
class Drawn:
    """A part: rows drawn, rows left after its steps, and rows of each source among those drawn."""

    domain: str
    pool: int | None
    left: int
    by_source: Mapping[str, int | None]


def summed(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Numbers of the same name added up, names in the order in which they first come."""
    found: dict[str, int] = {}
    for name, number in pairs:
        found[name] = found.get(name, 0) + number
    return found


def draw(registry: Registry, part: Part) -> Drawn:
    """Rows of one part; an unknown size is taken to be large enough, and nothing to be contaminated."""
    quotas = part.quotas()
    sizes = {draw.source: registry.source(draw.source).size for draw in part.sources}
    drawn: dict[str, int | None] = dict(sizes)
    distinct: dict[str, int | None] = dict(sizes)
    if quotas is not None:
        least = {key: quota if (size := sizes[key]) is None else min(quota, size) for key, quota in quotas.items()}
        drawn = dict(quotas) if part.fill == "repeat" else dict(least)
        distinct = dict(least)
    left, most = total(drawn), total(distinct)
    pool = left
    for step in part.select:
        limit = most if step.kind == "dedup" else step.rows
        left = limit if left is None else left if limit is None else min(left, limit)
    return Drawn(part.domain, pool, left or 0, drawn)


def total(sizes: Mapping[str, int | None]) -> int | None:
    """The sum, or None when a number is not known."""
    numbers = [size for size in sizes.values() if size is not None]
    return sum(numbers) if len(numbers) == len(sizes) else None


def examples(registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, parts: Iterable[Drawn]) -> dict[str, int]:
    """Training rows by domain. What a verifier will refuse is not known, so `verified` is an upper bound."""
    limit = most_rows(recipe.answer_filter)
    kept = kept_answers(recipe.answer_filter, answers_of(recipe, teacher))
    rows = summed((part.domain, answerable(registry, recipe, teacher, part, judged=True) * kept) for part in parts)
    whole_set = sum(rows.values())
    if limit is None or whole_set <= limit:
        return rows
    exact = {domain: number * limit / whole_set for domain, number in rows.items()}
    whole = {domain: int(number) for domain, number in exact.items()}
    for domain in sorted(exact, key=lambda d: whole[d] - exact[d])[: limit - sum(whole.values())]:
        whole[domain] += 1
    return whole


def answers_of(recipe: RecipeSpec, teacher: TeacherSpec) -> int:
    """Answers a question gets: the reference has only one."""
    return 1 if teacher.kind == "reference" else recipe.answers_per_question


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
