from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.batch_engine import BatchEngine
from resources.generation.engine import Outcome, open_engine
from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Message, Request, Sampling
from resources.responses.store import ResponseStore
from tests.resources.generation.batch_server import Act, BatchServer, Line, answered, not_asked, refused, result
from tests.resources.generation.endpoint import closed_port

QUICK = {"requests": 4, "poll_seconds": 0.01, "max_poll_seconds": 0.05}
Opening = Callable[..., BatchEngine]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def opening() -> Iterator[Opening]:
    engines: list[BatchEngine] = []

    def opened(server: BatchServer | str, **batch: Any) -> BatchEngine:
        engines.append(BatchEngine(model(server, **batch)))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.close()


def model(server: BatchServer | str, *, api_key_env: str | None = None, **batch: Any) -> Model:
    return Model(
        key="remote",
        engine="openai",
        mode="batch",
        model="org/Teacher",
        base_url=server if isinstance(server, str) else server.url,
        api_key_env=api_key_env,
        price_in=1.0,
        price_out=2.0,
        options={"backoff": 0.01, "attempts": 3, "give_up_after": 3, "batch": QUICK | batch},
    )


def questions(count: int, server: BatchServer | str = "http://x", start: int = 0) -> list[Request]:
    asked = model(server)
    return [
        asked.request([Message(role="user", content=f"question {n}")], Sampling(max_tokens=50))
        for n in range(start, start + count)
    ]


def texts(outcomes: Iterator[Outcome]) -> dict[str, str]:
    return {
        request.messages[0].content: result.text if isinstance(result, Reply) else f"{result.kind}: {result.reason}"
        for request, result in outcomes
    }


def said(start: int, stop: int) -> dict[str, str]:
    return {f"question {n}": f"you said question {n}" for n in range(start, stop)}


def paid_once(server: BatchServer) -> bool:
    return set(server.paid.values()) == {1}


def states(home: Path) -> Counter[str]:
    import json

    return Counter(json.loads(path.read_text())["state"] for path in home.rglob("record.json"))


def test_requests_go_in_files_and_come_back_each_with_its_answer(opening: Opening, home: Path) -> None:
    with BatchServer() as server:
        engine = opening(server)
        outcomes = list(engine.generate(questions(10)))
        assert texts(iter(outcomes)) == said(0, 10)
        assert [len(batch.output) for batch in server.batches] == [4, 4, 2]
        assert paid_once(server)
        reply = outcomes[0].result
        assert isinstance(reply, Reply)
        assert (reply.prompt_tokens, reply.seconds, reply.cost) == (2, None, pytest.approx((2 * 1 + 5 * 2) / 1e6))
        assert states(home) == {"delivered": 3}
        assert not list(home.rglob("input.jsonl"))


def test_the_door_opens_it_for_mode_batch() -> None:
    with BatchServer() as server:
        engine = open_engine(model(server))
        assert isinstance(engine, BatchEngine)
        engine.close()
        # A batch changes when an answer comes, not what it is.
        online = model(server).model_copy(update={"mode": "online"})
        message = [Message(role="user", content="question 0")]
        assert online.request(message, Sampling(max_tokens=50)).key == questions(1)[0].key


def test_files_are_cut_by_size_too_and_what_fits_in_none_fails_alone(opening: Opening) -> None:
    with BatchServer() as server:
        engine = opening(server, requests=100, megabytes=0.001)
        big = model(server).request([Message(role="user", content="x" * 2000)], Sampling(max_tokens=5))
        got = texts(engine.generate([*questions(10), big]))
        assert "bad_request" in got.pop("x" * 2000)
        assert got == said(0, 10)
        assert len(server.batches) > 2
        assert all(len(server.files[batch.input_file_id]) <= 1000 for batch in server.batches)


def test_no_more_batches_run_at_once_than_allowed_and_reading_ahead_stops(opening: Opening) -> None:
    pulled = 0

    def stream() -> Iterator[Request]:
        nonlocal pulled
        for request in questions(40):
            pulled += 1
            yield request

    most = 0

    def meddle(act: Act) -> None:
        nonlocal most
        if act.name == "create":
            most = max(most, 1 + sum(batch.looks > 0 for batch in server.batches))

    with BatchServer(meddle=meddle) as server:
        outcomes = opening(server, jobs=2).generate(stream())
        next(outcomes)
        assert pulled <= 9
        assert len(texts(outcomes)) == 39
        assert most <= 2
        assert paid_once(server)


