"""The stages of a recipe with their rows and calls, in the order of the graph. Pure; sizes come from the specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ot_assets.planning.answer_filters import judge_requests
from ot_assets.planning.calls import (
    JUDGE_TOKENS,
    JUDGED_TOKENS,
    PLAIN_TOKENS,
    QUESTION_TOKENS,
    Money,
    completion_of,
    score_tokens,
    source_tokens,
    trace_tokens,
)
from ot_assets.planning.draw import Drawn, answerable, answers_of, total, written_size
from ot_assets.planning.estimates import Calls
from ot_assets.planning.result import StagePlan
from ot_assets.planning.written import written_calls
from ot_assets.registry import ModelSpec, RecipeSpec, Registry, TeacherSpec
from ot_assets.registry.specs.score import asked_for


def before(registry: Registry, recipe: RecipeSpec, parts: list[Drawn], money: Money) -> list[StagePlan]:
    """Sources to filtered set."""
    sizes = {key: written_size(registry, key) for key in recipe.sources}
    # Sources that only give examples to scores are sourced and screened, and nothing is drawn from them.
    read = {key: written_size(registry, key) for key in registry.with_parents(recipe.read)}
    rows = total({key: registry.source(key).rows or size for key, size in read.items()})
    known, pool = total(sizes), total({str(i): part.pool for i, part in enumerate(parts)})
    calls = [
        Calls(
            score.teacher,
            registry.model_of(score.teacher),
            sizes[key] or 0,
            *score_tokens(registry, key, score),
            where=key,
            purpose=f"score {score.label} {key}",
            limit=registry.teacher(score.teacher).sampling.max_tokens,
        )
        for key in recipe.sources
        for score in asked_for(recipe.scores_of(key))
    ]
    scored = [key for key in recipe.sources if recipe.scores_of(key)]
    stages = [
        money.stage("sourced_questions", len(read), (rows, total(read)), written_calls(registry, recipe.read)),
        money.stage("screened_questions", len(read), (total(read), total(read)), []),
    ]
    if scored:
        reach = total({key: sizes[key] for key in scored})
        stages.append(money.stage("question_scores", len(scored), (reach, reach), calls))
    left = sum(part.left for part in parts)
    return [*stages, money.stage("mixed_pool", 1, (known, pool), []), money.stage("filtered_set", 1, (pool, left), [])]


def distilled(
    registry: Registry,
    recipe: RecipeSpec,
    teachers: tuple[str, ...],
    parts: list[Drawn],
    rows: Mapping[str, Mapping[str, int]],
    money: Money,
) -> list[StagePlan]:
    """Requests to student."""
    calls, voted, judged, traces = list[Calls](), list[Calls](), list[Calls](), 0
    for key in teachers:
        teacher = registry.teacher(key)
        for part in parts:
            answers = answerable(registry, recipe, teacher, part, judged=False) * answers_of(part, teacher)
            traces += answers
            voted += _voting(registry, recipe, teacher, part, answers)
            judged += _judging(registry, recipe, teacher, part)
            if teacher.kind == "model":
                calls += _answering(registry, recipe, teacher, part, answers)
    questions, sources = sum(part.left for part in parts), len(recipe.sources)
    examples = sum(sum(by_domain.values()) for by_domain in rows.values())
    return [
        money.stage("trace_requests", sources, (questions, questions), []),
        money.stage("traces", sources * len(teachers), (questions, traces), calls),
        money.stage("verdicts", sources * len(teachers), (traces, traces), voted),
        money.stage("training_set", len(teachers), (traces, examples), judged),
        money.stage("student_model", len(teachers), (examples, len(teachers)), []),
    ]


def _answering(registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, part: Drawn, answers: int) -> list[Calls]:
    """A part's answers by one teacher, source by source."""
    return [
        Calls(
            teacher.key,
            registry.model_of(teacher.key),
            number,
            *source_tokens(registry, recipe, teacher, part.domain, key),
            where=key,
            purpose=f"traces {key}|{teacher.key}",
            limit=teacher.sampling.max_tokens,
        )
        for key, number in _by_source(part, answers)
    ]


