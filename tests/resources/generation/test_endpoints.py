"""Several endpoints for one model: load, health, probes. By a clock that only these tests move, and over real servers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.endpoints import Endpoints
from resources.generation.openai_engine import OpenAIEngine
from resources.generation.options import OpenAIOptions
from resources.generation.reply import Reply
from resources.responses.store import ResponseStore
from tests.resources.generation.endpoint import Act, Call, Endpoint, closed_port, error
from tests.resources.generation.test_gate import Clock
from tests.resources.generation.test_openai_engine import answers, model, questions


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite") as opened:
        yield opened


def made(clock: Clock, *urls: str, **options: object) -> Endpoints:
    return Endpoints(urls or ("a",), OpenAIOptions.model_validate({"concurrency": 4} | options), clock=clock)


def test_calls_go_where_there_is_most_room(clock: Clock) -> None:
    endpoints = made(clock, "a", "b")
    went = []
    while (endpoint := endpoints.pick()[0]) is not None:
        endpoint.enter(0)
        went.append(endpoint.url)
    assert sorted(went) == ["a"] * 4 + ["b"] * 4
    assert set(went[:2]) == {"a", "b"}
    assert endpoints.pick() == (None, math.inf)


def test_one_that_was_there_is_set_aside_after_three_misses_and_probed_with_growing_pauses(clock: Clock) -> None:
    endpoints = made(clock, backoff=1.0, max_backoff=8.0)
    (one,) = endpoints.all
    one.seen()
    pauses = []
    for misses in (3, 1, 1, 1, 1, 1):
        for _ in range(misses):
            assert endpoints.pick()[0] is one
            one.enter(0)
            one.lost()
            one.gate.leave()
        pauses.append(endpoints.pick()[1])
        clock.now += pauses[-1]
    assert [round(math.log2(pause / 1.0)) for pause in pauses] == [0, 1, 2, 3, 3, 3]
    one.enter(0)
    assert endpoints.pick() == (None, math.inf), "one probe at a time"
    one.seen()
    assert endpoints.pick()[0] is one


def test_calls_that_were_under_way_do_not_lengthen_the_pause(clock: Clock) -> None:
    endpoints = made(clock, backoff=1.0)
    (one,) = endpoints.all
    one.seen()
    for _ in range(20):
        one.lost()
    assert endpoints.pick()[1] <= 1.25


def test_how_long_all_are_away(clock: Clock) -> None:
    endpoints = made(clock, "a", "b", backoff=1.0)
    a, b = endpoints.all
    a.seen()
    for _ in range(3):
        a.lost()
    clock.now += 100
    assert endpoints.away_for() == 0, "b is there"
    b.lost()
    clock.now += 7
    assert endpoints.away_for() == 7
    assert not endpoints.never_there(1), "a was there once"


def test_both_endpoints_work_and_every_question_is_asked_once(store: ResponseStore) -> None:
    with Endpoint(lambda c, n: Act(seconds=0.02)) as one, Endpoint(lambda c, n: Act(seconds=0.02)) as two:
        engine = OpenAIEngine(model(one).model_copy(update={"base_urls": (two.url, one.url + "/")}))
        assert len(answers(ask(store, lambda: engine, questions(engine, 60)))) == 60
        asked = [call.text for call in one.calls + two.calls]
        assert sorted(asked) == sorted({f"question {n}" for n in range(60)})
        assert min(len(one.calls), len(two.calls)) >= 15
        assert max(one.most, two.most) <= 8


def test_one_that_is_down_costs_nothing_but_a_few_looks(store: ResponseStore) -> None:
    with Endpoint() as good:
        engine = OpenAIEngine(model(closed_port(), backoff=0.2).model_copy(update={"base_urls": (good.url,)}))
        got = answers(ask(store, lambda: engine, questions(engine, 80)))
        assert {type(result) for result in got.values()} == {Reply}
        assert len(good.calls) == 80


def test_one_that_falls_ill_is_set_aside_and_comes_back(store: ResponseStore) -> None:
    ill = itertools.count()

    def behave(call: Call, n: int) -> Act:
        return error(503, "restarting") if 20 <= next(ill) < 30 else Act(seconds=0.01)

    with Endpoint(behave) as one, Endpoint(lambda c, n: Act(seconds=0.01)) as two:
        engine = OpenAIEngine(model(one, backoff=0.05).model_copy(update={"base_urls": (two.url,)}))
        got = answers(ask(store, lambda: engine, questions(engine, 400)))
        assert {type(result) for result in got.values()} == {Reply}
        assert next(ill) > 60, "it is used again"


def test_all_away_for_too_long_stops_the_run_and_keeps_what_came(store: ResponseStore) -> None:
    with Endpoint(lambda c, n: Act(seconds=0.01)) as one:
        engine = OpenAIEngine(model(one, backoff=0.05, away_limit=0.3, attempts=100))
        stream = ask(store, lambda: engine, questions(engine, 200))
        first = list(itertools.islice(stream, 10))
        one.__exit__()
        one.drop_all()
        with pytest.raises(UserError, match=r"no endpoint has answered for .* s \(away_limit\)"):
            list(stream)
    assert len(list(store.rows())) >= len(first)


def test_nowhere_an_answer_names_the_address(store: ResponseStore) -> None:
    url = closed_port()
    engine = OpenAIEngine(model(closed_port()).model_copy(update={"base_urls": (url,)}))
    with pytest.raises(UserError, match="nothing answers at http"):
        list(ask(store, lambda: engine, questions(engine, 20)))
