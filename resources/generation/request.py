"""What is asked of a model: messages, sampling settings, and the request whose hash is the key of its answer.

What belongs here: the frozen values that say everything which can change an answer, and nothing that cannot (timeouts,
batch sizes, addresses, prices). Contract: two requests have the same key if and only if a model would be asked the same
thing, so an answer is bought once (DESIGN contract 2). Values are refused as they are made: NaN, infinity, an unknown
field or role, a negative sample index (`pydantic.ValidationError`); text that is no Unicode (a lone surrogate) too.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from schemas.ids import canonical_json

Role = Literal["system", "developer", "user", "assistant", "tool"]


def _unicode(text: str) -> str:
    """Refuses a lone surrogate, which has no UTF-8 and so can neither be hashed nor sent."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is half of a surrogate pair: the text is damaged") from None
    return text


Text = Annotated[str, AfterValidator(_unicode)]


class Frozen(BaseModel):
    """The common settings: frozen, and an unknown field is an error, never silently dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Message(Frozen):
    """One turn of a conversation."""

    role: Role
    content: Text


class Sampling(Frozen):
    """How the answer is drawn. Every field is part of the key; a field that is None is left to the endpoint.

    `seed` is combined with the sample index by the engines, so that several samples of one question differ.
    """

    temperature: Annotated[float, Field(ge=0, le=10)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)]
    stop: tuple[Annotated[Text, Field(min_length=1)], ...] = ()
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    presence_penalty: Annotated[float, Field(ge=-10, le=10)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-10, le=10)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_negative_zero(cls, data: Any) -> Any:
        """-0.0 and 0.0 ask for the same thing, so they may not make two keys."""
        if isinstance(data, dict):
            return {name: 0.0 if isinstance(value, float) and value == 0 else value for name, value in data.items()}
        return data


class Request(Frozen):
    """One call of one model. `model` is its identity in the registry (`Model.identity`), never a path of this machine.

    `extra` holds whatever else goes into the call and can change the answer (`chat_template_kwargs`,
    `reasoning_effort`, the weights' dtype). Make requests with `Model.request`, which fills model, revision, endpoint
    and extra.
    """

    model: Annotated[str, Field(min_length=1)]
    revision: str
    endpoint: Annotated[str, Field(min_length=1)]
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    tools: tuple[dict[str, JsonValue], ...] = ()
    response_format: dict[str, JsonValue] | None = None
    sampling: Sampling
    sample_index: Annotated[int, Field(ge=0)] = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    def canonical(self) -> dict[str, Any]:
        """The request as JSON values. Fields left open are left out, so that a field added later keeps the old keys."""
        sampling = {name: value for name, value in self.sampling.__dict__.items() if value is not None and value != ()}
        if "stop" in sampling:
            sampling["stop"] = list(self.sampling.stop)
        said: dict[str, Any] = {
            "model": self.model,
            "revision": self.revision,
            "endpoint": self.endpoint,
            "messages": [{"role": message.role, "content": message.content} for message in self.messages],
            "sampling": sampling,
            "sample_index": self.sample_index,
        }
        if self.tools:
            said["tools"] = list(self.tools)
        if self.response_format is not None:
            said["response_format"] = self.response_format
        if self.extra:
            said["extra"] = self.extra
        return said

    @cached_property
    def payload(self) -> bytes:
        """The canonical JSON, UTF-8: what is hashed and what the store keeps as the raw request."""
        return canonical_json(self.canonical()).encode("utf-8")

    @cached_property
    def key(self) -> str:
        """sha256 of `payload`, 64 hex digits: the key of the answer in the response store."""
        return hashlib.sha256(self.payload).hexdigest()

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def system_prompt(self) -> str | None:
        """The text of the first message when it is a system message."""
        first = self.messages[0]
        return first.content if first.role in ("system", "developer") else None
