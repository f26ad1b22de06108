"""From budgets in specs and on the command line to the `Budget` that one call of `ask` keeps to.

What counts as spent: everything in the response store whose purpose belongs to the recipe, or to the teacher, whenever and
for whomever it was bought; so a second run goes on where the first stopped, and answers that recipes share count in full
for each of them. `ot run --budget-...` stands in for the recipe's own figure, for that run. Models on hardware of one's own
(transformers, vllm) are not billed by the token and count 0 USD; a model behind an endpoint needs a price before money can
be limited, or it is refused (UserError) before anything is asked. What is spent is read when a step begins to ask: two runs
at once do not see what the other adds in the meantime. A step that Dagster's UI starts belongs to no recipe, so it keeps to
its teacher's budget only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import chain

from ot_assets.graph import models_of
from ot_assets.registry import ModelSpec, Registry
from ot_assets.registry.specs.budget import BudgetSpec
from ot_assets.registry.specs.written import WrittenOrigin
from ot_assets.spending.purposes import Purpose
from ot_assets.spending.stored import Spent, busy_hours, spent_by_purpose
from resources.errors import UserError
from resources.generation.budget import Amounts, Budget, Limit, Rates
from resources.generation.request import Request
from resources.responses.store import ResponseStore

BILLED = ("openai", "scripted")
"""Engines behind which somebody may charge by the token."""


@dataclass(frozen=True)
class RunBudget:
    """Which recipe is being made with which teachers, and what the command line allows for it."""

    recipe: str
    teachers: tuple[str, ...]
    said: BudgetSpec = field(default_factory=BudgetSpec)

    def limits(self, registry: Registry) -> BudgetSpec:
        """The command line's limits, and the recipe's where it says none."""
        return self.said.over(registry.recipe(self.recipe).budget or BudgetSpec())


_running: ContextVar[RunBudget | None] = ContextVar("run_budget", default=None)


@contextmanager
def within(run: RunBudget) -> Iterator[None]:
    """Everything that is asked inside the block keeps to the recipe's budget, beside its teachers' own."""
    token = _running.set(run)
    try:
        yield
    finally:
        _running.reset(token)


def budgeted(
    registry: Registry, store: ResponseStore, purpose: str, requests: Iterable[Request]
) -> tuple[Iterable[Request], Budget | None]:
    """The requests, and the budget they must keep to; None when nothing limits them. Looks at the first request only."""
    read, run = Purpose.read(purpose), _running.get()
    teacher = registry.teachers.get(read.teacher) if read.teacher else None
    owners = [(f"budget of teacher {teacher.key}", teacher.budget)] if teacher is not None and teacher.budget else []
    whole = run.limits(registry) if run is not None else BudgetSpec()
    if not owners and whole.empty:
        return requests, None
    source = iter(requests)
    first = next(source, None)
    if first is None:
        return (), None
    model = registry.all_models.get(first.model.partition(":")[0])
    usage = spent_by_purpose(store)
    limits = []
    if run is not None and not whole.empty:
        mine = [one for one in usage if one.purpose.belongs(registry, run.recipe, run.teachers)]
        fix = f"To go on: raise `budget` in recipes/{run.recipe}.yaml, or `ot run {run.recipe} --{_flag(whole)} N`"
        limits.append(_limit(registry, store, f"budget of recipe {run.recipe}", whole, mine, fix))
    for name, budget in owners:
        assert teacher is not None
        mine = [one for one in usage if one.purpose.teacher == teacher.key]
        fix = f"To go on: raise `budget` in teachers/{teacher.key}.yaml and run the same again"
        limits.append(_limit(registry, store, name, budget, mine, fix))
    for limit in limits:
        _require_price(limit.name, limit.usd, model)
    price = model.price if model is not None else None
    rates = Rates(price.input, price.output) if price is not None else Rates()
    return chain((first,), source), Budget(limits, rates)


def require_prices(registry: Registry, run: RunBudget) -> None:
    """Refuses a budget in USD, before anything is asked, when a model that the recipe asks has no price."""
    spec = registry.recipe(run.recipe)
    judges = {judge.teacher for key in spec.sources if (judge := registry.source(key).judge) is not None}
    asked = (
        {teacher for score in spec.scores for teacher in score.teachers} | set(run.teachers) | set(spec.judges) | judges
    )
    written = [registry.source(key).origin for key in registry.with_parents(spec.read)]
    asked |= {teacher for origin in written if isinstance(origin, WrittenOrigin) for teacher in origin.asked}
    usd = run.limits(registry).usd
    for key in sorted(asked):
        teacher = registry.teacher(key)
        model = registry.model_of(key)
        _require_price(f"budget of recipe {run.recipe}", usd, model)
        if teacher.budget is not None:
            _require_price(f"budget of teacher {key}", teacher.budget.usd, model)
    for key in models_of(registry, run.recipe, run.teachers) if spec.benchmarks else ():
        _require_price(f"budget of recipe {run.recipe}", usd, registry.all_models.get(key))


def _require_price(name: str, usd: float | None, model: ModelSpec | None) -> None:
    if usd is None or model is None or model.engine not in BILLED or model.price is not None:
        return
    raise UserError(
        f"{name}: usd: {usd:g} cannot be kept to, since model {model.key} states no price",
        fix="add `price: {input: ..., output: ...}` (USD per million tokens; 0 if nobody charges) to "
        f"models/{model.key}.yaml, or limit tokens or hours instead",
    )


def _limit(
    registry: Registry, store: ResponseStore, name: str, budget: BudgetSpec, usage: list[Spent], fix: str
) -> Limit:
    hours = busy_hours(store, (one.purpose.text for one in usage)) if budget.hours is not None else 0.0
    usd = sum(one.usd + _at_todays_price(registry, one) for one in usage)
    before = Amounts(usd, sum(one.tokens for one in usage), hours)
    return Limit(name, budget.usd, budget.tokens, budget.hours, before, fix)


def _at_todays_price(registry: Registry, spent: Spent) -> float:
    """USD of replies that were stored before their model had a price."""
    model = registry.all_models.get(spent.model_key)
    if model is None or model.price is None:
        return 0.0
    price = model.price
    return (spent.unpriced_prompt * price.input + spent.unpriced_completion * price.output) / 1_000_000


def _flag(budget: BudgetSpec) -> str:
    return next(f"budget-{name}" for name in ("usd", "tokens", "hours") if getattr(budget, name) is not None)
