"""What an endpoint may send or refuse: one recorded outcome or one clear message each, and nothing lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resources.errors import UserError
from resources.generation.ask import ask
from resources.generation.http_reply import announced
from resources.generation.openai_engine import OpenAIEngine
from resources.generation.reply import Failure, Reply
from resources.generation.served import another_model
from resources.responses.store import ResponseStore
from tests.resources.generation.endpoint import Act, Call, Endpoint, error, reply
from tests.resources.generation.test_openai_engine import answers, model, questions


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResponseStore]:
    with ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite") as opened:
        yield opened


def asked(store: ResponseStore, act: Act, count: int = 4, **options: Any) -> tuple[dict[str, Reply | Failure], int]:
    """Outcomes when question 1 gets `act` every time, and how often it was asked."""
    with Endpoint(lambda call, n: act if call.text == "question 1" else Act()) as endpoint:
        engine = OpenAIEngine(model(endpoint, **options))
        got = answers(ask(store, lambda: engine, questions(engine, count)))
        return got, sum(call.text == "question 1" for call in endpoint.calls)


def body(message: dict[str, Any], finish: str = "stop") -> Act:
    return Act(body=json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode())


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (body({"role": "assistant", "content": None}), ""),
        (body({"role": "assistant"}), ""),
        (body({"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"), ""),
        (body({"content": "so f"}, "length"), "so f"),
    ],
    ids=["null content", "no content", "tool calls", "cut at max_tokens"],
)
def test_an_odd_reply_is_a_reply_and_kept_raw(store: ResponseStore, act: Act, text: str) -> None:
    got, times = asked(store, act)
    came = got["question 1"]
    assert isinstance(came, Reply)
    assert (came.text, came.payload, times) == (text, act.body, 1)
    assert act.body in {row.reply.payload for row in store.rows()}
    assert len(list(store.rows())) == 4


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (Act(body=b'{"choices": [{"message": {"content": "caf\xe9"}}]}'), "utf-8"),
        (Act(body=b"<html>busy</html>"), "not JSON"),
        (Act(body=b""), "not JSON"),
        (Act(body=b"[" * 100_000), "recursion"),
        (Act(body=b'{"choices": []}'), "no choices"),
    ],
    ids=["invalid UTF-8", "html", "empty", "deep", "no choices"],
)
def test_a_malformed_body_is_asked_again_as_often_as_told(store: ResponseStore, act: Act, says: str) -> None:
    got, times = asked(store, act, malformed_attempts=1)
    failed = got["question 1"]
    assert isinstance(failed, Failure)
    assert (failed.kind, failed.retryable, failed.attempts, times) == ("malformed", True, 2, 2)
    assert says in failed.reason
    assert len(list(store.rows())) == 3


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "compressed"])
def test_a_reply_of_50_mb_is_a_failure_and_does_not_fill_memory(store: ResponseStore, packed: bool) -> None:
    large = b'{"choices": [{"message": {"content": "' + b"x" * 50_000_000
    act = Act(body=gzip.compress(large, 1), headers={"Content_Encoding": "gzip"}) if packed else Act(body=large)
    got, times = asked(store, act)
    failed = got["question 1"]
    assert isinstance(failed, Failure)
    assert (failed.kind, failed.retryable, times) == ("malformed", False, 1)
    assert "max_reply_bytes" in failed.reason


def test_a_count_of_tokens_that_no_database_holds_is_no_count(store: ResponseStore) -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": 7}
    act = Act(body=json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}).encode())
    came = asked(store, act)[0]["question 1"]
    assert isinstance(came, Reply)
    assert (came.prompt_tokens, came.completion_tokens) == (None, 7)


def test_a_context_that_is_too_small_says_so(store: ResponseStore) -> None:
    got, times = asked(store, error(400, "This model's maximum context length is 4096 tokens, you asked for 9000"))
    failed = got["question 1"]
    assert isinstance(failed, Failure)
    assert (failed.kind, failed.retryable, times) == ("bad_request", False, 1)
    assert "do not fit into the model's context" in failed.reason


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (error(400, "System role not supported"), "template refuses a system prompt"),
        (error(400, "Incorrect API key provided"), "set the right key"),
        (error(403, "API key not valid. Please pass a valid API key."), "set the right key"),
        (error(400, "The model `x` does not exist"), "knows no model 'org/Teacher'"),
        (Act(302, b"", {"Location": "https://elsewhere.example/v1"}), "sends on to https://elsewhere.example/v1"),
        (Act(200, b'{"error": {"message": "bad key", "code": 401}}'), "set the right key"),
    ],
    ids=["system prompt", "key 400", "key 403", "model 400", "redirect", "key in a 200"],
)
def test_what_every_request_would_meet_is_one_message(store: ResponseStore, act: Act, says: str) -> None:
    with Endpoint(lambda call, n: act) as endpoint:
        engine = OpenAIEngine(model(endpoint))
        with pytest.raises(UserError, match=says):
            list(ask(store, lambda: engine, questions(engine, 30)))


def test_a_key_with_a_line_break_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OT_TEST_KEY", "sk-1\n23")
    with pytest.raises(UserError, match="OT_TEST_KEY holds no API key") as said:
        OpenAIEngine(model("http://127.0.0.1:1/v1", api_key_env="OT_TEST_KEY"))
    assert "sk-1" not in str(said.value)


def listing(*models: dict[str, Any]) -> bytes:
    return json.dumps({"object": "list", "data": list(models)}).encode()


@pytest.mark.parametrize(
    ("served", "asked_for", "other"),
    [
        ([{"id": "meta-llama/Llama-3.1-8B"}], "Qwen/QwQ-32B", "meta-llama/Llama-3.1-8B"),
        ([{"id": "Qwen/QwQ-32B"}], "Qwen/QwQ-32B", None),
        ([{"id": "/models/QwQ-32B-Q4_K_M.gguf"}], "Qwen/QwQ-32B", None),
        ([{"id": "teacher", "root": "/weights/QwQ-32B"}], "Qwen/QwQ-32B", None),
        ([{"id": "qwq-32b"}], "qwq-32b:free", None),
        ([{"id": "a"}, {"id": "b"}], "Qwen/QwQ-32B", None),
        ([{}], "Qwen/QwQ-32B", None),
        ([], "Qwen/QwQ-32B", None),
    ],
)
def test_only_a_clear_mismatch_is_another_model(
    served: list[dict[str, Any]], asked_for: str, other: str | None
) -> None:
    assert another_model(listing(*served), asked_for) == other


@pytest.mark.parametrize("junk", [b"", b"<html>", b"[]", b'{"data": 3}', b'{"data": [3]}', b"[" * 100_000])
def test_a_list_of_models_that_is_none_says_nothing(junk: bytes) -> None:
    assert another_model(junk, "m") is None


def test_an_endpoint_that_serves_another_model_is_not_asked(store: ResponseStore) -> None:
    with Endpoint() as endpoint:
        endpoint.models = listing({"id": "somebody/Else-7B"})
        engine = OpenAIEngine(model(endpoint))
        with pytest.raises(UserError, match="serves 'somebody/Else-7B', not 'org/Teacher'"):
            list(ask(store, lambda: engine, questions(engine, 5)))
        assert endpoint.calls == []
        engine = OpenAIEngine(model(endpoint, check_model=False))
        assert len(list(ask(store, lambda: engine, questions(engine, 5)))) == 5


def test_announced_limits_are_read_in_every_form() -> None:
    def read(left: str, reset: str) -> tuple[float | None, float] | None:
        said = announced({"x-ratelimit-remaining-requests": left, "x-ratelimit-reset-requests": reset})
        return (said.requests, round(said.requests_reset, 3)) if said else None

    assert read("5", "6m0s") == (5, 360)
    assert read("5", "20ms") == (5, 0.02)
    assert read("0", "2m59.56s") == (0, 179.56)
    assert read("3", "12") == (3, 12)
    assert read("3", "1000000000") == (3, 0)
    assert read("3", "soon") is None
    assert read("many", "1s") is None
    assert read("-1", "1s") is None
    assert read("1", "nan") is None
    assert announced({}) is None


def test_limits_that_are_announced_are_kept(store: ResponseStore) -> None:
    """The endpoint refuses whoever calls though nothing is left; nobody does."""

    def behave(call: Call, n: int) -> Act:
        left = "0" if call.text == "question 0" else "100"
        headers = {"x_ratelimit_remaining_requests": left, "x_ratelimit_reset_requests": "400ms"}
        return Act(body=reply(call), headers=headers)

    with Endpoint(behave) as endpoint:
        engine = OpenAIEngine(model(endpoint, concurrency=1))
        assert len(list(ask(store, lambda: engine, questions(engine, 3)))) == 3
        assert endpoint.calls[1].at - endpoint.calls[0].at >= 0.4
