"""What a recipe would make, before anything is made: rows, requests, tokens, money and hours, stage by stage.

Pure: specs in, and what is known of replies that came (`known`); figures out; no network is touched. Every figure that
nobody can know beforehand is an upper bound or an estimate with a range (`estimates`), and ``Plan.assumptions`` says what
is taken as given. Fails with ``UserError`` for a recipe or teacher that is not registered, or a teacher that the recipe
does not want.
"""

from __future__ import annotations

from collections.abc import Mapping

from ot_assets.planning.calls import PLAIN_TOKENS, QUESTION_TOKENS, REASONING_TOKENS, RUBRIC_TOKENS, Money, trace_tokens
from ot_assets.planning.draw import Drawn, draw, examples, summed, written_size
from ot_assets.planning.estimates import FACTOR, Known
from ot_assets.planning.result import Plan, StagePlan
from ot_assets.planning.stages import before, distilled, evaluated
from ot_assets.planning.threads import DOMAIN, THREAD_TOKENS, planned
from ot_assets.planning.training import TrainingPace
from ot_assets.planning.view import render
from ot_assets.registry import RecipeSpec, Registry, Tier
from resources.errors import UserError

_DROPPING = (
    *("verified", "majority", "closed_reasoning", "long_paragraph", "non_english", "language", "code_language"),
    *("fasttext", "judge_verify"),
)
"""Answer filters of which nobody knows beforehand how much they leave."""

__all__ = ["Plan", "StagePlan", "plan", "render"]


def plan(
    registry: Registry,
    recipe_key: str,
    teacher: str | None = None,
    known: Known | None = None,
    pace: TrainingPace | None = None,
    threads: Mapping[str, int] | None = None,
) -> Plan:
    """What the recipe would make: for its own teachers, or for the one asked for. `known` holds lengths of replies that
    came, `pace` how fast students of its base were trained, `threads` how many examples each language's conversations give;
    without them figures rest on the specs.
    """
    recipe = registry.recipe(recipe_key)
    teachers = _teachers(registry, recipe, teacher)
    parts = [draw(registry, part, recipe.answers_of(name)) for name, part in recipe.exact_parts.items()]
    questions = summed((part.domain, part.left) for part in parts)
    rows = {key: dict(examples(registry, recipe, registry.teacher(key), parts)) for key in teachers}
    of_people, taken = planned(recipe, threads or {})
    for by_domain in rows.values():
        by_domain |= {DOMAIN: of_people} if of_people else {}
    first = sum(rows[teachers[0]].values())
    training = recipe.student.training.resolve(max(first, 1), cutoff=recipe.student.max_tokens, seed=recipe.seed)
    money = Money(registry, known)
    stages = (
        *before(registry, recipe, parts, money),
        *distilled(registry, recipe, teachers, parts, rows, money),
        *evaluated(registry, recipe, teachers, money),
    )
    return Plan(
        recipe=recipe_key,
        teachers=teachers,
        stages=stages,
        rows=rows[teachers[0]],
        rows_by_teacher=rows,
        questions=questions,
        answers_per_question=recipe.most_answers,
        training=training,
        training_tokens=_training_tokens(registry, recipe, teachers[0], parts, rows[teachers[0]], training),
        unpriced=tuple(money.unpriced),
        assumptions=(*_assumptions(registry, recipe, parts), *taken),
        pace=pace,
    )


def _teachers(registry: Registry, recipe: RecipeSpec, teacher: str | None) -> tuple[str, ...]:
    if teacher is None:
        return recipe.teachers
    registry.teacher(teacher)
    if not recipe.wants(teacher):
        allowed = ", ".join(key for key in registry.teachers if recipe.wants(key))
        raise UserError(
            f"recipe {recipe.key} is not taught by {teacher!r}; its teachers are {allowed}",
            fix=f"add {teacher} to teachers or other_teachers in recipes/{recipe.key}.yaml",
        )
    return (teacher,)


def _training_tokens(
    registry: Registry,
    recipe: RecipeSpec,
    teacher: str,
    parts: list[Drawn],
    rows: Mapping[str, int],
    training: Tier,
) -> int:
    """Tokens that the student sees over all epochs, each example cut at the cutoff."""
    spec, total = registry.teacher(teacher), 0.0
    share = {part.domain: trace_tokens(registry, recipe, spec, part) for part in parts}
    for domain, number in rows.items():
        each = sum(share[domain]) if domain in share else THREAD_TOKENS
        total += number * min(each, training.cutoff) * training.epochs
    return int(total)


def _assumptions(registry: Registry, recipe: RecipeSpec, parts: list[Drawn]) -> list[str]:
    found = ["no question is contaminated and no request fails; nothing is in the response store yet"]
    unknown = [key for key in recipe.sources if written_size(registry, key) is None]
    if unknown:
        found.append(
            f"nobody said how large {', '.join(unknown)} is: taken to fill its quota, its scoring not counted "
            "(state rows: in the source)"
        )
    unsized = [key for key in recipe.benchmarks if registry.benchmark(key).items is None]
    if unsized:
        found.append(
            f"nobody said how large {', '.join(unsized)} is: answers to it are not counted (state rows: in it)"
        )
    if any(step.kind == "dedup" for part in recipe.parts.values() for step in part.select):
        found.append("dedup drops repeated rows only: sources are taken to hold as many distinct questions as declared")
    kinds = (step.kind for part in recipe.parts.values() for step in part.select)
    if by_row := [f"`{kind}`" for kind in dict.fromkeys(kinds) if kind in ("clean", "threshold")]:
        found.append(f"{' and '.join(by_row)} drop nothing: rows are an upper bound")
    for part in parts:
        lacks = ", ".join(f"{source} {rows:,}" for source, rows in part.short.items())
        if lacks:
            found.append(
                f"SHORT: sources are declared smaller than the {part.domain} part asks for; it lacks {lacks} rows"
            )
    dropping = [f"`{step.kind}`" for step in recipe.answer_steps if step.kind in _DROPPING]
    if dropping:
        found.append(f"every answer passes: rows after {', '.join(dropping)} are an upper bound")
    found.append(
        f"tokens an answer: the teacher's estimate, else the recipe's by domain, else {REASONING_TOKENS:,} with reasoning "
        f"and {PLAIN_TOKENS:,} without; a student answers as long as its teacher"
    )
    found.append(
        "ranges are 80 % intervals; a stated figure is taken to be right within a factor of "
        f"{FACTOR:g}, and the ends of a sum are the sums of the ends"
    )
    found.append(
        f"tokens a question: the source's, else {QUESTION_TOKENS}; a rating of difficulty adds {RUBRIC_TOKENS}"
    )
    return found
