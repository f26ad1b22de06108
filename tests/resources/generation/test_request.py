from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from resources.generation.model import Model
from resources.generation.request import Message, Request, Sampling
from tests.resources.generation.making import asked
from tests.resources.generation.strategies import json_values, messages, objects, requests, samplings, texts

few = settings(max_examples=25, deadline=None)

FIELDS = {
    "model": texts.filter(bool),
    "revision": texts,
    "endpoint": st.sampled_from(["openai-chat", "transformers-chat", "scripted-chat"]),
    "messages": st.lists(messages, min_size=1, max_size=3).map(tuple),
    "tools": st.lists(objects, max_size=2).map(tuple),
    "response_format": st.none() | objects,
    "sampling": samplings,
    "sample_index": st.integers(0, 10_000),
    "extra": objects,
}


def test_every_field_is_in_the_key_test() -> None:
    assert set(FIELDS) == set(Request.model_fields)


@pytest.mark.parametrize("field", FIELDS)
@few
@given(data=st.data())
def test_another_value_of_any_field_is_another_key(field: str, data: st.DataObject) -> None:
    request = data.draw(requests)
    value = data.draw(FIELDS[field])
    other = request.model_copy(update={field: value})
    same = json.dumps(as_json(getattr(request, field)), sort_keys=True) == json.dumps(as_json(value), sort_keys=True)
    assert (Request(**fields(other)).key == request.key) == same


@pytest.mark.parametrize("field", Sampling.model_fields)
@few
@given(request=requests, other=samplings)
def test_another_value_of_any_sampling_setting_is_another_key(field: str, request: Request, other: Sampling) -> None:
    value = getattr(other, field)
    changed = request.model_copy(update={"sampling": request.sampling.model_copy(update={field: value})})
    assert (Request(**fields(changed)).key == request.key) == (getattr(request.sampling, field) == value)


@few
@given(request=requests, value=objects)
def test_the_order_of_dicts_does_not_matter(request: Request, value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    one = Request(**fields(request) | {"extra": value, "tools": (value,)})
    two = Request(**fields(request) | {"extra": turned, "tools": (turned,)})
    assert one.key == two.key


@few
@given(request=requests)
def test_the_payload_reads_back_as_the_request(request: Request) -> None:
    assert Request.model_validate_json(request.payload).key == request.key


@few
@given(value=json_values)
def test_what_is_in_a_message_cannot_pass_for_another_field(value: object) -> None:
    text = json.dumps({"role": "user", "content": value})
    assert asked(text).key != asked(json.dumps(text)).key


def test_a_system_prompt_is_part_of_the_key() -> None:
    model = Model(key="m", engine="openai", model="m")
    user, system = Message(role="user", content="Hi"), Message(role="system", content="Be brief.")
    sampling = Sampling(max_tokens=5)
    assert model.request([user], sampling).key != model.request([system, user], sampling).key


def test_numbers_that_mean_the_same_make_the_same_key() -> None:
    assert asked(temperature=1).key == asked(temperature=1.0).key
    assert asked(presence_penalty=-0.0).key == asked(presence_penalty=0.0).key
    assert asked(temperature=-0.0).key == asked(temperature=0).key


def test_keys_never_change() -> None:
    """Stored answers are found by these: a change here throws away everything that was ever paid for."""
    request = Request(
        model="teacher:org/Teacher-7B",
        revision="main",
        endpoint="openai-chat",
        messages=(Message(role="system", content="Löse."), Message(role="user", content="1 + 1?")),
        sampling=Sampling(temperature=0.7, top_p=0.95, max_tokens=4096, stop=("</end>",), seed=7),
        sample_index=3,
        extra={"extra_body": {"reasoning_effort": "low"}},
    )
    assert request.payload.decode() == (
        '{"endpoint":"openai-chat","extra":{"extra_body":{"reasoning_effort":"low"}},"messages":[{"content":"Löse.",'
        '"role":"system"},{"content":"1 + 1?","role":"user"}],"model":"teacher:org/Teacher-7B","revision":"main",'
        '"sample_index":3,"sampling":{"max_tokens":4096,"seed":7,"stop":["</end>"],"temperature":0.7,"top_p":0.95}}'
    )
    assert request.key == "f3927279d64df6431b3bd0a5cbd5eabb31dca2cabf504945e768bcd63c9b2493"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty"])
def test_not_a_number_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError):
        asked(**{field: value})


def test_not_a_number_inside_extra_is_refused() -> None:
    with pytest.raises(ValueError):
        _ = asked().model_copy(update={"extra": {"x": math.nan}}).key


def test_what_no_endpoint_would_take_is_refused() -> None:
    with pytest.raises(ValidationError):
        Sampling(max_tokens=5, temprature=1.0)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Sampling(max_tokens=0)
    with pytest.raises(ValidationError):
        Message(role="robot", content="Hi")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Message(role="user", content="\ud800")
    with pytest.raises(ValidationError):
        asked(sample=-1)


def test_two_models_under_one_served_name_do_not_share_answers() -> None:
    one = Model(key="here", engine="openai", model="default", base_url="http://127.0.0.1:1/v1")
    two = Model(key="there", engine="openai", model="default", base_url="http://127.0.0.1:2/v1")
    moved = one.model_copy(update={"base_url": "http://127.0.0.1:3/v1"})
    assert asked(model=one).key != asked(model=two).key
    assert asked(model=one).key == asked(model=moved).key


def test_options_that_change_answers_are_part_of_the_key_and_others_are_not() -> None:
    plain = Model(key="m", engine="openai", model="m")
    faster = plain.model_copy(update={"options": {"concurrency": 99, "timeout": 5.0}})
    lower = plain.model_copy(update={"options": {"extra_body": {"reasoning_effort": "low"}}})
    assert asked(model=plain).key == asked(model=faster).key != asked(model=lower).key
    half = Model(key="m", engine="transformers", model="m", dtype="float16")
    assert asked(model=half).key != asked(model=half.model_copy(update={"dtype": "float32"})).key


def test_a_request_for_another_model_is_refused() -> None:
    one = Model(key="one", engine="scripted", model="echo")
    with pytest.raises(ValueError, match="came to the engine of"):
        one.check(asked(model=one.model_copy(update={"revision": "2"})))


def test_cost_is_known_when_prices_and_counts_are() -> None:
    from resources.generation.reply import Reply

    model = Model(key="m", engine="openai", model="m", price_in=0.15, price_out=0.6)
    assert model.cost(Reply.make("x", prompt_tokens=1_000_000, completion_tokens=2_000_000)) == pytest.approx(1.35)
    assert model.cost(Reply.make("x", prompt_tokens=5)) is None
    assert (
        model.model_copy(update={"price_in": None}).cost(Reply.make("x", prompt_tokens=1, completion_tokens=1)) is None
    )


def fields(request: Request) -> dict[str, object]:
    return {name: getattr(request, name) for name in Request.model_fields}


def as_json(value: object) -> object:
    if isinstance(value, Message | Sampling):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    return value
