"""Any message, sampling setting and request."""

from __future__ import annotations

from hypothesis import strategies as st

from resources.generation.request import Message, Request, Sampling

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
messages = st.builds(Message, role=st.sampled_from(["system", "user", "assistant", "tool"]), content=texts)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, json_values, max_size=3)
samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 10),
    top_p=st.floats(0.001, 1),
    top_k=st.none() | st.integers(1, 1000),
    min_p=st.none() | st.floats(0, 1),
    max_tokens=st.integers(1, 100_000),
    stop=st.lists(texts.filter(bool), max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 2**63 - 1),
    repetition_penalty=st.none() | st.floats(0.1, 10),
    presence_penalty=st.none() | st.floats(-10, 10),
    frequency_penalty=st.none() | st.floats(-10, 10),
)
requests = st.builds(
    Request,
    model=texts.filter(bool),
    revision=texts,
    endpoint=st.sampled_from(["openai-chat", "transformers-chat", "scripted-chat"]),
    messages=st.lists(messages, min_size=1, max_size=3).map(tuple),
    tools=st.lists(objects, max_size=2).map(tuple),
    response_format=st.none() | objects,
    sampling=samplings,
    sample_index=st.integers(0, 10_000),
    extra=objects,
)
