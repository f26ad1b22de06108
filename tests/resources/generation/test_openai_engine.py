from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.engine import Outcome, open_engine
from resources.generation.http_reply import retry_after
from resources.generation.model import Model
from resources.generation.openai_engine import OpenAIEngine
from resources.generation.reply import Failure, Reply
from resources.generation.request import Message, Request, Sampling
from resources.responses.store import ResponseStore
from tests.resources.generation.endpoint import Act, Call, Endpoint, closed_port, error

Opening = Callable[..., OpenAIEngine]


@pytest.fixture
def opening() -> Iterator[Opening]:
    engines: list[OpenAIEngine] = []

    def opened(address: Endpoint | str, *, api_key_env: str | None = None, **options: Any) -> OpenAIEngine:
        engines.append(OpenAIEngine(model(address, api_key_env=api_key_env, **options)))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.close()


def model(address: Endpoint | str, *, api_key_env: str | None = None, **options: Any) -> Model:
    url = address if isinstance(address, str) else address.url
    return Model(
        key="remote",
        engine="openai",
        model="org/Teacher",
        base_url=url,
        api_key_env=api_key_env,
        price_in=1.0,
        price_out=2.0,
        options={"backoff": 0.01, "concurrency": 8, "grace": 0.1} | options,
    )


def questions(engine: OpenAIEngine, count: int, **sampling: Any) -> list[Request]:
    settings = Sampling(**{"max_tokens": 50} | sampling)
    return [engine.model.request([Message(role="user", content=f"question {n}")], settings) for n in range(count)]


def answers(outcomes: Iterator[Outcome]) -> dict[str, Reply | Failure]:
    return {request.messages[-1].content: result for request, result in outcomes}


def test_every_question_gets_its_own_answer(opening: Opening) -> None:
    with Endpoint() as endpoint:
        engine = opening(endpoint)
        got = answers(engine.generate(questions(engine, 60)))
        assert {text: result.text for text, result in got.items() if isinstance(result, Reply)} == {
            f"question {n}": f"you said question {n}" for n in range(60)
        }
        result = got["question 7"]
        assert isinstance(result, Reply)
        assert (result.reasoning, result.finish_reason, result.prompt_tokens) == ("because", "stop", 2)
        assert result.cost == pytest.approx((2 * 1 + 5 * 2) / 1e6)
        assert result.seconds is not None
        assert b"org/Teacher" in result.payload


def test_no_more_calls_at_once_than_told_and_really_so_many(opening: Opening) -> None:
    with Endpoint(lambda call, n: Act(seconds=0.05)) as endpoint:
        engine = opening(endpoint, concurrency=5)
        assert len(answers(engine.generate(questions(engine, 40)))) == 40
        assert endpoint.most == 5


def test_requests_are_read_a_bounded_window_ahead(opening: Opening) -> None:
    with Endpoint() as endpoint:
        engine = opening(endpoint, concurrency=4)
        read = itertools.count()
        some = questions(engine, 1)[0]
        endless = (some.model_copy(update={"sample_index": next(read)}) for _ in itertools.count())
        for _ in itertools.islice(engine.generate(endless), 100):
            pass
        assert next(read) <= 100 + engine.window + 1


def test_everything_that_was_set_is_sent_and_nothing_else(opening: Opening) -> None:
    with Endpoint() as endpoint:
        engine = opening(endpoint, extra_body={"reasoning_effort": "low"}, headers={"X-Title": "ot"})
        plain = engine.model.request([Message(role="user", content="plain")], Sampling(max_tokens=9))
        full = engine.model.request(
            [Message(role="system", content="Be brief."), Message(role="user", content="full")],
            Sampling(
                max_tokens=9, temperature=0, top_p=0.9, top_k=5, min_p=0.1, stop=("x",), seed=40, presence_penalty=1
            ),
            sample_index=2,
            tools=[{"type": "function"}],
            response_format={"type": "json_object"},
        )
        list(engine.generate([plain, full]))
        seen = {call.text: call for call in endpoint.calls}
        assert seen["plain"].body == {
            "model": "org/Teacher",
            "messages": [{"role": "user", "content": "plain"}],
            "temperature": 1.0,
            "top_p": 1.0,
            "max_tokens": 9,
            "reasoning_effort": "low",
        }
        assert seen["full"].body == {
            **seen["plain"].body,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "full"}],
            "temperature": 0.0,
            "top_p": 0.9,
            "top_k": 5,
            "min_p": 0.1,
            "stop": ["x"],
            "seed": 42,
            "presence_penalty": 1.0,
            "tools": [{"type": "function"}],
            "response_format": {"type": "json_object"},
        }
        assert seen["plain"].headers["x-title"] == "ot"
        assert "authorization" not in seen["plain"].headers


