"""The pilot of `ot plan --pilot N`: a few requests of the recipe, asked through the normal path, to learn how long replies are.

Contract: makes the screened questions first (no model is asked for those); then asks each teacher, and each model that
scores, up to N requests a source: drawn with a fixed seed from the recipe's filtered set where that is made, else from the
screened questions. Every reply is stored under the label that the run will use, so nothing is bought twice; budgets of the
recipe and of teachers hold. UserErrors pass through.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from ot_assets.asking import as_model, with_weights
from ot_assets.commands.instance import prepare_instance
from ot_assets.commands.live import Live, in_ci
from ot_assets.commands.output import warnings_to
from ot_assets.commands.world import open_world
from ot_assets.curation.scores.asked import score_requests
from ot_assets.curation.scores.examples import ExampleReader
from ot_assets.curation.scores.making import shown_examples
from ot_assets.distillation.prompts import Question, asks
from ot_assets.graph import Need, World, source
from ot_assets.graph import recipe as recipe_at
from ot_assets.registry import remember_keys
from ot_assets.registry.specs.score import AskedScore, asked_for
from ot_assets.registry.specs.written import WrittenOrigin
from ot_assets.scope import scope
from ot_assets.spending.limits import RunBudget, budgeted, require_prices, within
from resources.artifacts import Artifact
from resources.errors import UserError
from resources.generation.request import Request
from resources.handles import Services
from resources.home import Home

_FREE = ("benchmark_questions", "sourced_questions", "screened_questions")
_SEED = 20_260_101


def ask_some(recipe: str, teacher: str | None, count: int, *, quiet: bool) -> tuple[str, ...]:
    """Asks up to `count` requests a teacher and source; the labels that were asked."""
    world = open_world()
    about = scope(world, recipe, (teacher,) if teacher else ())
    run = RunBudget(recipe, about.teachers)
    require_prices(world.registry, run)
    _refuse_unwritten(world, recipe)
    _make_questions(world, [need for need in about.steps() if need.asset in _FREE], quiet)
    services = Services()
    plans = [
        *_scored(world, recipe, count),
        *(one for key in about.teachers for one in _answered(world, recipe, key, count)),
    ]
    shown = Live(len(plans), quiet=quiet, steps_only=in_ci())
    try:
        with within(run):
            for number, (purpose, who, requests) in enumerate(plans, 1):
                shown.begin(number, f"pilot: {purpose}")
                _ask(world, services, shown, purpose, who, requests)
    finally:
        services.release_engine()
        services.responses.close()
    return tuple(purpose for purpose, _, _ in plans)


def _ask(world: World, services: Services, shown: Live, purpose: str, who: str, requests: list[Request]) -> None:
    spec = world.registry.required_model(who)
    some, budget = budgeted(world.registry, services.responses, purpose, requests)
    came = services.ask(
        with_weights(spec, services.home),
        some,
        purpose=purpose,
        total=len(requests),
        progress=shown.asking,
        budget=budget,
    )
    try:
        count = sum(1 for _ in came)
    finally:
        shown.end("fresh", 0.0, None, ())
    if not shown.quiet:
        shown.warn(f"{purpose}: {count:,} asked")


def _scored(world: World, recipe: str, count: int) -> Iterable[tuple[str, str, list[Request]]]:
    spec = world.registry.recipe(recipe)
    for key in spec.sources:
        for score in asked_for(spec.scores_of(key)):
            yield f"score {score.label} {key}", score.teacher, _score_requests(world, key, score, count)


def _score_requests(world: World, key: str, score: AskedScore, count: int) -> list[Request]:
    model = as_model(world.registry.required_model(score.teacher))
    questions = _drawn(_screened(world, key).read(), count)
    shown = shown_examples(score, ExampleReader(lambda name: _screened(world, name)))
    return list(score_requests(score, world.registry.teacher(score.teacher), model, questions, shown))


def _answered(world: World, recipe: str, key: str, count: int) -> Iterable[tuple[str, str, list[Request]]]:
    teacher = world.registry.teacher(key)
    if teacher.kind != "model":
        return
    model = as_model(world.registry.required_model(key))
    for name in world.registry.recipe(recipe).sources:
        questions = _drawn(_wanted(world, recipe, name), count)
        once = dict.fromkeys(questions.get_column("question_id").to_list(), 1)
        requests = [ask.request for ask in asks(teacher, model, Question.rows(questions), once)]
        yield f"traces {name}|{key}", key, requests


def _wanted(world: World, recipe: str, key: str) -> pl.DataFrame:
    """The questions of a source that the recipe asks, as far as that is known: those of its filtered set, or all."""
    screened = _screened(world, key).read()
    filtered = world.store.current("filtered_set", recipe_at(recipe))
    if filtered is None:
        return screened
    ids = filtered.scan().filter(pl.col("source") == key).select("question_id").collect()
    chosen = screened.join(ids.unique(), on="question_id", how="semi")
    return chosen if len(chosen) else screened


def _screened(world: World, key: str) -> Artifact:
    found = world.store.current("screened_questions", source(key))
    if found is None:
        raise UserError(f"screened_questions[{key}] is not made", fix="run `ot run` for its recipe and see why")
    return found


def _drawn(questions: pl.DataFrame, count: int) -> pl.DataFrame:
    """Up to `count` questions, the same ones every time."""
    distinct = questions.unique("question_id", keep="first", maintain_order=True).sort("question_id")
    return distinct.sample(min(count, len(distinct)), seed=_SEED)


def _refuse_unwritten(world: World, recipe: str) -> None:
    """A written source would have to be written whole before anything is asked about it: that is no pilot."""
    for key in world.registry.with_parents(world.registry.recipe(recipe).read):
        written = isinstance(world.registry.source(key).origin, WrittenOrigin)
        if written and not world.has(Need("sourced_questions", source(key))):
            raise UserError(
                f"source {key} is written by a model and not made yet; a pilot would have to write it whole",
                fix="plan without --pilot, or make sourced_questions of it first",
            )


def _make_questions(world: World, steps: list[Need], quiet: bool) -> None:
    """Makes what no model is asked for; UserError when one of the steps fails."""
    home = Home.from_env()
    prepare_instance(home)
    remember_keys(world.registry)

    import dagster as dg

    from ot_assets.definitions import build_definitions
    from ot_assets.running import Runner, observe_specs

    shown = Live(len(steps), quiet=quiet, steps_only=in_ci())
    with dg.DagsterInstance.get() as instance:
        observe_specs(world.registry, instance)
        runner = Runner(
            world,
            build_definitions(world.registry),
            instance,
            home.path / "locks",
            lambda number, total, need: shown.begin(number, str(need)),
            shown.progress,
            lambda report: shown.end(report.outcome, report.seconds, report.rows, report.reasons),
        )
        with warnings_to(shown.warn):
            report = runner.run(steps)
    if not report.ok:
        lost = next(step for step in report.steps if step.outcome == "failed")
        raise UserError(
            f"pilot: {lost.need} could not be made: {lost.reasons[0]}", fix="mend that and run the same again"
        )
