"""A recipe's report as one value: everything that the page shows.

Belongs here: putting the sections together. Contract: reads artifacts, ledgers, manifests and the response store's
sums; makes and changes nothing; computes nothing that a manifest already says. A stage that is missing leaves its
section out and is named in `missing`. Fails with `UserError` for a recipe that the registry does not know, a teacher
that the recipe does not want, and a recipe of which nothing is made.
"""

from __future__ import annotations

from dataclasses import dataclass

from ot_assets.graph import World
from ot_assets.registry.specs.score import with_parts
from ot_assets.report.asked import judged
from ot_assets.report.choices import Choices, choices
from ot_assets.report.contamination import Contamination, contamination
from ot_assets.report.duplicates import Duplicates, duplicates
from ot_assets.report.funnel import Funnel, funnel
from ot_assets.report.histograms import Histogram, histograms
from ot_assets.report.provenance import Short, SourceEntry, shortfalls, source_entries
from ot_assets.report.recall import RecallTable, recall_table
from ot_assets.report.samples import Sample, samples
from ot_assets.report.shares import ShareTable, by_domain, by_source
from ot_assets.report.stages import Stages, find_stages
from ot_assets.scope import scope
from ot_assets.spending.cost import Cost, cost_of
from resources.errors import UserError
from resources.responses.store import ResponseStore


@dataclass(frozen=True)
class RecipeReport:
    """What stands on the page, section by section."""

    recipe: str
    teacher: str
    description: str
    missing: tuple[str, ...]
    remarks: tuple[str, ...]
    artifacts: tuple[tuple[str, str, str], ...]
    funnel: Funnel
    sources: ShareTable
    domains: ShareTable
    verdicts: tuple[tuple[str, int], ...]
    histograms: tuple[Histogram, ...]
    duplicates: Duplicates | None
    contamination: Contamination | None
    recall: RecallTable | None
    samples: tuple[Sample, ...]
    entries: tuple[SourceEntry, ...]
    short: tuple[Short, ...]
    licences: tuple[str, ...]
    choices: tuple[Choices, ...]
    cost: Cost | None


def build_report(
    world: World, recipe: str, teacher: str | None, responses: ResponseStore | None = None
) -> RecipeReport:
    """The report of a recipe with one teacher; without one, the first of the recipe's whose training set is made, else
    the first.
    """
    stages = find_stages(world, recipe, _teacher(world, recipe, teacher))
    if stages.nothing:
        raise UserError(f"nothing of recipe {recipe} is made yet", fix=f"make it: ot run {recipe}")
    spec = world.registry.recipe(recipe)
    counts = funnel(stages)
    # The scores of a source are shared: others may use more.
    scores = {key: {one.column for one in with_parts(spec.scores_of(key))} for key in stages.sources}
    return RecipeReport(
        recipe=recipe,
        teacher=stages.teacher,
        description=spec.description,
        missing=tuple(_missing(stages)),
        remarks=tuple(stages.remarks),
        artifacts=tuple(_artifacts(stages)),
        funnel=counts,
        sources=by_source(counts),
        domains=by_domain(stages),
        verdicts=judged(stages),
        histograms=tuple(histograms(stages, scores)),
        duplicates=duplicates(stages),
        contamination=contamination(stages),
        recall=recall_table(stages),
        samples=tuple(samples(stages, spec.seed)),
        entries=tuple(source_entries(stages)),
        short=tuple(shortfalls(stages)),
        licences=tuple(stages.newest.manifest.licences) if stages.newest else (),
        choices=tuple(choices(world, stages, scores)),
        cost=cost_of(world, responses, recipe, (stages.teacher,)) if responses is not None else None,
    )


def _teacher(world: World, recipe: str, teacher: str | None) -> str:
    about = scope(world, recipe, (teacher,) if teacher else ())
    made = {p["teacher"] for p in world.store.partitions("training_set") if p["recipe"] == recipe}
    return next((key for key in about.teachers if key in made), about.teachers[0])


def _missing(stages: Stages) -> list[str]:
    """What is not there, in words."""
    named = (
        ("sourced_questions", stages.sourced),
        ("screened_questions", stages.screened),
        ("traces", stages.traces),
        ("verdicts", stages.verdicts),
    )
    found = []
    for asset, there in named:
        lacking = [key for key in stages.sources if key not in there]
        if lacking and (there or asset in ("sourced_questions", "screened_questions")):
            found.append(f"{asset} of {', '.join(lacking)}")
        elif lacking:
            found.append(asset)
    asked = (("mixed_pool", stages.pool), ("filtered_set", stages.filtered)) if stages.sources else ()
    whole = (*asked, ("training_set", stages.training))
    return found + [asset for asset, artifact in whole if artifact is None]


def _artifacts(stages: Stages) -> list[tuple[str, str, str]]:
    """(asset, partition, artifact id) of everything that was read."""
    many = (stages.sourced, stages.benchmarks, stages.screened, stages.scores, stages.traces, stages.verdicts)
    one = (stages.pool, stages.filtered, stages.training)
    found = [a for by in many for a in by.values()] + [a for a in one if a is not None]
    return [(a.asset, str(a.partition), a.artifact_id) for a in found]
