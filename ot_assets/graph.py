"""The graph without Dagster: for every partition of every asset, what it is made from.

What belongs here: one `Kind` an asset, with its dimensions, the version of its code, the part of the registry that it is
made from (`spec`) and the partitions that it reads (`needs`). Status, `ot run` and the Dagster definitions all read this one
table, so they cannot disagree. Pure: it looks at the registry and asks the store only whether an artifact exists.

`code_version` is raised by hand with every change of behaviour that would change the rows; it makes partitions stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ot_assets.conversations.logs import logs_found
from ot_assets.distillation.sample_files import digest
from ot_assets.needs import (
    Kind,
    Need,
    Needs,
    Spec,
    World,
    benchmark,
    language,
    model,
    recipe,
    recipe_teacher,
    source,
    source_teacher,
)
from ot_assets.registry import Registry
from ot_assets.registry.specs.answer_filter import samples_of
from ot_assets.registry.specs.score import Score
from ot_assets.sourcing.written.identity import sourced_spec
from resources.artifacts import Partition

__all__ = [
    "KINDS",
    "Kind",
    "Need",
    "Needs",
    "World",
    "baseline_benchmarks",
    "benchmark",
    "language",
    "model",
    "models_of",
    "recipe",
    "recipe_teacher",
    "source",
    "source_teacher",
    "teacher_identity",
]


def _no_needs(world: World, at: Partition) -> tuple[Need, ...]:
    return ()


def _no_spec(world: World, at: Partition) -> Mapping[str, Any]:
    return {}


def _benchmarks_there(world: World, wanted: tuple[str, ...] | None = None) -> tuple[Need, ...]:
    """Benchmarks as optional needs: all that are registered, or the wanted ones."""
    keys = world.registry.benchmarks if wanted is None else wanted
    return tuple(Need("benchmark_questions", benchmark(key), required=False) for key in keys)


def _screen_spec(world: World, at: Partition) -> Mapping[str, Any]:
    """The screening rules of the benchmarks that are there to screen against."""
    there = [n.partition["benchmark"] for n in _benchmarks_there(world) if world.has(n)]
    return {"screen": {key: world.registry.benchmarks[key].screen.to_dict() for key in there}}


def _scores_spec(world: World, at: Partition) -> Mapping[str, Any]:
    """Every score that some recipe needs of this source, with the identities of the teacher and the model behind it."""
    registry = world.registry
    return {"scores": {score.column: _score_spec(registry, score) for score in registry.scores_for(at["source"])}}


def _score_spec(registry: Registry, score: Score) -> dict[str, Any]:
    said = score.to_dict()
    if score.parts:
        return {**said, "of": [part.column for part in score.parts]}
    if score.teachers:
        said["teacher"] = teacher_identity(registry, score.teachers[0])
    if score.models:
        said["models"] = [registry.model(key).identity() for key in score.models]
    return said


def _scores_needs(world: World, at: Partition) -> tuple[Need, ...]:
    """The source's own questions, and those of sources that its scores have examples of."""
    examples = (key for score in world.registry.scores_for(at["source"]) for key in score.sources)
    return tuple(Need("screened_questions", source(key)) for key in dict.fromkeys((at["source"], *examples)))


def _filtered_needs(world: World, at: Partition) -> tuple[Need, ...]:
    spec = world.registry.recipes[at["recipe"]]
    scored = [key for key in spec.sources if spec.scores_of(key)]
    return (Need("mixed_pool", at), *(Need("question_scores", source(key)) for key in scored))


def teacher_identity(registry: Registry, teacher_key: str) -> dict[str, Any]:
    """Everything that changes a teacher's answers, its model included."""
    return registry.teacher(teacher_key).identity(registry.model_of(teacher_key))