def test_what_expired_or_failed_in_passing_is_submitted_again_and_nothing_else(opening: Opening) -> None:
    def line(key: str, body: Line, n: int) -> Line:
        number = int(body["messages"][0]["content"].split()[1])
        if number == 0 and n < 2:
            return not_asked(key, "batch_expired")
        if number == 1 and n < 1:
            return refused(key, 500, "overloaded")
        if number == 2:
            return refused(key, 400, "too long")
        if number == 3:
            return refused(key, 429, "slow down")
        if number == 4 and n < 1:
            return {}
        if number == 5 and n < 1:
            return result(key, 200, {"error": {"message": "the model behind is away", "code": 502}})
        return answered(key, body)

    with BatchServer(line, final=lambda n: "expired" if n == 0 else "completed") as server:
        got = texts(opening(server, requests=20).generate(questions(8)))
        assert got.pop("question 2") == "bad_request: HTTP 400: too long"
        assert got.pop("question 3") == "rate_limited: HTTP 429: slow down"
        assert got == {text: answer for text, answer in said(0, 8).items() if text not in ("question 2", "question 3")}
        by_text = {request.messages[0].content: server.submitted[request.key] for request in questions(8)}
        assert list(by_text.values()) == [3, 2, 1, 3, 2, 2, 1, 1]


def test_a_batch_left_running_is_found_and_its_results_used(
    opening: Opening, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with BatchServer(looks=10_000) as server:
        first = opening(server).generate(questions(4))

        def interrupt(act: Act) -> None:
            if act.name == "get":
                signal.raise_signal(signal.SIGINT)

        server.meddle = interrupt
        with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
            list(first)
        assert "1 batches with 4 requests run on" in caplog.text
        assert states(home) == {"running": 1}
        server.meddle = lambda act: None
        server.batches[0].looks = server.looks = 3
        assert texts(opening(server).generate(questions(6))) == said(0, 6)
        assert [len(batch.output) for batch in server.batches] == [4, 2]
        assert paid_once(server)


def test_results_that_were_fetched_but_not_stored_are_read_from_disk(opening: Opening, home: Path) -> None:
    with BatchServer() as server:
        outcomes = opening(server).generate(questions(4))
        next(outcomes)
        outcomes.close()  # type: ignore[attr-defined]
        assert states(home) == {"fetched": 1}
    # The server is gone: everything is on this machine.
    assert texts(opening(server).generate(questions(4))) == said(0, 4)
    assert states(home) == {"delivered": 1}


def test_delivered_results_go_after_some_days(opening: Opening, home: Path) -> None:
    with BatchServer() as server:
        list(opening(server).generate(questions(4)))
        assert states(home) == {"delivered": 1}
        list(opening(server, keep_days=0).generate([]))
        assert states(home) == {}


def test_a_failure_of_an_earlier_run_is_asked_again(opening: Opening) -> None:
    with BatchServer(lambda key, body, n: answered(key, body) if n else refused(key, 400, "no")) as server:
        assert set(texts(opening(server).generate(questions(2))).values()) == {"bad_request: HTTP 400: no"}
        assert texts(opening(server).generate(questions(2))) == said(0, 2)


def test_equal_requests_are_submitted_once_and_each_is_answered(opening: Opening) -> None:
    with BatchServer(lambda key, body, n: answered(key, body) if n else not_asked(key, "batch_expired")) as server:
        outcomes = list(opening(server, requests=2).generate([*questions(3), *questions(3)]))
        assert len(outcomes) == 6
        assert texts(iter(outcomes)) == said(0, 3)
        assert paid_once(server)


@pytest.mark.parametrize("how", ["drop_after", "status"])
def test_when_it_is_not_known_whether_a_batch_was_made_the_endpoint_is_asked(opening: Opening, how: str) -> None:
    def meddle(act: Act) -> None:
        if act.name == "create" and server.names().count("create") == 1:
            act.drop_after = how == "drop_after"
            act.status = 503 if how == "status" else None

    with BatchServer(meddle=meddle, page=1) as server:
        list(opening(server).generate(questions(4, start=100)))
        server.acts.clear()
        assert texts(opening(server).generate(questions(8))) == said(0, 8)
        assert paid_once(server)
        # The one that was made is found; of the one that was not, the file is taken away before another is made.
        assert ("delete" in server.names()) == (how == "status")


def test_an_endpoint_that_cannot_list_its_batches_is_never_asked_twice(opening: Opening, home: Path) -> None:
    def meddle(act: Act) -> None:
        act.drop_after = act.name == "create"
        act.status = 404 if act.name == "list" else None

    with BatchServer(meddle=meddle) as server:
        for _ in range(2):
            with pytest.raises(UserError, match="does not say which batches it has"):
                list(opening(server).generate(questions(4)))
            opening_lock_is_free(home)
        assert len(server.batches) == 1


def opening_lock_is_free(home: Path) -> None:
    """Closing the engine's locks happens with its process; in one process the test lets go of them."""
    from resources.generation.batch_jobs import load_jobs

    for job in load_jobs(home / "work" / "batches" / "remote", keep_days=1):
        assert job.record.state == "submitting"


def test_the_endpoint_may_be_busy_or_away_for_a_while(opening: Opening) -> None:
    def meddle(act: Act) -> None:
        if act.number % 2 == 0 and act.name != "create":
            act.status, act.retry_after = (429, "0.01") if act.number % 4 else (500, None)
        if act.name == "create" and server.names().count("create") % 2:
            act.status, act.retry_after = 429, "0.01"

    with BatchServer(meddle=meddle) as server:
        assert texts(opening(server).generate(questions(8))) == said(0, 8)
        assert paid_once(server)


def test_an_endpoint_that_stays_away_ends_the_run_and_the_next_goes_on(opening: Opening) -> None:
    def meddle(act: Act) -> None:
        act.status = 500 if act.name == "get" else None

    with BatchServer(meddle=meddle) as server:
        with pytest.raises(UserError, match="batches run on and nothing is lost"):
            list(opening(server).generate(questions(4)))
        server.meddle = lambda act: None
        assert texts(opening(server).generate(questions(4))) == said(0, 4)
        assert paid_once(server)
    with pytest.raises(UserError, match="does not answer"):
        list(opening(closed_port()).generate(questions(1, start=500)))


def test_results_that_come_damaged_are_fetched_again_and_never_bought_again(opening: Opening) -> None:
    times = 0

    def damage(content: bytes) -> bytes:
        nonlocal times
        times += 1
        return content[:-20] if times <= 3 else content

    with BatchServer() as server:
        server.damage = damage
        with pytest.raises(UserError, match=r"come damaged: .*line 4"):
            list(opening(server).generate(questions(4)))
        assert texts(opening(server).generate(questions(4))) == said(0, 4)
        assert len(server.batches) == 1


def test_a_batch_that_failed_as_a_whole_says_why(opening: Opening, home: Path) -> None:
    with BatchServer(final=lambda n: "failed") as server:
        with pytest.raises(UserError, match="failed as a whole: invalid_json_line: line 3 is no JSON"):
            list(opening(server).generate(questions(2)))
        assert states(home) == {}


def test_a_full_queue_at_the_endpoint_is_waited_for(opening: Opening) -> None:
    with BatchServer(final=lambda n: "failed" if n in (2, 3) else "completed") as server:
        server.faults = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]
        assert texts(opening(server).generate(questions(16))) == said(0, 16)
        assert paid_once(server)


