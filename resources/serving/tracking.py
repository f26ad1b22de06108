"""What an engine over a mortal server must know of its requests: which have no outcome, and which were stored unseen.

Contract: stands between a client and the keeper of the caller, and sees every request that goes out, every reply that is
handed to the keeper, and what of it was stored. After the client died, `stored` waits until what was handed over is
stored and gives it, so that no answer that came is asked for again. Calls may come from the client's thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from resources.generation.engine import Keeper, Outcome
from resources.generation.reply import Reply
from resources.generation.request import Request

_LOOK = 0.02


class Tracking:
    """The requests of one `generate`."""

    def __init__(self) -> None:
        self.keeper: Keeper | None = None
        self._flying: dict[str, Request] = {}
        self._handed: set[str] = set()
        self._stored: dict[str, Outcome] = {}

    def forget(self) -> None:
        """A new `generate` begins."""
        self._flying, self._handed, self._stored = {}, set(), {}

    def sent(self, request: Request) -> Request:
        """Notes a request that goes out."""
        self._flying[request.key] = request
        return request

    def land(self, outcome: Outcome) -> bool:
        """Notes an outcome that is about to be yielded; False when it was yielded before."""
        key = outcome.request.key
        self._handed.discard(key)
        self._stored.pop(key, None)
        return self._flying.pop(key, None) is not None

    def unanswered(self) -> list[Request]:
        """Requests that went out and have no outcome."""
        return list(self._flying.values())

    def put(self, request: Request, reply: Reply) -> None:
        """As `Keeper.put`."""
        self._the_keeper().put(request, reply)
        self._handed.add(request.key)

    def committed(self) -> list[tuple[Request, Reply]]:
        """As `Keeper.committed`."""
        done = self._the_keeper().committed()
        for request, reply in done:
            self._stored[request.key] = Outcome(request, reply)
        return done

    def stored(self) -> Iterable[Outcome]:
        """Outcomes that the keeper has, or is about to have, and that were not yielded. The client must be closed."""
        return self._all_stored() if self.keeper is not None else ()

    def _all_stored(self) -> Iterator[Outcome]:
        while self._handed:
            self.committed()
            for key in [key for key in self._handed if key in self._stored]:
                yield self._stored[key]
                self._handed.discard(key)
            if self._handed:
                time.sleep(_LOOK)

    def _the_keeper(self) -> Keeper:
        if self.keeper is None:
            raise RuntimeError("a reply came after the caller had gone")
        return self.keeper
