from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.generation.ask import ask
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Message, Request, Sampling
from resources.generation.scripted import ScriptedEngine
from resources.generation.structured import (
    RE_ASK_STEP,
    StructuredOutcome,
    ask_structured,
    parse,
    response_format,
    shaped,
)
from resources.responses.store import ResponseStore
from tests.resources.generation.endpoint import Endpoint
from tests.resources.generation.making import SCRIPTED, asked


class Part(BaseModel):
    title: str = Field(min_length=2, description="A name.")
    weight: float | None = None


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reasoning: str
    score: int = Field(ge=1, le=5)
    label: Literal["right", "wrong"] = "right"
    parts: list[Part] = []


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Sums(BaseModel):
    total: int


def test_schema_is_strict_in_every_object() -> None:
    form = response_format(Verdict)
    assert form["type"] == "json_schema"
    assert (form["json_schema"]["name"], form["json_schema"]["strict"]) == ("Verdict", True)
    schema = form["json_schema"]["schema"]
    assert schema["required"] == ["reasoning", "score", "label", "parts"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["score"] == {"maximum": 5, "minimum": 1, "type": "integer"}
    assert schema["properties"]["label"] == {"enum": ["right", "wrong"], "type": "string"}
    part = schema["$defs"]["Part"]
    # A field that is called as a keyword stays, its keywords go.
    assert part["properties"]["title"] == {"description": "A name.", "type": "string"}
    assert part["properties"]["weight"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert (part["required"], part["additionalProperties"]) == (["title", "weight"], False)


def test_a_model_that_holds_itself_has_an_object_at_the_root() -> None:
    schema = response_format(Tree)["json_schema"]["schema"]
    assert schema["type"] == "object"
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["additionalProperties"] is False


@pytest.mark.parametrize("kind", [dict[str, int], Any, tuple[int, str]], ids=str)
def test_what_strict_mode_cannot_say_is_refused_with_its_place(kind: Any) -> None:
    class Loose(BaseModel):
        fine: int
        field: kind

    with pytest.raises(ValueError, match=r"Loose\.field: strict mode"):
        response_format(Loose)


verdicts = st.builds(
    Verdict,
    reasoning=st.text(),
    score=st.integers(1, 5),
    parts=st.lists(
        st.builds(Part, title=st.text(min_size=2), weight=st.none() | st.floats(allow_nan=False, allow_infinity=False))
    ),
)


@given(
    verdicts,
    st.sampled_from(["{}", "```json\n{}\n```", "Here it is:\n```\n{}\n```\nDone.", "<think>{{1}}</think>\n{}"]),
)
def test_a_value_is_read_back_bare_or_fenced(value: Verdict, around: str) -> None:
    text = around.replace("{{1}}", "{1}").replace("{}", value.model_dump_json())
    assert parse(text, Verdict).value == value


@given(st.text())
def test_parse_is_total(text: str) -> None:
    parsed = parse(text, Verdict)
    assert (parsed.value is None) != (parsed.fault is None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("<think>so</think>  ", "empty"),
        ('{"reasoning": "x", "score": 9}', "score: Input should be less than or equal to 5"),
        ('{"reasoning": "x"}', "score: Field required"),
        ('{"reasoning": "x", "score": 2, "more": 1}', "more: Extra inputs"),
        ('{"reasoning": "x", "sco', "Invalid JSON"),
        ("The score is 5.", "Invalid JSON"),
        ("```json\n{}\n```\nor\n```json\n{}\n```", "2 fenced blocks"),
        ('<think>\nPerhaps\n```json\n{"score": 3, "grounds": "so"}\n```\nor', "never ends"),
        ("[" * 100_000, "Invalid JSON"),
    ],
)
def test_a_reply_that_does_not_read_says_why(text: str, fault: str) -> None:
    parsed = parse(text, Verdict)
    assert parsed.value is None
    assert parsed.fault is not None
    assert fault in parsed.fault
    assert len(parsed.fault) < 500


def test_schema_goes_with_the_request_or_is_told_in_words_and_is_in_the_key() -> None:
    request = asked("judge this")
    sent = shaped(request, Verdict)
    assert sent.response_format == response_format(Verdict)
    assert sent.key != request.key
    assert shaped(sent, Verdict).key == sent.key

    local = Model(key="local", engine="transformers", model="m")
    plain = local.request(
        [Message(role="system", content="s"), Message(role="user", content="judge this")], Sampling(max_tokens=9)
    )
    told = shaped(plain, Verdict)
    assert told.response_format is None
    assert told.messages[0] == plain.messages[0]
    assert told.messages[1].content.startswith("judge this\n\nAnswer with one JSON object")
    assert '"enum":["right","wrong"]' in told.messages[1].content
    assert len({plain.key, told.key, shaped(plain, Sums).key}) == 3
    assert shaped(told, Verdict) == told


def by_attempt(request: Request) -> str:
    """Question n is answered well at attempt n (from 0); `never` never is."""
    said = request.messages[-1].content
    attempt = request.sample_index // RE_ASK_STEP
    if said != "never" and attempt >= int(said):
        return json.dumps({"total": int(said) * 10 + request.sample_index % RE_ASK_STEP})
    return f"not yet: {attempt}"


def run(
    store: ResponseStore, requests: Iterable[Request], engine: ScriptedEngine, **how: Any
) -> list[StructuredOutcome[Sums]]:
    def answer(stream: Iterable[Request]) -> Iterator[Outcome]:
        return ask(store, lambda: engine, stream)

    return list(ask_structured(answer, requests, Sums, **how))


def test_what_does_not_read_is_asked_again_under_its_own_key_and_kept(tmp_path: Path) -> None:
    with ResponseStore(f"sqlite:///{tmp_path}/r.sqlite") as store:
        engine = ScriptedEngine(SCRIPTED, by_attempt)
        requests = [asked(text, 2) for text in ("0", "1", "2", "never")]
        got = {outcome.request.messages[0].content: outcome for outcome in run(store, requests, engine, attempts=2)}
        assert {text: outcome.attempts for text, outcome in got.items()} == {"0": 1, "1": 2, "2": 2, "never": 2}
        assert [got[text].value for text in "01"] == [Sums(total=2), Sums(total=12)]
        assert got["2"].value is None
        assert "Invalid JSON" in str(got["never"].fault)
        assert [got[text].request for text in ("0", "1", "2", "never")] == requests
        assert engine.calls == 7

        # Every reply was kept: one more attempt pays for the two that are still missing, and no more.
        engine.calls = 0
        more = {outcome.request.messages[0].content: outcome for outcome in run(store, requests, engine, attempts=3)}
        assert more["2"].value == Sums(total=22)
        assert engine.calls == 2
        reply = store.get_many([more["2"].asked.key])[more["2"].asked.key]
        assert isinstance(reply, Reply)
        assert reply.text == '{"total": 22}'


def test_a_single_attempt_and_a_repeat_of_a_request(tmp_path: Path) -> None:
    with ResponseStore(f"sqlite:///{tmp_path}/r.sqlite") as store:
        engine = ScriptedEngine(SCRIPTED, by_attempt)
        got = run(store, [asked("1"), asked("1"), asked("0")], engine, attempts=1)
        assert sorted(str(outcome.value) for outcome in got) == ["None", "None", "total=0"]
        assert engine.calls == 2


def test_ten_thousand_requests_stream_and_each_gets_one_outcome(tmp_path: Path) -> None:
    pulled = 0

    def stream() -> Iterator[Request]:
        nonlocal pulled
        for n in range(3_000):
            pulled += 1
            yield asked("1" if n % 3 == 0 else "0", n)

    with ResponseStore(f"sqlite:///{tmp_path}/r.sqlite") as store:
        outcomes = ask_structured(
            lambda r: ask(store, lambda: ScriptedEngine(SCRIPTED, by_attempt), r), stream(), Sums, attempts=2
        )
        first = next(outcomes)
        assert pulled < 3_000
        rest = list(outcomes)
        assert len({outcome.request.key for outcome in [first, *rest]}) == 3_000
        assert all(outcome.value is not None for outcome in rest)


def test_failures_are_not_asked_again_and_cut_replies_say_so(tmp_path: Path) -> None:
    def answer(stream: Iterable[Request]) -> Iterator[Outcome]:
        for request in stream:
            if request.messages[0].content == "fails":
                yield Outcome(request, Failure("HTTP 400: no", "bad_request", retryable=False))
            else:
                yield Outcome(request, Reply.make('{"tot', finish_reason="length"))

    got = {o.request.messages[0].content: o for o in ask_structured(answer, [asked("fails"), asked("cut")], Sums)}
    assert (got["fails"].attempts, got["fails"].fault) == (1, "HTTP 400: no")
    assert got["cut"].attempts == 2
    assert str(got["cut"].fault).endswith("(cut at max_tokens)")


def test_a_refusal_is_told() -> None:
    payload = (
        b'{"choices":[{"message":{"role":"assistant","content":null,"refusal":"I will not"},"finish_reason":"stop"}]}'
    )

    def answer(stream: Iterable[Request]) -> Iterator[Outcome]:
        return (Outcome(request, Reply("", None, "stop", payload=payload)) for request in stream)

    [outcome] = ask_structured(answer, [asked("x")], Sums, attempts=1)
    assert outcome.fault == "the reply is empty (the model refuses: I will not)"


def test_no_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match="at least once"):
        list(ask_structured(lambda stream: iter(()), [asked("x")], Sums, attempts=0))


def test_the_schema_reaches_an_endpoint() -> None:
    from resources.generation.engine import open_engine

    with Endpoint() as endpoint:
        model = Model(key="remote", engine="openai", model="org/Judge", base_url=endpoint.url)
        engine = open_engine(model)
        try:
            request = model.request([Message(role="user", content="x")], Sampling(max_tokens=5))
            [outcome] = ask_structured(engine.generate, [request], Sums, attempts=1)
        finally:
            engine.close()
        assert endpoint.calls[0].body["response_format"] == response_format(Sums)
        assert isinstance(outcome.reply, Reply)
        assert outcome.value is None


def test_strict_models_read_strictly() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)
        total: int

    assert parse('{"total": "3"}', Strict).value is None
    with pytest.raises(ValidationError):
        Strict.model_validate_json('{"total": "3"}')