def test_a_cancelled_batch_gives_what_it_has_and_the_next_run_submits_the_rest(opening: Opening) -> None:
    def line(key: str, body: Line, n: int) -> Line:
        return (
            answered(key, body)
            if n or body["messages"][0]["content"] < "question 2"
            else not_asked(key, "batch_cancelled")
        )

    with BatchServer(line, final=lambda n: "completed" if n else "cancelled") as server:
        got: list[Outcome] = []
        with pytest.raises(UserError, match="somebody cancelled batch batch-0: 2 of its requests"):
            got.extend(opening(server).generate(questions(4)))
        assert texts(opening(server).generate(questions(4))) == said(0, 4)
        assert paid_once(server)


@pytest.mark.parametrize(
    ("act", "status", "message"),
    [("upload", 401, "set the right key"), ("upload", 404, "mode: online"), ("create", 400, "as the test wants")],
)
def test_a_refusal_ends_with_one_message_and_leaves_nothing(
    opening: Opening, home: Path, act: str, status: int, message: str
) -> None:
    def meddle(seen: Act) -> None:
        seen.status = status if seen.name == act else None

    with BatchServer(meddle=meddle) as server, pytest.raises(UserError, match=message):
        list(opening(server).generate(questions(2)))
    assert states(home) == {}


