"""The body of a chat completion call, as it goes over the wire or into a batch file. Pure."""

from __future__ import annotations

from typing import Any

from resources.generation.options import OpenAIOptions
from resources.generation.request import Request


def chat_body(request: Request, model: str, options: OpenAIOptions) -> dict[str, Any]:
    """The JSON that is sent; `model` is the name that the endpoint serves it by.

    Sampling fields that an endpoint may not know are there only when they are set. A seed is moved on by the sample
    index: endpoints draw the same sample for the same seed.
    """
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        options.max_tokens_field: sampling.max_tokens,
    }
    for name in ("top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"):
        if (value := getattr(sampling, name)) is not None:
            body[name] = value
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        body["seed"] = (sampling.seed + request.sample_index) % 2**63
    if request.tools:
        body["tools"] = list(request.tools)
    if request.response_format is not None:
        body["response_format"] = request.response_format
    return body | options.extra_body
