"""What may stand under `options` of a model, one class an engine, with its units, range and default.

Contract: an option that does not exist, or is out of range, is refused when the engine is opened (and by `ot check`),
naming the model, the option and what is allowed: a misspelt one never passes silently.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, JsonValue, ValidationError

from resources.errors import UserError
from resources.generation.model import Model
from resources.generation.reply import FinishReason
from resources.generation.request import Frozen

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class BatchOptions(Frozen):
    """`options.batch`, for a model with `mode: batch`. Times are in seconds.

    A file holds at most `requests` requests and `megabytes` (10^6 bytes); at most `jobs` batches run at once. The pause
    between looks grows from `poll_seconds` to `max_poll_seconds` while nothing moves. A request that expired or failed
    in passing is submitted at most `attempts` times in a run. Fetched results lie on this machine for `keep_days`.
    """

    requests: Annotated[int, Field(ge=1, le=50_000)] = 20_000
    megabytes: Annotated[float, Field(gt=0, le=200)] = 150.0
    jobs: Annotated[int, Field(ge=1, le=100)] = 8
    poll_seconds: Seconds = 15.0
    max_poll_seconds: Seconds = 300.0
    attempts: Count = 3
    keep_days: Annotated[float, Field(ge=0)] = 14.0


class OpenAIOptions(Frozen):
    """Options of engine openai. Times are in seconds.

    `concurrency` is the most calls under way at one endpoint, or answered and not stored yet: what a kill can cost. An
    endpoint that refuses gets fewer. `timeout` limits a whole call (long reasoning takes minutes), `connect_timeout` the
    connection, `first_byte_timeout` the time until the answer begins (None: as long as the call), `stall_timeout` a
    pause within its body.

    `attempts` counts the tries of one request over 408, 429, 5xx and lost connections, `timeout_attempts` those over
    timeouts; a body that is no chat completion is asked for `malformed_attempts` times more. Pauses between tries grow
    from `backoff` to `max_backoff`; one asked for by the endpoint is kept, if it is no longer than `max_retry_after`.
    Everything stops when `give_up_after` requests in a row failed, or no endpoint was there for `away_limit`. Stopped
    early, calls under way have `grace` to come to their end.

    `requests_per_minute` and `tokens_per_minute`, for each endpoint, hold back below its limits; without them what it
    announces and its 429s do. A body over `max_reply_bytes` is a failure. With `check_model` the list of models that an
    endpoint serves is looked at once. `extra_body` is sent with every call and is part of its key; `headers` are sent
    and are not.
    """

    concurrency: Annotated[int, Field(ge=1, le=4096)] = 32
    timeout: Seconds = 1800.0
    connect_timeout: Seconds = 10.0
    first_byte_timeout: Seconds | None = None
    stall_timeout: Seconds = 120.0
    attempts: Count = 8
    timeout_attempts: Count = 3
    malformed_attempts: Annotated[int, Field(ge=0)] = 2
    backoff: Seconds = 0.5
    max_backoff: Seconds = 60.0
    max_retry_after: Seconds = 600.0
    give_up_after: Count = 8
    away_limit: Seconds = 600.0
    grace: Annotated[float, Field(ge=0)] = 3.0
    max_reply_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024
    check_model: bool = True
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    batch: BatchOptions = BatchOptions()


class TransformersOptions(Frozen):
    """Options of engine transformers.

    `rows` is the most sequences decoded at once, `tokens` the most tokens in their caches together (both are chosen
    by device and free memory when absent); `window` is how many requests are read ahead to be sorted by length, in batches.
    """

    rows: Count | None = None
    tokens: Annotated[int, Field(ge=256)] | None = None
    window: Count = 8
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "flash_attention_3"] = "auto"
    chat_template_kwargs: dict[str, JsonValue] = Field(default_factory=dict)


class TableRow(Frozen):
    r"""A line of the script: when `match` (a regular expression) is found in the last message, the sample gets
    `replies[sample_index % len(replies)]`, with groups of the match filled in (`\1`).
    """

    match: str
    replies: Annotated[tuple[str, ...], Field(min_length=1)]
    reasoning: str | None = None
    finish_reason: FinishReason | None = None


class ScriptedOptions(Frozen):
    """Options of engine scripted. The first matching line of `table` answers; without one, `rule` does: `echo`, or a
    function as `module:name` that takes the request and returns text or a Reply.

    The failures come by count of calls: every n-th call is rate limited, times out or brings garbage; after n replies
    the engine raises, is interrupted as by Ctrl-C, or kills its own process. `seconds` is how long each reply takes.
    """

    rule: Annotated[str, Field(pattern=r"^(echo|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")] = "echo"
    table: tuple[TableRow, ...] = ()
    seconds: Annotated[float, Field(ge=0)] = 0.0
    rate_limit_every: Count | None = None
    timeout_every: Count | None = None
    garbage_every: Count | None = None
    crash_after: Annotated[int, Field(ge=0)] | None = None
    interrupt_after: Annotated[int, Field(ge=0)] | None = None
    kill_after: Annotated[int, Field(ge=0)] | None = None


Options = TypeVar("Options", OpenAIOptions, TransformersOptions, ScriptedOptions)

# The options class of each engine, for `ot check`. vllm speaks HTTP and so takes what openai takes.
OPTIONS: dict[str, type[OpenAIOptions] | type[TransformersOptions] | type[ScriptedOptions]] = {
    "openai": OpenAIOptions,
    "vllm": OpenAIOptions,
    "transformers": TransformersOptions,
    "scripted": ScriptedOptions,
}


def read_options(model: Model, kind: type[Options]) -> Options:
    """The model's options, checked; UserError naming every wrong one."""
    try:
        return kind.model_validate(model.options)
    except ValidationError as error:
        faults = "; ".join(_fault(fault, kind) for fault in error.errors())
        raise UserError(
            f"model {model.key}: options of engine {model.engine}: {faults}",
            fix=f"the options are: {', '.join(kind.model_fields)}",
        ) from None


def _fault(fault: Any, kind: type[Frozen]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{place}: there is no such option"
    return f"{place} = {fault['input']!r}: {fault['msg']}"
