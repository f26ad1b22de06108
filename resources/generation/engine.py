"""The one small interface behind which every engine stands, and the door to open one.

What belongs here: the `Engine` protocol and `open_engine`. Engines are imported when they are opened, so that importing
this module costs nothing. `open_engine` raises UserError for what the user can mend: an option that does not exist, a
missing API key, weights that are not there, a server that cannot be started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request


class Outcome(NamedTuple):
    """A request and what came of it."""

    request: Request
    result: Reply | Failure


class Feed(Iterator[Request]):
    """Requests as `ask` hands them to an engine. An engine that gathers many before it answers any sets `pausing`: then
    `next` may bring None (something else is to be handed out first), and the engine may yield None, at once when it was
    given one and whenever it waits.
    """

    def __init__(self, pulled: Callable[[Feed], Iterator[Request | None]]) -> None:
        self.pausing = False
        self._requests = pulled(self)

    def __next__(self) -> Request:
        return next(self._requests)  # type: ignore[return-value]  # None comes only to who said so


@runtime_checkable
class Engine(Protocol):
    """Answers requests. Contract of `generate`: it pulls from `requests` in the caller's thread, never more than a
    bounded window ahead; yields one outcome a request, in any order, as soon as it is there; a request that cannot be
    answered is a `Failure`, and only what stops all requests (a wrong API key, an endpoint that is down) is raised, as
    UserError. Closing the iterator stops the work in flight. `close` may be called twice.
    """

    endpoint: str

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes of the requests, as they come."""
        ...

    def arrived(self) -> list[Outcome]:
        """After `generate` was stopped early: outcomes that were there but not yielded yet, each once."""
        ...

    def close(self) -> None:
        """Gives memory, connections and threads back."""
        ...


class Keeper(Protocol):
    """Where replies are stored. Both calls may come from another thread than the caller's."""

    def put(self, request: Request, reply: Reply) -> None:
        """Takes a reply as it came; raises what stopped the storing, if anything did."""
        ...

    def committed(self) -> list[tuple[Request, Reply]]:
        """What was stored since the last call, with the reply that is stored; raises what stopped the storing."""
        ...


@runtime_checkable
class KeepingEngine(Engine, Protocol):
    """An engine that hands replies to `keeper`, when it is set, the moment they come; counts a call as under way until
    its reply is stored; and yields it only then. After each change of the keeper `wake` must be called, from any thread.
    `events` is told `retry:<kind>` (how many) and `in_flight` (how many there are now), in the engine's own thread.
    """

    keeper: Keeper | None
    events: Callable[[str, int], None] | None

    def wake(self) -> None:
        """Something was stored, or the storing has stopped: look there."""
        ...


def open_engine(model: Model) -> Engine:
    """The engine of a model, ready to generate."""
    if model.engine == "scripted":
        from resources.generation.scripted import ScriptedEngine

        return ScriptedEngine(model)
    if model.engine == "openai" and model.mode == "batch":
        from resources.generation.batch_engine import BatchEngine

        return BatchEngine(model)
    if model.engine == "openai":
        from resources.generation.openai_engine import OpenAIEngine

        return OpenAIEngine(model)
    if model.engine == "transformers":
        from resources.generation.transformers_engine import TransformersEngine

        return TransformersEngine(model)
    from resources.serving.engine import ServedEngine

    return ServedEngine(model)
