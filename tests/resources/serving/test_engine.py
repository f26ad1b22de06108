"""The engine over a server that may die at any moment: what was answered is kept, what was not is asked again or told."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.engine import KeepingEngine, Outcome, open_engine
from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Message, Request, Sampling
from resources.responses.store import ResponseStore
from resources.serving.engine import ServedEngine
from tests.resources.serving.conftest import Bench, running


def requests(model: Model, count: int, *, seed: int | None = None) -> list[Request]:
    sampling = Sampling(max_tokens=16, seed=seed)
    return [model.request([Message(role="user", content=f"question {i}")], sampling) for i in range(count)]


def texts(outcomes: list[Outcome]) -> list[str]:
    return sorted(outcome.result.text if isinstance(outcome.result, Reply) else "?" for outcome in outcomes)


def answers(count: int) -> list[str]:
    return sorted(f"you said question {i}" for i in range(count))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path / 'responses.sqlite'}") as opened:
        yield opened


def test_answers_over_one_server_for_many_partitions(bench: Bench) -> None:
    model = bench.model()
    engine = open_engine(model)
    assert isinstance(engine, KeepingEngine)
    assert texts(list(engine.generate(requests(model, 20)))) == answers(20)
    assert texts(list(engine.generate(requests(model, 5)))) == answers(5)
    assert len(bench.starts()) == 1
    engine.close()
    engine.close()
    assert not running(bench.starts()[0])
    assert not [name for name in os.environ if name.startswith("OT_SERVED_")], "the key stays with the client alone"


def test_no_seed_is_sent_when_the_server_cannot_take_one(bench: Bench) -> None:
    model = bench.model({"refuse_seed": True}, seeds=False)
    with closing(open_engine(model)) as engine:
        outcomes = list(engine.generate(requests(model, 6, seed=7)))
    assert texts(outcomes) == answers(6)
    assert {outcome.request.sampling.seed for outcome in outcomes} == {7}, "the key still says what was asked"


def test_a_seed_that_kills_is_explained(bench: Bench) -> None:
    model = bench.model({"refuse_seed": True})
    with closing(open_engine(model)) as engine, pytest.raises(UserError, match="seeds: false"):
        list(engine.generate(requests(model, 6, seed=7)))


def test_death_in_the_middle_fails_with_its_cause_and_keeps_what_came(bench: Bench, store: ResponseStore) -> None:
    model = bench.model({"die_after": 10, "seconds": 0.02})
    engine = open_engine(model)
    with pytest.raises(UserError) as caught:
        list(ask(store, lambda: engine, requests(model, 40)))
    assert "big: its server died in the middle of work: it ran out of GPU memory" in caught.value.what
    assert "torch.OutOfMemoryError" in caught.value.what
    assert "on_death: restart" in caught.value.fix
    with pytest.raises(UserError, match="died in the middle"):
        list(engine.generate(requests(model, 1)))
    assert len(bench.starts()) == 1, "nobody said that it may be started again"
    kept = [r for r in requests(model, 40) if r.key in store.get_many([r.key])]
    assert len(kept) == len(bench.asked()) == 10
    outcomes = list(ask(store, lambda: open_engine(model), requests(model, 40)))
    assert texts(outcomes) == answers(40)
    assert set(Counter(bench.asked()).values()) == {1}, "what came is not asked again"


@pytest.mark.parametrize("stored", [True, False])
def test_restart_goes_on_with_what_is_left(bench: Bench, store: ResponseStore, stored: bool) -> None:
    model = bench.model({"die_after": 15, "deaths": 2, "seconds": 0.01}, on_death="restart", restarts=2)
    with closing(open_engine(model)) as engine:
        if stored:
            outcomes = list(ask(store, lambda: engine, requests(model, 60), close=False))
        else:
            outcomes = list(engine.generate(requests(model, 60)))
    assert texts(outcomes) == answers(60)
    assert Counter(bench.asked()) == Counter(f"question {i}" for i in range(60)), "each exactly once"
    assert len(bench.starts()) == 3


def test_restarts_have_a_limit(bench: Bench, store: ResponseStore) -> None:
    model = bench.model({"die_after": 5, "deaths": 99}, on_death="restart", restarts=2)
    engine = open_engine(model)
    with pytest.raises(UserError, match="died in the middle of work after 2 restarts"):
        list(ask(store, lambda: engine, requests(model, 60)))
    assert len(bench.starts()) == 3
    assert len(bench.asked()) == len(set(bench.asked())) == 15


def test_a_restart_that_fails_is_told_and_stays_so(bench: Bench) -> None:
    model = bench.model({"die_after": 5, "deaths": 99, "die_at_start": 2}, on_death="restart")
    engine = open_engine(model)
    for _ in range(2):
        with pytest.raises(UserError, match="died as it started"):
            list(engine.generate(requests(model, 20)))
    engine.close()
    assert len(bench.starts()) == 2


def test_killed_from_outside_it_is_started_again(bench: Bench) -> None:
    model = bench.model({"seconds": 0.02}, on_death="restart")
    with closing(open_engine(model)) as engine:
        outcomes = []
        for outcome in engine.generate(requests(model, 40)):
            outcomes.append(outcome)
            if len(outcomes) == 10:
                os.kill(bench.starts()[0], signal.SIGKILL)
    assert texts(outcomes) == answers(40)
    assert len(bench.starts()) == 2


def test_a_caller_that_stops_early_leaves_a_server_that_answers_on(bench: Bench) -> None:
    model = bench.model({"seconds": 0.01})
    with closing(open_engine(model)) as engine:
        coming = engine.generate(requests(model, 40))
        came = [next(coming) for _ in range(5)]
        coming.close()  # type: ignore[attr-defined]
        came += engine.arrived()
        assert len({outcome.request.key for outcome in came}) == len(came)
        assert texts(list(engine.generate(requests(model, 3)))) == answers(3)
    assert len(bench.starts()) == 1


def test_an_endpoint_of_the_environment_needs_no_server(bench: Bench) -> None:
    model = bench.model({"refuse_seed": True}, seeds=False)
    host = ServedEngine(model)
    assert host._serving is not None
    os.environ["OT_TEST_KEY"] = host._serving.secret
    theirs = model.model_copy(update={"base_url": host._serving.url, "api_key_env": "OT_TEST_KEY"})
    try:
        with closing(open_engine(theirs)) as engine:
            assert texts(list(engine.generate(requests(theirs, 4, seed=1)))) == answers(4)
    finally:
        del os.environ["OT_TEST_KEY"]
        host.close()
    assert len(bench.starts()) == 1


def test_a_start_that_fails_leaves_nothing_behind(bench: Bench) -> None:
    with pytest.raises(UserError, match="died as it started"):
        open_engine(bench.model({"die": "Segmentation fault"}))
    with pytest.raises(UserError, match="options of engine vllm"):
        open_engine(bench.model().model_copy(update={"options": {"concurency": 3}}))
    assert not [pid for pid in bench.starts() if running(pid)]
