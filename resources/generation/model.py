"""A model that can be asked: its identity, and how this machine reaches it.

What belongs here: the frozen `Model` that the registry's model specs and the students become before an engine is
opened. Contract: identity (key, model, revision, dtype, and the options that change answers) goes into requests; the
rest (address, key variable, folder, device, batch sizes) is how it is reached and never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from resources.generation.reply import Reply
from resources.generation.request import Frozen, Message, Request, Sampling
from resources.serving.options import ServeOptions

EngineName = Literal["transformers", "openai", "vllm", "scripted"]
ENDPOINTS: dict[str, str] = {
    "transformers": "transformers-chat",
    "openai": "openai-chat",
    "vllm": "openai-chat",
    "scripted": "scripted-chat",
}
# Options of `Model.options` that change what the model answers: they go into every request, and so into its key.
ANSWERING_OPTIONS = ("extra_body", "chat_template_kwargs", "rule", "table")
Price = Annotated[float, Field(ge=0)]


class Model(Frozen):
    """A model behind an engine. Prices are in USD per million tokens; None means that no price is known. `base_urls`
    are further endpoints that serve the same model, beside `base_url`.
    """

    key: Annotated[str, Field(min_length=1)]
    engine: EngineName
    model: Annotated[str, Field(min_length=1)]
    revision: str = ""
    base_url: str | None = None
    base_urls: tuple[str, ...] = ()
    api_key_env: str | None = None
    mode: Literal["online", "batch"] = "online"
    weights: Path | None = None
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    device: str = "auto"
    options: dict[str, JsonValue] = Field(default_factory=dict)
    serve: ServeOptions | None = None
    price_in: Price | None = None
    price_out: Price | None = None

    @property
    def identity(self) -> str:
        """`key:model`. The key tells two endpoints apart that serve different models under one name; the name tells
        apart what one key stood for before and after an edit. Keys hold no colon, so the pair reads back in one way.
        """
        return f"{self.key}:{self.model}"

    @property
    def endpoint(self) -> str:
        """The endpoint kind that requests to this model carry."""
        return ENDPOINTS[self.engine]

    def request(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        sample_index: int = 0,
        *,
        tools: Sequence[dict[str, JsonValue]] = (),
        response_format: dict[str, JsonValue] | None = None,
    ) -> Request:
        """The request of one sample, with this model's identity filled in."""
        return Request(
            model=self.identity,
            revision=self.revision,
            endpoint=self.endpoint,
            messages=tuple(messages),
            tools=tuple(tools),
            response_format=response_format,
            sampling=sampling,
            sample_index=sample_index,
            extra=self.extra(),
        )

    def check(self, request: Request) -> None:
        """Refuses a request that was made for another model (ValueError): its answer would be stored under a wrong
        key.
        """
        mine = (self.identity, self.revision, self.endpoint)
        asked = (request.model, request.revision, request.endpoint)
        if mine != asked:
            raise ValueError(f"a request for {asked} came to the engine of {mine}")

    def extra(self) -> dict[str, Any]:
        """What else of this model can change an answer: the dtype of its weights and the options that say so."""
        said: dict[str, Any] = {name: self.options[name] for name in ANSWERING_OPTIONS if name in self.options}
        if self.engine in ("transformers", "vllm") and self.dtype != "auto":
            said["dtype"] = self.dtype
        if self.serve is not None and (answering := self.serve.answering()):
            said["serve"] = answering
        return said

    def cost(self, reply: Reply) -> float | None:
        """USD of a reply by its token counts; None when a price or a count is not known."""
        if self.price_in is None or self.price_out is None:
            return None
        if reply.prompt_tokens is None or reply.completion_tokens is None:
            return None
        return (reply.prompt_tokens * self.price_in + reply.completion_tokens * self.price_out) / 1_000_000