def test_another_name_for_max_tokens(opening: Opening) -> None:
    with Endpoint() as endpoint:
        engine = opening(endpoint, max_tokens_field="max_completion_tokens")
        list(engine.generate(questions(engine, 1)))
        assert endpoint.calls[0].body["max_completion_tokens"] == 50
        assert "max_tokens" not in endpoint.calls[0].body


def first(act: Act) -> Callable[[Call, int], Act]:
    """Does `act` to the first call of each question, then behaves."""
    return lambda call, n: act if n == 0 else Act()


@pytest.mark.parametrize(
    "act",
    [
        error(429, "slow down", Retry_After="0"),
        error(500, "oops"),
        error(503, "loading the model"),
        error(408, "took too long"),
        Act(200, b"<html>bad gateway</html>"),
        Act(200, b'{"choices": [{"message": {"content": "cut in the mid'),
        Act(200, b'{"error": {"message": "provider is down", "code": 502}}'),
        Act(200, b'{"choices": [{"message": {"content": "so f"}, "finish_reason": "error"}]}'),
        Act(cut=True),
        Act(drop=True),
    ],
    ids=["429", "500", "503", "408", "html", "garbage", "error in 200", "aborted", "cut", "dropped"],
)
def test_a_passing_failure_is_tried_again(opening: Opening, act: Act) -> None:
    with Endpoint(first(act)) as endpoint:
        engine = opening(endpoint)
        got = answers(engine.generate(questions(engine, 12)))
        assert {type(result) for result in got.values()} == {Reply}
        assert len(endpoint.calls) == 24


def test_retry_after_is_honoured_by_everybody(opening: Opening) -> None:
    limited = error(429, "slow down", Retry_After="1")
    with Endpoint(lambda call, n: limited if call.text == "question 0" and n == 0 else Act()) as endpoint:
        engine = opening(endpoint, concurrency=1)
        assert len(answers(engine.generate(questions(engine, 3)))) == 3
        # Nobody calls in the second after the 429.
        assert endpoint.calls[1].at - endpoint.calls[0].at >= 1.0


def test_a_wait_that_is_too_long_is_a_failure(opening: Opening) -> None:
    with Endpoint(lambda call, n: error(429, "come back tomorrow", Retry_After="90000")) as endpoint:
        engine = opening(endpoint)
        (got,) = answers(engine.generate(questions(engine, 1))).values()
        assert isinstance(got, Failure)
        assert (got.kind, got.retryable, got.attempts) == ("rate_limited", True, 1)
        assert "come back tomorrow" in got.reason


def test_fewer_calls_at_once_after_a_429(opening: Opening) -> None:
    with Endpoint() as endpoint:
        engine = opening(endpoint, concurrency=9)
        endpoint.behave = lambda call, n: error(429, "slow down", Retry_After="0") if endpoint.running > 3 else Act()
        got = answers(engine.generate(questions(engine, 60)))
        assert {type(result) for result in got.values()} == {Reply}


def test_declared_rates_are_kept_to(opening: Opening) -> None:
    with Endpoint() as endpoint:
        engine = opening(endpoint, requests_per_minute=6000, tokens_per_minute=1_000_000)
        assert len(answers(engine.generate(questions(engine, 6)))) == 6