def test_the_key_comes_from_the_environment_and_is_in_no_file(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    with BatchServer() as server:
        with pytest.raises(UserError, match="BATCH_KEY is not set"):
            BatchEngine(model(server, api_key_env="BATCH_KEY"))
        monkeypatch.setenv("BATCH_KEY", "geheim-123")
        engine = BatchEngine(model(server, api_key_env="BATCH_KEY"))
        list(engine.generate(questions(2)))
        engine.close()
        assert {act.headers["authorization"] for act in server.acts} == {"Bearer geheim-123"}
        assert not [path for path in home.rglob("*") if path.is_file() and b"geheim-123" in path.read_bytes()]


def test_batches_at_another_address_are_told_and_left_alone(opening: Opening, caplog: pytest.LogCaptureFixture) -> None:
    with BatchServer(looks=10_000) as there, BatchServer() as here:
        first = opening(there)
        outcomes = first._generate(questions(4))
        while not there.batches:
            next(outcomes)
        outcomes.close()  # type: ignore[attr-defined]
        with caplog.at_level(logging.WARNING):
            assert texts(opening(here).generate(questions(4, start=50))) == said(50, 54)
        assert "4 requests are under way in batches at another address" in caplog.text


def test_through_ask_everything_is_stored_and_stored_answers_come_while_it_waits(tmp_path: Path) -> None:
    with BatchServer() as server, ResponseStore(f"sqlite:///{tmp_path}/r.sqlite") as store:
        list(ask(store, lambda: BatchEngine(model(server, requests=5000)), questions(3000)))
        assert len(server.batches) == 1
        mixed = [*questions(1, start=9000), *questions(2999), *questions(1, start=9001)]
        outcomes = ask(store, lambda: BatchEngine(model(server, requests=5000)), mixed)
        assert len(texts(outcomes)) == 3001
        # One batch for both that were missing, though thousands of stored answers lay between them.
        assert len(server.batches) == 2
        assert paid_once(server)


CHILD = """
import sys
from resources.generation.ask import ask
from resources.generation.batch_engine import BatchEngine
from resources.responses.store import ResponseStore
from tests.resources.generation.test_batch_engine import model, questions
url, path = sys.argv[1:]
print("ready", flush=True)
with ResponseStore(path) as store:
    for outcome in ask(store, lambda: BatchEngine(model(url)), questions(8)):
        pass
"""


def run_child(server: BatchServer, path: str, kill_after: float | None = None) -> int:
    code = [sys.executable, "-c", textwrap.dedent(CHILD), server.url, path]
    with subprocess.Popen(code, stdout=subprocess.PIPE, env=os.environ) as child:
        server.client = child.pid
        assert child.stdout is not None
        child.stdout.readline()
        if kill_after is not None:
            time.sleep(kill_after)
            child.kill()
        return child.wait()


def killed_at(number: int, when: str, tmp_path: Path) -> bool:
    """Kills a client at its n-th act, before or after the endpoint has done it; the next run must complete at no cost.
    False when the client ended before it came so far.
    """

    def meddle(act: Act) -> None:
        act.kill_before = act.number == number and when == "before"
        act.kill_after = act.number == number and when == "after"

    path = f"sqlite:///{tmp_path}/r.sqlite"
    with BatchServer(meddle=meddle) as server:
        code = run_child(server, path)
        with ResponseStore(path) as store:
            assert texts(ask(store, lambda: BatchEngine(model(server)), questions(8))) == said(0, 8)
        assert paid_once(server)
        return code == -signal.SIGKILL


@pytest.mark.parametrize(("number", "when"), [(1, "before"), (1, "after"), (6, "after")])
def test_killed_at_an_act_nothing_is_paid_twice(number: int, when: str, tmp_path: Path) -> None:
    assert killed_at(number, when, tmp_path)


@pytest.mark.slow
def test_killed_at_every_act_nothing_is_paid_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number, killed = 0, True
    while killed:
        for when in ("before", "after"):
            folder = tmp_path / f"{number}{when}"
            folder.mkdir()
            monkeypatch.setenv("OT_HOME", str(folder / "home"))
            killed = killed_at(number, when, folder)
        number += 1
    assert number > 8


@pytest.mark.slow
def test_killed_at_random_moments_again_and_again_nothing_is_paid_twice(tmp_path: Path) -> None:
    import random

    chance = random.Random(3)
    path = f"sqlite:///{tmp_path}/r.sqlite"
    with BatchServer(meddle=lambda act: setattr(act, "seconds", 0.03)) as server:
        for _ in range(30):
            run_child(server, path, chance.uniform(0, 1.5))
        assert run_child(server, path) == 0
        with ResponseStore(path) as store:
            assert len(store.get_many(request.key for request in questions(8))) == 8
        assert paid_once(server)
