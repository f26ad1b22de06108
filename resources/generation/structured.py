"""Replies that are data: the JSON schema of a pydantic model goes with the request, and the reply becomes its value.

What belongs here: the response format of a model, the reading of a reply, and asking again for what did not read.
Contract: endpoints get the schema as `response_format` (json_schema, strict), which OpenAI takes and vLLM decodes under;
engines that cannot hold a format (transformers) get it as words at the end of the last user message. Either way it is
part of the request and so of its key. A reply that does not read is an ordinary stored reply; asking again is another
request (a higher sample index), so every reply is kept and a later run with more attempts pays for those alone.

How it fails: `response_format` raises ValueError for a model that strict mode cannot say (a mapping with free keys, any
JSON). What a reply does wrong is never raised: it is the `fault` of `Parsed` and of `StructuredOutcome`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from resources.generation.engine import Outcome
from resources.generation.reply import Failure, Reply
from resources.generation.request import Message, Request
from resources.generation.strict_schema import strict_schema

T = TypeVar("T", bound=BaseModel)

RE_ASK_STEP = 1_000_003
"""What a further attempt adds to the sample index: beyond any number of samples that somebody asks for."""

# Engines that have no guided decoding: the schema is told in words.
_TOLD = ("transformers-chat",)
_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:json|JSON)?[ \t]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_FAULTS_SHOWN = 3
_FAULT_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """What a reply's text says: a value, or the fault that keeps it from being one."""

    value: T | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class StructuredOutcome(Generic[T]):
    """What came of a request for data. `request` is the caller's; `asked` is the last one that was really asked (its key
    finds `reply` in the store); `attempts` counts how often it was asked, stored replies included.

    `value` is None when the last reply does not read, or when there is no reply (a Failure); `fault` says why.
    """

    request: Request
    value: T | None
    reply: Reply | Failure
    attempts: int
    fault: str | None
    asked: Request


