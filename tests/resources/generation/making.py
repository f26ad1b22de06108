"""Requests and models that the tests of engines and stores share; child processes import it, so it imports little."""

from __future__ import annotations

from typing import Any

from resources.generation.model import Model
from resources.generation.request import Message, Request, Sampling

SCRIPTED = Model(key="scripted", engine="scripted", model="echo", revision="1", price_in=1.0, price_out=2.0)


def asked(text: str = "What is 1 + 1?", sample: int = 0, *, model: Model = SCRIPTED, **sampling: Any) -> Request:
    return model.request([Message(role="user", content=text)], Sampling(**{"max_tokens": 64} | sampling), sample)


def many(questions: int, samples: int = 1, *, model: Model = SCRIPTED, start: int = 0) -> list[Request]:
    return [asked(f"question {n}", k, model=model) for n in range(start, start + questions) for k in range(samples)]
