"""Endpoints that are down, refuse, or fail: one message, what was answered is kept, the next run asks only for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endtoend.failing import check_failed, failed_run
from tests.endtoend.house import SECRET, House
from tests.endtoend.server import Answer, Endpoint, solve
from tests.endtoend.steps import make

TRACES = ("traces[made|solver]", "traces[mine|solver]")


@pytest.fixture
def asking(house: House) -> House:
    """The house with a cooler teacher, who has 24 answers to give."""
    house.edit("teachers/solver", {"sampling": {"temperature": 0.2}})
    return house


def traces(house: House) -> None:
    """Both traces partitions, made or not."""
    with house.entered():
        for source in ("made", "mine"):
            assert make(house, "traces", source=source, teacher="solver") is None


def error(status: int, message: str) -> Answer:
    return status, {"error": {"message": message, "type": "test"}}


def test_an_endpoint_that_is_down(asking: House, server: Endpoint):
    url = asking.env["SOLVER_URL"]
    asking.env["SOLVER_URL"] = "http://127.0.0.1:9/v1"
    message = failed_run(asking, *TRACES)
    assert "model solver: nothing answers at http://127.0.0.1:9/v1" in message
    assert "base_url" in message
    asking.env["SOLVER_URL"] = url
    traces(asking)
    assert len(server.answered) == 24


def test_a_key_that_is_refused(asking: House, server: Endpoint):
    server.behaviour = lambda body: error(401, f"Incorrect API key provided: {SECRET}")
    said = asking.ot("run", "sums")
    message = check_failed(said, *TRACES)
    assert "401" in message
    assert "SOLVER_API_KEY" in message
    assert SECRET not in said.text
    asked = len(server.bodies)
    assert asked <= 16, "a refused key stops the run"
    server.behaviour = lambda body: None
    traces(asking)


def test_a_key_that_is_not_in_the_environment(asking: House, server: Endpoint):
    asking.env["SOLVER_API_KEY"] = ""
    message = failed_run(asking, *TRACES)
    assert "the environment variable SOLVER_API_KEY is not set" in message
    assert "export SOLVER_API_KEY=" in message
    assert server.bodies == []


def test_half_of_the_requests_fail_for_ever(asking: House, server: Endpoint):
    """What was answered is kept; when the endpoint is well again, only the other half is asked for."""

    def half(body: dict[str, Any]) -> Answer | None:
        return error(500, "overloaded") if body["seed"] % 2 else None

    server.behaviour = half
    message = failed_run(asking, *TRACES)
    assert "6 of 12 requests got no reply" in message
    assert "overloaded" in message
    assert "only the others are asked" in message
    first = server.times_answered()
    assert len(first) == 12
    server.forget()
    failed_run(asking, *TRACES)
    assert server.times_answered() == {}, "nothing that is stored is asked for again"
    server.forget()
    server.behaviour = lambda body: None
    traces(asking)
    second = server.times_answered()
    assert len(second) == 12
    assert not second.keys() & first.keys()
    assert max(second.values()) == 1


def test_a_request_that_is_refused_for_good_is_a_row_of_the_ledger(asking: House, server: Endpoint):
    """Another try would bring nothing, so the other traces are not held up."""
    poor = "What is 11 + 10?"

    def refuse(body: dict[str, Any]) -> Answer | None:
        return error(400, "content policy") if body["messages"][-1]["content"] == poor else None

    server.behaviour = refuse
    traces(asking)
    made = asking.current("traces", source="mine", teacher="solver")
    assert made.manifest.dropped == {"no_reply": 2}
    assert made.manifest.rows_in == 12 == made.manifest.rows_out + 2
    note = made.ledger().collect()["note"][0]
    assert "content policy" in note
    assert "400" in note


def test_an_endpoint_that_comes_back_while_it_is_asked(asking: House, server: Endpoint):
    tries: dict[str, int] = {}

    def once(body: dict[str, Any]) -> Answer | None:
        key = f"{body['messages'][-1]['content']} {body['seed']}"
        tries[key] = tries.get(key, 0) + 1
        return error(503, "warming up") if tries[key] == 1 else None

    server.behaviour = once
    asking.edit("models/solver", {"options": {"attempts": 4, "give_up_after": 100}})
    traces(asking)
    assert max(server.times_answered().values()) == 1
    assert len(server.times_answered()) == 24


def test_replies_that_are_no_replies(asking: House, server: Endpoint):
    server.behaviour = lambda body: (200, {"choices": []})
    message = failed_run(asking, *TRACES)
    assert "model solver" in message or "requests got no reply" in message
    server.forget()
    server.behaviour = lambda body: None
    traces(asking)
    assert len(server.answered) == 24


def test_answers_cut_at_max_tokens_are_kept_and_not_asked_again(asking: House, server: Endpoint):
    def cut(body: dict[str, Any]) -> Answer:
        text = solve(body["messages"][-1]["content"], body.get("seed"))[:20]
        return 200, {
            "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 64},
        }

    server.behaviour = cut
    traces(asking)
    assert len(server.bodies) == 24
    traces(asking)
    assert len(server.bodies) == 24
    made = asking.current("traces", source="mine", teacher="solver").read()
    assert set(made["finish_reason"]) == {"length"}
    assert not made["reasoning_closed"].any()
