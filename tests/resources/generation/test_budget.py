"""Budgets: what is spent never passes them, whatever comes back, in whatever order, at whatever concurrency."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.budget import Amounts, Budget, BudgetSpent, Limit, Rates, worst_case
from resources.generation.engine import Engine, Outcome
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.generation.scripted import ScriptedEngine
from resources.responses.store import ResponseStore
from tests.resources.generation.making import SCRIPTED, asked, many

RATES = Rates(1.0, 2.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite") as opened:
        yield opened


def never() -> Engine:
    raise AssertionError("the engine was opened though nothing may be asked")


def reply(prompt: int | None, completion: int | None, cost: float | None = None, seconds: float = 0.0) -> Reply:
    return Reply.make("x", prompt_tokens=prompt, completion_tokens=completion, cost=cost, seconds=seconds)


def budget(**limits: float | None) -> Budget:
    return Budget([Limit("budget of recipe r", **limits)], RATES)  # type: ignore[arg-type]


@st.composite
def lives(draw: st.DrawFn) -> tuple[int, list[tuple[Request, Reply | Failure]]]:
    """A concurrency, and requests with what will come of them: never more than the worst case, as endpoints keep to."""
    found: list[tuple[Request, Reply | Failure]] = []
    for number in range(draw(st.integers(1, 40))):
        request = asked("q" * draw(st.integers(1, 400)), number, max_tokens=draw(st.integers(1, 500)))
        prompt, completion = worst_case(request)
        kind = draw(st.sampled_from(["reply", "reply", "reply", "silent", "timeout", "server"]))
        result: Reply | Failure
        if kind == "reply":
            tokens = draw(st.integers(0, prompt)), draw(st.integers(0, completion))
            result = reply(*tokens, cost=(tokens[0] * RATES.price_in + tokens[1] * RATES.price_out) / 1e6)
        elif kind == "silent":
            result = reply(None, None)
        else:
            result = Failure("no", "timeout" if kind == "timeout" else "server", retryable=True)
        found.append((request, result))
    return draw(st.integers(1, 12)), found


@settings(max_examples=200, deadline=None)
@given(lives(), st.floats(0, 0.02), st.integers(0, 8_000), st.integers(0, 4_000), st.randoms(use_true_random=False))
def test_what_is_spent_never_passes_a_limit(
    life: tuple[int, list[tuple[Request, Reply | Failure]]], usd: float, tokens: int, before: int, rng: random.Random
) -> None:
    concurrency, waiting = life
    spent = Amounts(usd=before / 1e6, tokens=before)
    kept = Budget([Limit("r", usd=usd, before=spent), Limit("t", tokens=tokens, before=spent)], RATES)
    flying: list[tuple[Request, Reply | Failure]] = []
    charged_usd, charged_tokens, sent = 0.0, 0, 0
    while True:
        while waiting and len(flying) < concurrency and kept.admit(waiting[0][0]):
            flying.append(waiting.pop(0))
            sent += 1
        if not flying:
            break
        request, result = flying.pop(rng.randrange(len(flying)))
        kept.charge(request, result)
        if isinstance(result, Reply):
            worst = worst_case(request)
            took = (result.prompt_tokens, result.completion_tokens) if result.completion_tokens is not None else worst
            charged_tokens += (took[0] or 0) + (took[1] or 0)
            charged_usd += result.cost if result.cost is not None else (worst[0] + 2 * worst[1]) / 1e6
        if sent:
            assert spent.usd + charged_usd <= usd + 1e-12
            assert spent.usd + kept.spent.usd <= usd + 1e-12
            assert before + charged_tokens <= before + kept.spent.tokens <= tokens
    assert kept.in_flight == 0
    if waiting:
        assert not kept.admit(waiting[0][0])
        assert kept.why


def test_what_came_in_cheaper_makes_room_again() -> None:
    one, two = asked("one"), asked("two")
    worst = sum(worst_case(one))
    kept = budget(tokens=worst + 40)
    assert kept.admit(one)
    assert kept.admit(one), "twice is once"
    assert not kept.admit(two)
    kept.charge(one, reply(10, 10))
    assert kept.admit(two)
    assert kept.spent.tokens == 20


def test_a_call_that_may_have_been_billed_counts_at_its_worst() -> None:
    request = asked()
    kept = budget(tokens=10_000)
    kept.admit(request)
    kept.lost(2)
    assert kept.spent.tokens == 2 * sum(worst_case(request))
    kept.charge(request, Failure("hung", "timeout", retryable=True))
    assert kept.spent.tokens == 3 * sum(worst_case(request))
    other = asked("other")
    kept.admit(other)
    kept.charge(other, Failure("full", "rate_limited", retryable=True))
    assert kept.spent.tokens == 3 * sum(worst_case(request))


def test_hours_leave_room_for_the_longest_reply() -> None:
    now = [0.0]
    kept = Budget([Limit("r", hours=1.0, before=Amounts(hours=0.5))], clock=lambda: now[0])
    first = asked("first")
    assert kept.admit(first)
    now[0] = 600.0
    kept.charge(first, reply(1, 1, seconds=600.0))
    assert kept.admit(asked("second"))
    now[0] = 1_201.0
    assert not kept.admit(asked("third"))
    assert "0.83 of 1 hours are spent" in kept.why


def test_a_budget_of_zero_asks_nothing_and_serves_what_is_stored(store: ResponseStore) -> None:
    stored = many(5)
    list(ask(store, lambda: ScriptedEngine(SCRIPTED), stored))
    for limits in ({"usd": 0.0}, {"tokens": 0}, {"hours": 0.0}):
        assert len(list(ask(store, never, stored, budget=budget(**limits)))) == 5
        with pytest.raises(BudgetSpent, match="budget of recipe r: ") as stopped:
            list(ask(store, never, [*stored, *many(3, start=90)], budget=budget(**limits)))
        assert "3 requests are left" in str(stopped.value)


class Window(ScriptedEngine):
    """Keeps several requests in flight before it answers any, as an endpoint does."""

    most = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        source, flying = iter(requests), list[Request]()
        while True:
            while len(flying) < 8 and (request := next(source, None)) is not None:
                flying.append(request)
            self.most = max(self.most, len(flying))
            if not flying:
                return
            yield from super().generate([flying.pop()])


def long(request: Request) -> Reply:
    return Reply.make(request.messages[-1].content, prompt_tokens=60, completion_tokens=40)


def test_asking_stops_before_the_budget_is_passed_and_keeps_everything(store: ResponseStore) -> None:
    requests = many(200)
    engine = Window(SCRIPTED, long)
    limit = 6 * sum(worst_case(requests[0]))
    kept = budget(tokens=limit)
    came = []
    with pytest.raises(BudgetSpent) as stopped:
        came.extend(ask(store, lambda: engine, requests, budget=kept))
    spent = sum((row.reply.prompt_tokens or 0) + (row.reply.completion_tokens or 0) for row in store.rows())
    assert engine.most > 1, "several were in flight at once"
    assert kept.spent.tokens == spent <= limit
    assert spent > limit - sum(worst_case(requests[0])), "it is used up as far as one worst case allows"
    assert len(list(store.rows())) == engine.calls < 200
    assert isinstance(stopped.value, UserError)
    assert "everything that came is stored" in stopped.value.fix
    more = Window(SCRIPTED, long)
    list(ask(store, lambda: more, requests, budget=budget(tokens=limit * 100)))
    assert engine.calls + more.calls == 200, "going on buys only the rest"


def test_an_identical_request_is_charged_once(store: ResponseStore) -> None:
    kept = budget(tokens=100_000)
    list(ask(store, lambda: ScriptedEngine(SCRIPTED), many(1) * 50, budget=kept))
    reply_ = next(iter(store.rows())).reply
    assert kept.spent.tokens == (reply_.prompt_tokens or 0) + (reply_.completion_tokens or 0)