def response_format(model: type[BaseModel]) -> dict[str, Any]:
    """The `response_format` of a request for a value of `model`: `{"type": "json_schema", "json_schema": {"name",
    "strict": true, "schema"}}`. Every field is required and no other is allowed, as strict mode wants it; bounds that
    strict mode does not know are left to `parse`. ValueError where the model holds what strict mode cannot say.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "_", model.__name__)[:64]
    schema = strict_schema(model.model_json_schema(mode="validation"), model.__name__)
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}


def shaped(request: Request, model: type[BaseModel], *, told: bool | None = None) -> Request:
    """The request with the schema in it: as `response_format`, or `told` in words at the end of the last user message.
    None chooses by the request's endpoint. Shaping twice changes nothing.
    """
    form = response_format(model)
    if told is None:
        told = request.endpoint in _TOLD
    if not told:
        return request if request.response_format == form else _changed(request, response_format=form)
    words = instruction(form)
    messages = list(request.messages)
    at = max((n for n, message in enumerate(messages) if message.role == "user"), default=None)
    if at is None:
        messages.append(Message(role="user", content=words))
    elif not messages[at].content.endswith(words):
        messages[at] = Message(role="user", content=f"{messages[at].content}\n\n{words}")
    return _changed(request, response_format=None, messages=tuple(messages))


def instruction(form: dict[str, Any]) -> str:
    """The words that tell a model without guided decoding what to write."""
    schema = json.dumps(form["json_schema"]["schema"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return f"Answer with one JSON object and nothing else. It must fit this JSON schema:\n{schema}"


def parse(reply_text: str, model: type[T]) -> Parsed[T]:
    """The value in a reply's text: the whole text, or its one fenced block; reasoning up to `</think>` is skipped.

    More than one fenced block is a fault: which of them is meant would be a guess.
    """
    if reply_text.lstrip().startswith("<think>") and "</think>" not in reply_text:
        return Parsed(None, "its reasoning never ends")
    text = reply_text.rpartition("</think>")[2].strip()
    if not text:
        return Parsed(None, "the reply is empty")
    blocks = _FENCE.findall(f"{text}\n") if "```" in text and not text.startswith("{") else []
    if len(blocks) > 1:
        return Parsed(None, f"the reply holds {len(blocks)} fenced blocks")
    try:
        return Parsed(model.model_validate_json(blocks[0] if blocks else text))
    except ValidationError as error:
        return Parsed(None, _fault(error))


def ask_structured(
    ask: Callable[[Iterable[Request]], Iterator[Outcome]],
    requests: Iterable[Request],
    model: type[T],
    *,
    attempts: int = 2,
    told: bool | None = None,
) -> Iterator[StructuredOutcome[T]]:
    """Values of `model` for the requests, in any order, one outcome each; each is asked at most `attempts` times (1 =
    never again). `told` is as for `shaped`.

    `ask` is how requests are answered (`services.ask` with its model and purpose). It is handed a stream and called
    again for what is left to re-ask when that stream ends. A failure is not asked again here: engines have done so.
    """
    if attempts < 1:
        raise ValueError(f"attempts is {attempts}: a request is asked at least once")
    asking = _Asking(iter(requests), lambda request: shaped(request, model, told=told))
    while asking.unfinished():
        for asked, result in ask(asking.feed()):
            request, made = asking.settle(asked)
            if isinstance(result, Failure):
                yield StructuredOutcome(request, None, result, made, result.reason, asked)
                continue
            parsed = parse(result.text, model)
            if parsed.fault is not None and made < attempts:
                asking.again(request, asked, made)
                continue
            fault = None if parsed.fault is None else f"{parsed.fault}{_because(result)}"
            yield StructuredOutcome(request, parsed.value, result, made, fault, asked)


class _Asking:
    """Which requests are under way, and those that are due to be asked again."""

    def __init__(self, requests: Iterator[Request], shape: Callable[[Request], Request]) -> None:
        self._requests, self._shape = requests, shape
        self._again: deque[tuple[Request, Request, int]] = deque()
        self._asked: defaultdict[str, deque[tuple[Request, int]]] = defaultdict(deque)
        self._ended = False

    def unfinished(self) -> bool:
        """Whether there may be something left to ask."""
        return not self._ended or bool(self._again)

    def feed(self) -> Iterator[Request]:
        """The stream for one call of `ask`: what is due again comes first, so that little of it gathers."""
        while not self._ended or self._again:
            if self._again:
                yield self._note(*self._again.popleft())
                continue
            request = next(self._requests, None)
            if request is None:
                self._ended = True
            else:
                yield self._note(request, self._shape(request), 1)

    def again(self, request: Request, asked: Request, made: int) -> None:
        """Queues a request whose reply to attempt `made` did not read."""
        index = request.sample_index + made * RE_ASK_STEP
        self._again.append((request, _changed(asked, sample_index=index), made + 1))

    def settle(self, asked: Request) -> tuple[Request, int]:
        """The caller's request behind one that was asked, and which attempt this was."""
        waiting = self._asked[asked.key]
        found = waiting.popleft()
        if not waiting:
            del self._asked[asked.key]
        return found

    def _note(self, request: Request, asked: Request, made: int) -> Request:
        self._asked[asked.key].append((request, made))
        return asked


def _changed(request: Request, **fields: Any) -> Request:
    """The request with other fields. Not `model_copy`, which takes the cached key along."""
    return Request(**{name: getattr(request, name) for name in Request.model_fields} | fields)


def _because(reply: Reply) -> str:
    """What the reply itself says about why it does not read."""
    if reply.finish_reason == "length":
        return " (cut at max_tokens)"
    refusal = reply.raw["choices"][0]["message"].get("refusal") if not reply.text else None
    return f" (the model refuses: {str(refusal)[:_FAULT_LENGTH]})" if refusal else ""


def _fault(error: ValidationError) -> str:
    """What is wrong with a reply, the first few faults, never at more length than a person reads."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(map(str, fault['loc'])) or 'reply'}: {fault['msg']}" for fault in faults[:_FAULTS_SHOWN]]
    more = f" and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
    return ("; ".join(said))[:_FAULT_LENGTH] + more
