"""Asks a model through the response store. (First form; the writer thread and in-flight de-duplication follow.)"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from resources.generation.engine import Engine, Outcome
from resources.generation.reply import Failure
from resources.generation.request import Request
from resources.responses.store import Meta, ResponseStore


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a call of `ask` stands. `rate` is new replies a second; `eta_seconds` is None while it cannot be told."""

    total: int | None
    from_store: int
    new: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    seconds: float
    rate: float
    eta_seconds: float | None

    @property
    def done(self) -> int:
        """Requests with an outcome."""
        return self.from_store + self.new + self.failed


def ask(
    store: ResponseStore,
    engine_factory: Callable[[], Engine],
    requests: Iterable[Request],
    *,
    purpose: str = "",
    total: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Outcome]:
    """Outcomes of the requests, in any order: stored ones from the store, the others from the engine, stored first."""
    source = iter(requests)
    engine: Engine | None = None
    counts = {"from_store": 0, "new": 0, "failed": 0, "prompt": 0, "completion": 0}
    cost, started = 0.0, time.monotonic()
    try:
        while chunk := list(islice(source, 500)):
            stored = store.get_many({request.key for request in chunk})
            missing: dict[str, list[Request]] = {}
            for request in chunk:
                if request.key in stored:
                    counts["from_store"] += 1
                    yield Outcome(request, stored[request.key])
                else:
                    missing.setdefault(request.key, []).append(request)
            if not missing:
                continue
            engine = engine or engine_factory()
            for request, result in engine.generate(group[0] for group in list(missing.values())):
                if isinstance(result, Failure):
                    counts["failed"] += 1
                else:
                    result = store.put_many([(request, result, Meta(purpose))]).get(request.key, result)
                    counts["new"] += 1
                    counts["prompt"] += result.prompt_tokens or 0
                    counts["completion"] += result.completion_tokens or 0
                    cost += result.cost or 0.0
                for same in missing[request.key]:
                    yield Outcome(same, result)
                if progress:
                    seconds = time.monotonic() - started
                    progress(
                        Progress(
                            total,
                            counts["from_store"],
                            counts["new"],
                            counts["failed"],
                            counts["prompt"],
                            counts["completion"],
                            cost,
                            seconds,
                            counts["new"] / max(seconds, 1e-9),
                            None,
                        )
                    )
    finally:
        if engine is not None:
            engine.close()