@pytest.mark.parametrize(
    ("act", "kind", "retryable"),
    [
        (error(400, "the prompt is too long"), "bad_request", False),
        (error(422, "no such field"), "bad_request", False),
        (error(403, "flagged by moderation"), "refused", False),
        (error(500, "always"), "server", True),
        (Act(200, b"{}"), "malformed", True),
        (Act(cut=True), "connection", True),
    ],
    ids=["400", "422", "403", "500", "garbage", "cut"],
)
def test_what_stays_failed_is_a_failure_with_its_reason(opening: Opening, act: Act, kind: str, retryable: bool) -> None:
    with Endpoint(lambda call, n: act if call.text == "question 3" else Act()) as endpoint:
        engine = opening(endpoint, attempts=3)
        got = answers(engine.generate(questions(engine, 6)))
        failed = got.pop("question 3")
        assert isinstance(failed, Failure)
        assert (failed.kind, failed.retryable, failed.attempts) == (kind, retryable, 3 if retryable else 1)
        assert failed.reason
        assert {type(result) for result in got.values()} == {Reply}


def test_a_hanging_call_ends_at_the_timeout_and_is_tried_once_more(opening: Opening) -> None:
    with Endpoint(lambda call, n: Act(seconds=5 if call.text == "question 0" else 0)) as endpoint:
        engine = opening(endpoint, timeout=0.5, timeout_attempts=2)
        got = answers(engine.generate(questions(engine, 2)))
        failed = got["question 0"]
        assert isinstance(failed, Failure)
        assert (failed.kind, failed.attempts) == ("timeout", 2)
        assert "within 0.5 s" in failed.reason
        assert isinstance(got["question 1"], Reply)


@pytest.mark.parametrize(
    ("act", "limit"),
    [(Act(seconds=5), "first_byte_timeout"), (Act(stall=5), "stall_timeout")],
    ids=["first byte", "stall"],
)
def test_each_part_of_a_call_has_its_limit(opening: Opening, act: Act, limit: str) -> None:
    with Endpoint(first(act)) as endpoint:
        engine = opening(endpoint, **{limit: 0.3})
        (got,) = answers(engine.generate(questions(engine, 1))).values()
        assert isinstance(got, Reply)
        assert 0.3 <= endpoint.calls[1].at - endpoint.calls[0].at < 5


def test_a_clock_that_jumps_changes_no_pause(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = itertools.count(0, 86_400)
    monkeypatch.setattr("time.time", lambda: next(jumps))
    with Endpoint(first(error(429, "slow down", Retry_After="0.5"))) as endpoint:
        engine = opening(endpoint, concurrency=1)
        assert len(answers(engine.generate(questions(engine, 2)))) == 2
        assert 0.5 <= endpoint.calls[1].at - endpoint.calls[0].at < 20


def test_an_endpoint_that_is_down_stops_the_run_and_names_the_address(opening: Opening, tmp_path: Path) -> None:
    url = closed_port()
    engine = opening(url)
    store = ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite")
    with pytest.raises(UserError, match=url):
        list(ask(store, lambda: engine, iter(questions(engine, 100))))
    assert list(store.rows()) == []


def test_an_endpoint_that_goes_down_loses_nothing(opening: Opening, tmp_path: Path) -> None:
    store = ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite")
    with Endpoint() as endpoint:
        engine = opening(endpoint, attempts=2, give_up_after=4)
        stream = ask(store, lambda: engine, questions(engine, 200))
        got = list(itertools.islice(stream, 20))
        endpoint.behave = lambda call, n: error(503, "going down")
        with pytest.raises(UserError, match="in a row failed"):
            got += list(stream)
        stored = len(list(store.rows()))
        assert 20 <= sum(isinstance(outcome.result, Reply) for outcome in got) <= stored
        endpoint.behave = lambda call, n: Act()
        before = len(endpoint.calls)
        engine = opening(endpoint)
        assert len(list(ask(store, lambda: engine, questions(engine, 200)))) == 200
        assert len(endpoint.calls) - before == 200 - stored


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (error(401, "wrong key sk-123"), r"refuses \$OT_TEST_KEY"),
        (error(402, "no credit"), "wants payment"),
        (error(404, "no such model"), "knows no model 'org/Teacher'"),
        (Act(429, b'{"error": {"message": "no more", "type": "insufficient_quota"}}'), "wants payment"),
    ],
    ids=["401", "402", "404", "quota"],
)
def test_what_every_request_would_meet_stops_the_run(
    opening: Opening, monkeypatch: pytest.MonkeyPatch, act: Act, says: str
) -> None:
    monkeypatch.setenv("OT_TEST_KEY", "sk-123")
    with Endpoint(lambda call, n: act) as endpoint:
        engine = opening(endpoint, api_key_env="OT_TEST_KEY")
        with pytest.raises(UserError, match=says) as said:
            list(engine.generate(questions(engine, 100)))
        assert "sk-123" not in str(said.value)
        assert endpoint.calls[0].headers["authorization"] == "Bearer sk-123"
        assert len(endpoint.calls) <= 16


