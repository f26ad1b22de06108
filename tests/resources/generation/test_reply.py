from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.generation.reference import NoReference, Reference, reference_answer
from resources.generation.reply import MalformedReply, Reply, parse_reply


def body(**choice: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": "4"}, "finish_reason": "stop"} | choice]}).encode()


@given(text=st.text(), reasoning=st.none() | st.text(min_size=1))
def test_what_an_engine_made_reads_back(text: str, reasoning: str | None) -> None:
    reply = Reply.make(text, reasoning=reasoning, finish_reason="length", prompt_tokens=3, completion_tokens=0)
    assert (reply.text, reply.reasoning, reply.finish_reason) == (text, reasoning, "length")
    assert parse_reply(reply.payload) == reply


def test_the_payload_stays_as_it_came() -> None:
    came = b'{ "choices" : [ {"message":{"content":"4"},"finish_reason":"stop", "logprobs":null} ],  "x": 1.10 }\n'
    assert parse_reply(came).payload == came


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_the_endpoints_own_reasoning_is_kept(name: str) -> None:
    reply = parse_reply(body(message={"content": "4", name: "2 and 2"}))
    assert (reply.text, reply.reasoning) == ("4", "2 and 2")


def test_typed_parts_are_read() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "2 and 2"}]}
    reply = parse_reply(body(message={"content": [thinking, {"type": "text", "text": "4"}]}))
    assert (reply.text, reply.reasoning) == ("4", "2 and 2")


def test_a_tool_call_or_refusal_without_text_is_an_empty_answer() -> None:
    assert parse_reply(body(message={"content": None}, finish_reason="tool_calls")).text == ""


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("stop", "stop"),
        (None, "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("content_filter", "content_filter"),
    ],
)
def test_finish_reasons(said: str | None, means: str) -> None:
    assert parse_reply(body(finish_reason=said)).finish_reason == means


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<html>502</html>",
        b'{"choices": [{"message": {"content": "cut in the mid',
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"text": "old completion"}]}',
        body(finish_reason="error"),
        body(message={"content": 4}),
        b"\xff\xfe",
    ],
)
def test_what_is_no_answer_is_malformed_and_says_why(payload: bytes) -> None:
    with pytest.raises(MalformedReply) as said:
        parse_reply(payload)
    assert str(said.value)


@given(payload=st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedReply):
        parse_reply(payload)


@pytest.mark.parametrize(
    "usage", [None, [], {"prompt_tokens": "7"}, {"prompt_tokens": True}, {"completion_tokens": -1}]
)
def test_counts_that_are_no_counts_are_unknown(usage: object) -> None:
    payload = json.dumps({**json.loads(body()), "usage": usage}).encode()
    reply = parse_reply(payload)
    assert reply.prompt_tokens is None
    assert reply.completion_tokens is None


def test_a_reference_is_the_worked_solution_and_the_gold_answer() -> None:
    said = reference_answer("3 + 4 = 7", "7", answer_template="The answer is {gold}.")
    assert said == Reference("3 + 4 = 7", "The answer is 7.", "<think>\n3 + 4 = 7\n</think>\n\nThe answer is 7.")


def test_a_reference_needs_a_solution_or_a_gold_answer() -> None:
    assert reference_answer(None, "7") == Reference(None, "7", "7")
    assert reference_answer("It is 7.", None) == Reference(None, "It is 7.", "It is 7.")
    assert isinstance(reference_answer(" ", ""), NoReference)
    assert reference_answer("a", "{gold} {0}") == Reference("a", "{gold} {0}", "<think>\na\n</think>\n\n{gold} {0}")
