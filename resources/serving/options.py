"""What may stand under `serve:` of a model: how its server is started, how big it may be, and what to do when it dies.

What belongs here: `ServeOptions`, with units, ranges and defaults. Contract: frozen; an unknown field, an argument that we
set ourselves, or an environment variable that is named like a secret is refused with pydantic's ValidationError.
`answering` is the part that can change an answer, and so goes into the key of every request; everything else is how
fast and where. `max_model_len` is not in it: a request that does not fit is refused by the server, never answered otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

_OURS = ("--api-key", "--host", "--port", "--served-model-name", "--model", "--model-path", "--revision", "--uds")
_SECRET = re.compile(
    r"(^|_)(API_?KEY|ACCESS_?KEY|KEY_ID|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)", re.IGNORECASE
)


class ServeOptions(BaseModel):
    """How a model's server is started. Times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    server: Literal["vllm", "sglang"] = Field(default="vllm", description="Whose command line it is.")
    interpreter: Text | None = Field(
        default=None,
        description="Python of the environment that has the server; absent = $OT_VLLM_PYTHON (or $OT_SGLANG_PYTHON), "
        "else the `vllm` on the path.",
    )
    command: tuple[Text, ...] = Field(
        default=(), description="Whole command to put before the arguments, instead of `vllm serve`."
    )
    tensor_parallel: Count = Field(default=1, description="GPUs that share each layer.")
    pipeline_parallel: Count = Field(default=1, description="Groups of GPUs that share the layers in turn.")
    data_parallel: Count = Field(default=1, description="Whole copies of the model.")
    max_model_len: Count | None = Field(default=None, description="Longest prompt plus answer; absent = the model's.")
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Share of GPU memory that it takes; absent = the server's."
    )
    max_num_seqs: Count | None = Field(default=None, description="Requests that it works on at once.")
    quantization: Text | None = Field(default=None, description="Changes answers: part of the identity.")
    reasoning_parser: Text | None = Field(
        default=None, description="Splits reasoning from text, so it changes replies: part of the identity."
    )
    enforce_eager: bool = Field(default=False, description="No captured graphs: starts sooner, answers slower.")
    args: tuple[Text, ...] = Field(default=(), description="More arguments, which change speed and memory only.")
    answering_args: tuple[Text, ...] = Field(
        default=(), description="More arguments that can change answers (rope scaling, a chat template)."
    )
    environment: Mapping[EnvName, str | int] = Field(default={}, description="More environment variables; no secrets.")
    seeds: bool = Field(
        default=True, description="false = never send a seed (vLLM's CPU build falls over it); the sample index counts."
    )
    start_seconds: Seconds = Field(default=900.0, description="Longest start, loading and compiling included.")
    stop_seconds: Seconds = Field(
        default=20.0, description="How long it may take to end by itself before it is killed."
    )
    on_death: Literal["fail", "restart"] = Field(default="fail", description="What to do when it dies in the middle.")
    restarts: Count = Field(default=3, description="Most restarts in one run, with on_death: restart.")

    @field_validator("args", "answering_args")
    @classmethod
    def _not_ours(cls, args: tuple[str, ...]) -> tuple[str, ...]:
        for arg in args:
            name = arg.split("=", 1)[0].split(" ", 1)[0]
            if name in _OURS:
                raise ValueError(f"{name} is set by us (model, revision and a key of its own per start); leave it out")
        return args

    @field_validator("environment")
    @classmethod
    def _no_secrets(cls, environment: Mapping[str, str | int]) -> Mapping[str, str | int]:
        for name in environment:
            if _SECRET.search(name):
                raise ValueError(f"{name} looks like a secret: export it, the server inherits your environment")
        return environment

    def answering(self) -> dict[str, Any]:
        """The settings that can change an answer, as JSON values; empty when none is set."""
        said: dict[str, Any] = {
            "quantization": self.quantization,
            "reasoning_parser": self.reasoning_parser,
            "args": list(self.answering_args),
        }
        return {name: value for name, value in said.items() if value}