def models_of(registry: Registry, recipe_key: str, teachers: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The model that a recipe's students start from, and those behind its teachers: what students are compared with."""
    spec = registry.recipes[recipe_key]
    behind = (registry.model_of(teacher) for teacher in teachers or spec.teachers)
    return tuple(dict.fromkeys((spec.student.base, *(m.key for m in behind if m is not None))))


def _traces_spec(world: World, at: Partition) -> Mapping[str, Any]:
    """Who answers; and the price and terms, which stand in the rows although they change no answer."""
    registry = world.registry
    behind = registry.model_of(at["teacher"])
    return {
        "teacher": teacher_identity(registry, at["teacher"]),
        "price": behind.price.to_dict() if behind and behind.price else None,
        "licence": registry.teacher(at["teacher"]).licence or (behind.terms if behind else None),
    }


def _verdicts_spec(world: World, at: Partition) -> Mapping[str, Any]:
    """The judge of the source, where it has one: everything that changes its votes. Other verifiers stand in the rows."""
    judge = world.registry.sources[at["source"]].judge
    if judge is None:
        return {}
    return {"judge": {**judge.to_dict(), "teacher": teacher_identity(world.registry, judge.teacher)}}


def _requests_spec(world: World, at: Partition) -> Mapping[str, Any]:
    """Who may answer for each recipe whose questions are known."""
    asked = [n.partition["recipe"] for n in _requests_needs(world, at) if world.has(n)]
    return {"asks": {key: world.registry.recipes[key].slice_for("trace_requests") for key in asked}}


def _requests_needs(world: World, at: Partition) -> tuple[Need, ...]:
    return tuple(
        Need("filtered_set", recipe(key), required=False, inherits=False)
        for key in world.registry.recipes_using(at["source"])
    )


def _training_needs(world: World, at: Partition) -> tuple[Need, ...]:
    """Its own sources' traces and verdicts; the threads of its conversations, and what they are screened against; the traces
    that its answer filter's classifier learns from, which Dagster's own mapping cannot say, as they may be anybody's.
    """
    spec = world.registry.recipes[at["recipe"]]
    against = world.registry.screened_against(spec.key) if spec.conversations else ()
    samples = dict.fromkeys(
        (one.source, one.teacher)
        for one in samples_of(spec.answer_steps)
        if one.source is not None and one.teacher is not None
    )
    wanted = (
        *(Need("filtered_set", recipe(spec.key)) for _ in spec.parts),
        *(Need(asset, source_teacher(key, at["teacher"])) for key in spec.sources for asset in ("traces", "verdicts")),
        *(Need("sft_threads", language(key)) for key in (spec.conversations.languages if spec.conversations else ())),
        *(Need("benchmark_questions", benchmark(key)) for key in against),
        *(
            need
            for key, teacher in samples
            for need in (Need("screened_questions", source(key)), Need("traces", source_teacher(key, teacher)))
        ),
    )
    return tuple(dict.fromkeys(wanted))


def _training_spec(world: World, at: Partition) -> Mapping[str, Any]:
    """The recipe's choices, and what its answer filter brings in: who judges, and the content of its sample files."""
    registry, spec = world.registry, world.registry.recipes[at["recipe"]]
    chosen = spec.slice_for("training_set")
    if spec.judges:
        chosen["judges"] = {key: teacher_identity(registry, key) for key in spec.judges}
    if files := registry.sample_files(spec.key):
        chosen["samples"] = {name: digest(file) for name, file in files.items()}
    if spec.conversations is not None:
        chosen["screen"] = {
            key: registry.benchmarks[key].screen.to_dict() for key in registry.screened_against(spec.key)
        }
    return chosen


def _eval_benchmarks(world: World, at: Partition) -> tuple[str, ...]:
    """The benchmarks that a recipe's students are evaluated on."""
    return tuple(k for k in world.registry.recipes[at["recipe"]].benchmarks if world.registry.benchmarks[k].repeats)


def baseline_benchmarks(registry: Registry, model_key: str) -> tuple[str, ...]:
    """The benchmarks of every recipe that has this model as base or behind a teacher, in registry order."""
    wanted = {
        key
        for spec in registry.recipes.values()
        if model_key in models_of(registry, spec.key)
        for key in spec.benchmarks
        if registry.benchmarks[key].repeats
    }
    return tuple(key for key in registry.benchmarks if key in wanted)


def _baseline_spec(world: World, at: Partition) -> Mapping[str, Any]:
    registry = world.registry
    needs = _benchmarks_there(world, baseline_benchmarks(registry, at["model"]))
    there = [n.partition["benchmark"] for n in needs if world.has(n)]
    return {
        "model": registry.all_models[at["model"]].identity(),
        "benchmarks": {key: registry.benchmarks[key].slice_for("eval_responses") for key in there},
    }


def _leaderboard_needs(world: World, at: Partition) -> tuple[Need, ...]:
    """Every score that there is, of partitions that the registry still knows."""
    registry = world.registry
    students = [
        p for p in world.store.partitions("eval_scores")
        if p["recipe"] in registry.recipes and p["teacher"] in registry.teachers
    ]  # fmt: skip
    models = [p for p in world.store.partitions("baseline_scores") if p["model"] in registry.all_models]
    return (
        *(Need("eval_scores", p, required=False) for p in students),
        *(Need("baseline_scores", p, required=False) for p in models),
    )


_CONVERSATIONS = {
    "conversation_trees": ("contributions",),
    "sft_threads": ("conversation_trees",),
    "preference_pairs": ("conversation_trees",),
    "prompts": ("conversation_trees",),
}
"""What conversations lead to, and what each reads of the same language."""


def contributions_spec(world: World, at: Partition) -> Mapping[str, Any]:
    """Which logs are read, and what is in them: a log grows without its spec being edited."""
    registry, key = world.registry, at["language"]
    chosen = registry.conversations[key].slice_for("contributions")
    return {**chosen, "found": logs_found(registry, key)}


def _conversation_spec(asset: str) -> Spec:
    return lambda world, at: world.registry.conversations[at["language"]].slice_for(asset)


def _of_language(*assets: str) -> Needs:
    return lambda world, at: tuple(Need(asset, at) for asset in assets)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("contributions", ("language",), "1", contributions_spec, _no_needs),
        *(
            Kind(name, ("language",), "1", _conversation_spec(name), _of_language(*needs))
            for name, needs in _CONVERSATIONS.items()
        ),
        Kind(
            "benchmark_questions",
            ("benchmark",),
            "2",
            lambda w, at: {"benchmark": w.registry.benchmarks[at["benchmark"]].slice_for("benchmark_questions")},
            _no_needs,
        ),
        Kind(
            "sourced_questions",
            ("source",),
            "2",
            lambda w, at: sourced_spec(w.registry, at["source"]),
            # What is written is written from what is left after screening: a benchmark's item must not come back reworded.
            lambda w, at: (
                *(Need("screened_questions", source(key)) for key in w.registry.sources[at["source"]].parents),
                *(Need("prompts", language(key)) for key in w.registry.sources[at["source"]].conversations),
            ),
        ),
        Kind(
            "screened_questions",
            ("source",),
            "2",
            _screen_spec,
            lambda w, at: (Need("sourced_questions", at), *_benchmarks_there(w)),
        ),
        Kind(
            "question_scores",
            ("source",),
            "3",
            _scores_spec,
            _scores_needs,
        ),
        Kind(
            "mixed_pool",
            ("recipe",),
            "1",
            lambda w, at: w.registry.recipes[at["recipe"]].slice_for("mixed_pool"),
            lambda w, at: tuple(
                Need("screened_questions", source(key)) for key in w.registry.recipes[at["recipe"]].sources
            ),
        ),
        Kind(
            "filtered_set",
            ("recipe",),
            "2",
            lambda w, at: w.registry.recipes[at["recipe"]].slice_for("filtered_set"),
            _filtered_needs,
        ),
        Kind("trace_requests", ("source",), "1", _requests_spec, _requests_needs),
        Kind(
            "traces",
            ("source", "teacher"),
            "1",
            _traces_spec,
            lambda w, at: (
                Need("trace_requests", source(at["source"])),
                Need("screened_questions", source(at["source"])),
            ),
        ),
        Kind(
            "verdicts",
            ("source", "teacher"),
            "2",
            _verdicts_spec,
            lambda w, at: (Need("traces", at), Need("screened_questions", source(at["source"]))),
        ),
        Kind(
            "training_set",
            ("recipe", "teacher"),
            "2",
            _training_spec,
            _training_needs,
        ),
        Kind(
            "student_model",
            ("recipe", "teacher"),
            "1",
            lambda w, at: {
                **w.registry.recipes[at["recipe"]].slice_for("student_model"),
                "base": w.registry.models[w.registry.recipes[at["recipe"]].student.base].identity(),
            },
            lambda w, at: (Need("training_set", at),),
        ),
        Kind(
            "eval_responses",
            ("recipe", "teacher"),
            "1",
            lambda w, at: {
                "benchmarks": {
                    key: w.registry.benchmarks[key].slice_for("eval_responses") for key in _eval_benchmarks(w, at)
                }
            },
            lambda w, at: (
                Need("student_model", at),
                *(Need("benchmark_questions", benchmark(key)) for key in _eval_benchmarks(w, at)),
            ),
        ),
        Kind(
            "eval_scores",
            ("recipe", "teacher"),
            "1",
            lambda w, at: {
                "benchmarks": {k: w.registry.benchmarks[k].slice_for("eval_scores") for k in _eval_benchmarks(w, at)}
            },
            lambda w, at: (
                Need("eval_responses", at),
                *(Need("benchmark_questions", benchmark(key)) for key in _eval_benchmarks(w, at)),
            ),
        ),
        Kind(
            "baseline_scores",
            ("model",),
            "1",
            _baseline_spec,
            lambda w, at: _benchmarks_there(w, baseline_benchmarks(w.registry, at["model"])),
        ),
        Kind(
            "leaderboard",
            (),
            "1",
            lambda w, at: {"roles": {key: spec.role for key, spec in w.registry.benchmarks.items()}},
            _leaderboard_needs,
        ),
    )
}
"""Every asset by name, upstream before downstream."""
