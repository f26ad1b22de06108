"""SIGKILL, Ctrl-C and a store that fails, over a real endpoint: nothing lost, nothing stored twice, no more than
`concurrency` calls made again.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.budget import Budget, BudgetSpent, Limit
from resources.generation.openai_engine import OpenAIEngine
from resources.generation.progress import Progress
from resources.generation.reply import Reply
from resources.generation.request import Request
from resources.responses.store import Meta, ResponseStore
from tests.resources.generation.endpoint import Act, Endpoint
from tests.resources.generation.test_openai_engine import model, questions

ROOT = Path(__file__).parents[3]

CHILD = """
    import sys
    from resources.generation.ask import ask
    from resources.generation.openai_engine import OpenAIEngine
    from resources.responses.store import ResponseStore
    from tests.resources.generation.test_openai_engine import model, questions

    url, store, count, options = sys.argv[1], sys.argv[2], int(sys.argv[3]), eval(sys.argv[4])
    engine = OpenAIEngine(model(url, **options))
    for _ in ask(ResponseStore(store), lambda: engine, questions(engine, count)):
        pass
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite") as opened:
        yield opened


def child(endpoint: Endpoint, url: str, count: int, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(CHILD), endpoint.url, url, str(count), repr(options)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def wait_for(endpoint: Endpoint, calls: int) -> None:
    pause = threading.Event()
    while len(endpoint.calls) < calls:
        pause.wait(0.005)


@pytest.mark.parametrize("seed", range(5))
def test_a_kill_costs_at_most_what_was_under_way(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    concurrency, count = draw.choice([1, 4, 16]), 150
    url = f"sqlite:///{tmp_path}/responses.sqlite"
    with Endpoint(lambda call, n: Act(seconds=0.004)) as endpoint:
        running = child(endpoint, url, count, concurrency=concurrency)
        wait_for(endpoint, draw.randrange(1, 120))
        time.sleep(draw.uniform(0, 0.01))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        before = len(endpoint.calls)
        with ResponseStore(url) as store:
            assert list(store.problems()) == []
            stored = len(list(store.rows()))
            assert before - stored <= concurrency
            engine = OpenAIEngine(model(endpoint, concurrency=16))
            list(ask(store, lambda: engine, questions(engine, count)))
            asked = Counter(call.text for call in endpoint.calls)
            assert sum(asked.values()) - len(asked) <= concurrency
            kept = [json.loads(row.request)["messages"][0]["content"] for row in store.rows()]
            assert sorted(kept) == sorted(f"question {n}" for n in range(count))


def test_a_place_is_taken_until_the_reply_is_stored(tmp_path: Path) -> None:
    """A slow database: what was sent and is not committed is never more than `concurrency`."""
    most = 0

    class Slow(ResponseStore):
        def put_many(self, rows: Iterable[tuple[Request, Reply, Meta]], **how: bool) -> dict[str, Reply]:
            nonlocal most, done
            batch = list(rows)
            most = max(most, len(endpoint.calls) - done)
            time.sleep(0.02)
            came = super().put_many(batch, **how)
            done += len(batch)
            return came

    done = 0
    with Endpoint() as endpoint:
        engine = OpenAIEngine(model(endpoint, concurrency=6))
        with Slow(f"sqlite:///{tmp_path}/responses.sqlite") as store:
            assert len(list(ask(store, lambda: engine, questions(engine, 120)))) == 120
    assert 1 < most <= 6


def test_ctrl_c_lets_calls_come_to_their_end_and_says_what_is_left(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/responses.sqlite"
    with Endpoint(lambda call, n: Act(seconds=0 if n or int(call.text.split()[1]) < 8 else 1)) as endpoint:
        running = child(endpoint, url, 100, concurrency=8, grace=30.0)
        wait_for(endpoint, 16)
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)[1]
        assert "KeyboardInterrupt" in said
        assert "100 requests" in said
        assert "the next run asks only for the rest" in said
        with ResponseStore(url) as store:
            assert len(list(store.rows())) == len(endpoint.calls) == 16


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/responses.sqlite"
    with Endpoint(lambda call, n: Act(seconds=0 if int(call.text.split()[1]) < 8 else 40)) as endpoint:
        running = child(endpoint, url, 100, concurrency=8, grace=600.0)
        wait_for(endpoint, 16)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        with ResponseStore(url) as store:
            assert len(list(store.rows())) == 8


def test_a_store_that_fails_stops_the_run_at_once(store: ResponseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(rows: object, **how: bool) -> dict[str, Reply]:
        raise UserError("the disk is full")

    with Endpoint() as endpoint:
        engine = OpenAIEngine(model(endpoint, concurrency=4))
        monkeypatch.setattr(store, "put_many", full)
        with pytest.raises(UserError, match="the disk is full"):
            list(ask(store, lambda: engine, questions(engine, 500)))
        assert len(endpoint.calls) <= 4


def test_a_slow_caller_does_not_hold_the_endpoint_up(store: ResponseStore) -> None:
    with Endpoint() as endpoint:
        engine = OpenAIEngine(model(endpoint, concurrency=4))
        stream = ask(store, lambda: engine, questions(engine, 90))
        next(stream)
        pause = threading.Event()
        # Nobody reads, and still all of them (they fit into the window) are asked and stored.
        while len(list(store.rows())) < 90:
            pause.wait(0.02)
        assert len(list(stream)) == 89


def test_the_first_stored_answer_is_yielded_though_ours_was_paid(store: ResponseStore) -> None:
    with Endpoint() as endpoint:
        engine = OpenAIEngine(model(endpoint))
        (request,) = questions(engine, 1)

        def theirs(call: object, n: int) -> Act:
            store.put_many([(request, Reply.make("theirs"), Meta())])
            return Act()

        endpoint.behave = theirs
        ((_, reply),) = ask(store, lambda: engine, [request])
        assert isinstance(reply, Reply)
        assert reply.text == "theirs"


def test_a_budget_is_never_passed_and_everything_in_flight_is_stored(store: ResponseStore) -> None:
    with Endpoint(lambda call, n: Act(seconds=0.01)) as endpoint:
        engine = OpenAIEngine(model(endpoint, concurrency=8))
        budget = Budget([Limit("teacher remote", tokens=3_000)])
        seen = 0
        with pytest.raises(BudgetSpent, match="teacher remote"):
            for _ in ask(store, lambda: engine, questions(engine, 1_200), budget=budget):
                seen += 1
        stored = list(store.rows())
        assert 0 < budget.spent.tokens <= 3_000
        assert seen == len(stored) == len(endpoint.calls)
        assert budget.spent.tokens == sum(
            (r.reply.prompt_tokens or 0) + (r.reply.completion_tokens or 0) for r in stored
        )


def test_retries_are_told(store: ResponseStore) -> None:
    told: list[tuple[str, int]] = []
    with Endpoint(lambda call, n: Act(500, b"oops") if n == 0 else Act()) as endpoint:
        engine = OpenAIEngine(model(endpoint))
        engine.events = lambda name, number: told.append((name, number))
        list(engine.generate(questions(engine, 5)))
    assert told.count(("retry:server", 1)) == 5
    flying = [number for name, number in told if name == "in_flight"]
    assert 0 < max(flying) <= 5
    assert flying[-1] == 0


def test_requests_are_not_held(store: ResponseStore) -> None:
    """A source without end: memory holds a window of it."""
    alive = 0

    class Counted(Request):
        def __init__(self, **data: object) -> None:
            nonlocal alive
            super().__init__(**data)
            alive += 1

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    most = 0
    with Endpoint() as endpoint:
        engine = OpenAIEngine(model(endpoint, concurrency=4))
        some = questions(engine, 1)[0]
        source = (Counted(**dict(some) | {"sample_index": n}) for n in range(800))
        shown: list[Progress] = []
        for _ in ask(store, lambda: engine, source, progress=shown.append):
            most = max(most, alive)
    assert shown[-1].new == 800
    assert most <= 2 * engine.window + 200