def test_a_missing_key_is_named_before_anything_is_sent(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OT_TEST_KEY", raising=False)
    with pytest.raises(UserError, match="OT_TEST_KEY is not set"):
        opening("http://127.0.0.1:1/v1", api_key_env="OT_TEST_KEY")


@pytest.mark.parametrize("url", [None, "", "127.0.0.1:8000/v1", "ftp://host/v1", "http://"])
def test_an_address_that_is_none_is_refused(url: str | None) -> None:
    with pytest.raises(UserError, match="base_url"):
        open_engine(Model(key="remote", engine="openai", model="m", base_url=url))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"concurency": 5}, "concurency: there is no such option"),
        ({"concurrency": 0}, "concurrency = 0"),
        ({"timeout": "long"}, "timeout = 'long'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as said:
        OpenAIEngine(model("http://127.0.0.1:1/v1", **options))
    assert "requests_per_minute" in str(said.value)


def test_stopping_early_hands_over_what_came_and_stops_the_rest(opening: Opening) -> None:
    with Endpoint(lambda call, n: Act(seconds=0 if int(call.text.split()[1]) < 20 else 60)) as endpoint:
        engine = opening(endpoint, concurrency=30)
        stream = engine.generate(questions(engine, 100))
        next(stream)
        pause = threading.Event()
        # 20 are answered, 30 hang; the answers wait in the engine, for nobody reads the stream.
        while len(endpoint.calls) < 50:
            pause.wait(0.01)
        stream.close()  # type: ignore[attr-defined]
        assert len(engine.arrived()) == 19
        assert engine.arrived() == []


def test_an_engine_can_generate_again_after_it_was_stopped(opening: Opening) -> None:
    with Endpoint() as endpoint:
        engine = opening(endpoint)
        stream = engine.generate(questions(engine, 50))
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert len(answers(engine.generate(questions(engine, 9)))) == 9
        engine.close()
        engine.close()


CTRL_C = """
    import sys
    from resources.generation.ask import ask
    from resources.generation.openai_engine import OpenAIEngine
    from resources.responses.store import ResponseStore
    from tests.resources.generation.test_openai_engine import model, questions

    engine = OpenAIEngine(model(sys.argv[1]))
    for outcome in ask(ResponseStore(sys.argv[2]), lambda: engine, questions(engine, 1000)):
        print("x", flush=True)
"""


def test_ctrl_c_stops_cleanly_though_calls_hang(tmp_path: Path) -> None:
    with Endpoint(lambda call, n: Act(seconds=0 if int(call.text.split()[1]) < 5 else 600)) as endpoint:
        url = f"sqlite:///{tmp_path}/responses.sqlite"
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CTRL_C), endpoint.url, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        pause = threading.Event()
        while len(endpoint.calls) < 13:
            pause.wait(0.05)
        pause.wait(0.5)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        assert "KeyboardInterrupt" in said
        assert len(list(ResponseStore(url).rows())) == 5


def test_retry_after_is_read_in_every_form() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert 95 < (retry_after({"retry-after": later}) or 0) <= 100
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({"retry-after": "nan"}) is None
    sent = {"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert retry_after(sent) == 30, "a date is read by the endpoint's own clock"
    assert retry_after({}) is None