def _voting(registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, part: Drawn, answers: int) -> Iterator[Calls]:
    """What the judges of a part's sources (``verifier: judge``) are asked about one teacher's answers."""
    question, answer = trace_tokens(registry, recipe, teacher, part)
    for key, number in _by_source(part, answers):
        if (spec := registry.source(key).judge) is not None:
            judge = registry.teacher(spec.teacher)
            yield Calls(
                judge.key,
                registry.model_of(judge.key),
                number * spec.votes,
                question + JUDGE_TOKENS + min(answer, PLAIN_TOKENS),
                completion_of(judge, JUDGED_TOKENS),
                where=f"{key}|{teacher.key}",
                purpose=f"judge {key}|{teacher.key} by {judge.key}",
                limit=judge.sampling.max_tokens,
            )


def _by_source(part: Drawn, answers: int) -> list[tuple[str, int]]:
    """A part's answers, source by source in the proportion of its rows."""
    numbers = _shared(answers, [size or 1 for size in part.by_source.values()])
    return list(zip(part.by_source, numbers, strict=True))


def _shared(number: int, weights: Sequence[int]) -> list[int]:
    """A number split by weights; what rounding leaves goes to the first ones."""
    whole = [number * weight // sum(weights) for weight in weights]
    left = number - sum(whole)
    return [share + (place < left) for place, share in enumerate(whole)]


def _judging(registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, part: Drawn) -> list[Calls]:
    """What the judges of the answer filter are asked about one part of one teacher's answers."""
    questions = answerable(registry, recipe, teacher, part, judged=False)
    question, answer = trace_tokens(registry, recipe, teacher, part)
    return [
        Calls(
            asked.judge,
            registry.model_of(asked.judge),
            asked.requests,
            question
            + JUDGE_TOKENS
            + asked.answers_shown * (answer if asked.part == "full" else min(answer, PLAIN_TOKENS)),
            completion_of(registry.teacher(asked.judge), JUDGED_TOKENS),
            where=teacher.key,
            purpose=f"training_set {recipe.key}|{teacher.key} by {asked.judge}",
            limit=registry.teacher(asked.judge).sampling.max_tokens,
        )
        for asked in judge_requests(recipe.answer_filter, questions, answers_of(part, teacher))
    ]


def evaluated(registry: Registry, recipe: RecipeSpec, teachers: tuple[str, ...], money: Money) -> list[StagePlan]:
    """Benchmarks to leaderboard: students, the base model and the teachers' models, each on every benchmark."""
    run = [registry.benchmark(key) for key in recipe.benchmarks if registry.benchmark(key).repeats]
    screened = set(registry.screened_against(recipe.key)) | set(recipe.benchmarks)
    items = total({key: registry.benchmark(key).size for key in sorted(screened)})
    answers = total({spec.key: None if spec.items is None else spec.items * spec.repeats for spec in run})

    base = registry.all_models.get(recipe.student.base)

    def calls(who: str, model: ModelSpec | None, completion: int, asset: str) -> list[Calls]:
        return [
            Calls(
                who,
                model,
                (spec.items or 0) * spec.repeats,
                spec.estimate.prompt_tokens or (spec.question_tokens or QUESTION_TOKENS) + len(spec.prompt) // 4,
                min(spec.estimate.completion_tokens or completion, spec.sampling.max_tokens),
                where=spec.key,
                purpose=f"{asset} {spec.key}",
                limit=spec.sampling.max_tokens,
                runs_on=model or base,
            )
            for spec in run
        ]

    students: list[Calls] = []
    baselines = calls(recipe.student.base, None, PLAIN_TOKENS, f"baseline_scores {recipe.student.base}")
    for key in teachers:
        teacher, model = registry.teacher(key), registry.model_of(key)
        long = recipe.student.think is not None and teacher.kind == "model"
        length = completion_of(teacher, None) if long else PLAIN_TOKENS
        students += calls(f"student of {key}", None, length, f"eval_responses {recipe.key}|{key}")
        if model is not None and model.key != recipe.student.base:
            baselines += calls(model.key, model, completion_of(teacher, None), f"baseline_scores {model.key}")
    several = None if answers is None else len(teachers) * answers
    return [
        money.stage("benchmark_questions", len(screened), (items, items), []),
        money.stage("eval_responses", len(teachers), (several, several), students),
        money.stage("eval_scores", len(teachers), (several, len(teachers) * len(run)), []),
        money.stage("baseline_scores", len({call.who for call in baselines}), (None, None), baselines),
        money.stage("leaderboard", 1, (None, None), []),
    ]
