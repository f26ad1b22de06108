"""Model calls: how many tokens each takes and what it costs.

Pure. Estimates come from the specs (source, teacher, recipe) and, where those say nothing, from the constants here.
"""

from __future__ import annotations

from ot_assets.planning.draw import Drawn
from ot_assets.planning.estimates import Calls, Known, estimate
from ot_assets.planning.result import StagePlan
from ot_assets.registry import RecipeSpec, Registry, SourceSpec, TeacherSpec
from ot_assets.registry.specs.examples import Examples
from ot_assets.registry.specs.score import AnswerLength, AskedScore, AskLLM

QUESTION_TOKENS = 150
"""Tokens of a question whose source does not say."""
REASONING_TOKENS = 16_000
"""Tokens of an answer with reasoning: OpenThoughts3's 59.8 GB over 1.2M rows are about 50,000 characters an answer."""
PLAIN_TOKENS = 800
"""Tokens of an answer without reasoning."""
RUBRIC_TOKENS = 250
"""Tokens that asking for a rating adds to the question, beside the examples that it shows."""
JUDGE_TOKENS = 150
"""Tokens that asking for a judgement adds to question and answer."""
JUDGED_TOKENS = 150
"""Tokens of a judgement with its reason, of a judge that does not say."""


class Money:
    """Estimates model calls, and remembers who has no price."""

    def __init__(self, registry: Registry, known: Known | None = None) -> None:
        self.registry = registry
        self.known = known
        self.unpriced: list[str] = []

    def stage(self, name: str, partitions: int, rows: tuple[int | None, int | None], calls: list[Calls]) -> StagePlan:
        """A stage with these calls, priced; ``rows`` are in and out."""
        for call in calls:
            unknown = call.model is None or call.model.price is None
            if unknown and call.requests and call.who not in self.unpriced:
                self.unpriced.append(call.who)
        estimates = tuple(estimate(call, self.known) for call in calls)
        return StagePlan(
            stage=name,
            partitions=partitions,
            rows_in=rows[0],
            rows_out=rows[1],
            requests=sum(call.requests for call in calls),
            prompt_tokens=round(sum(one.prompt.expected for one in estimates)),
            completion_tokens=round(sum(one.completion.expected for one in estimates)),
            cost=sum(one.cost.expected for one in estimates if one.cost is not None),
            note=", ".join(dict.fromkeys(call.who for call in calls if call.requests)),
            calls=estimates,
        )


def score_tokens(registry: Registry, source: str, score: AskedScore) -> tuple[int, int]:
    """Tokens of a prompt and an answer when a question is scored."""
    teacher = registry.teacher(score.teacher)
    rubric = 0 if isinstance(score, AnswerLength) else RUBRIC_TOKENS
    if isinstance(score, AskLLM):
        rubric += sum(_example_tokens(registry, one) for one in (*score.positives, *score.negatives))
    return _prompt(registry.source(source), teacher) + rubric, completion_of(teacher, None)


def _example_tokens(registry: Registry, examples: Examples) -> int:
    """Tokens of all examples, at four characters a token where they are written out."""
    if examples.source is None:
        return sum(len(text) // 4 + 1 for text in examples.texts)
    return (examples.rows or 0) * (registry.source(examples.source).question_tokens or QUESTION_TOKENS)


def _prompt(source: SourceSpec, teacher: TeacherSpec) -> int:
    if teacher.estimate.prompt_tokens is not None:
        return teacher.estimate.prompt_tokens
    around = len(teacher.prompt_for(source.verifier)) - len("{question}") + len(teacher.system_prompt or "")
    return (source.question_tokens or QUESTION_TOKENS) + around // 4


def completion_of(teacher: TeacherSpec, said: int | None) -> int:
    """The teacher's own estimate, else the recipe's for the domain, else by whether it reasons; never over its limit."""
    usual = REASONING_TOKENS if teacher.reasoning is not None else PLAIN_TOKENS
    return min(teacher.estimate.completion_tokens or said or usual, teacher.sampling.max_tokens)


def trace_tokens(registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, part: Drawn) -> tuple[int, int]:
    """Tokens of a prompt and an answer: the mean over the part's sources by their rows, and the domain's estimate."""
    weights = {key: size or 1 for key, size in part.by_source.items()}
    tokens = {key: source_tokens(registry, recipe, teacher, part.domain, key) for key in weights}
    prompt = sum(tokens[key][0] * n for key, n in weights.items()) // sum(weights.values())
    return prompt, next(iter(tokens.values()))[1]


def source_tokens(
    registry: Registry, recipe: RecipeSpec, teacher: TeacherSpec, domain: str, source: str
) -> tuple[int, int]:
    """Tokens of a prompt with a question of one source and of an answer to it, by the domain's estimate where there is one."""
    said = dict(recipe.estimates).get(domain)  # type: ignore[call-overload]
    prompt = said.prompt_tokens if said and said.prompt_tokens else _prompt(registry.source(source), teacher)
    return prompt, completion_of(teacher, said.completion_tokens if said else None)
