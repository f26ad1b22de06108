"""Who is asked while a source is written, and what came of each request.

Belongs here: from requests to values, in the requests' order. Contract: everything goes through the response store,
so what was asked before costs nothing; a reply that does not read is asked for again, at most `attempts` times, and
every reply is kept. A call that failed for good has no value and says why. Fails with UserError when replies are
missing that another try may bring: what came is stored, and the next run asks only for the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from ot_assets.distillation.prompts import sampling_of, with_system
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.generation.structured import RE_ASK_STEP, ask_structured

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Ask = Callable[[Iterable[Request], str], Iterator[Outcome]]
"""Asks a model through the response store: requests, and what for (a word)."""


@dataclass(frozen=True, slots=True)
class Got(Generic[T]):
    """What came of one request: a value, or why there is none. `reply` is the last one; None where the call failed."""

    value: T | None
    fault: str | None
    reply: Reply | None
    key: str
    """Under which the reply is stored."""


@dataclass
class Asked:
    """A teacher that can be asked, and how often its requests were asked or failed so far."""

    teacher: TeacherSpec
    model: Model
    ask: Ask
    attempts: int = 2

    def request(self, prompt: str, sample: int = 0) -> Request:
        """One request in the teacher's own settings."""
        return self.model.request(with_system(self.teacher, prompt), sampling_of(self.teacher), sample)

    def values(self, requests: Sequence[Request], kind: type[M], what: str) -> list[Got[M]]:
        """Values of a reply that is JSON, one a request, in order."""
        found: dict[str, Got[M]] = {}
        failures: list[Failure] = []
        for one in ask_structured(lambda asked: self.ask(asked, what), _once(requests), kind, attempts=self.attempts):
            failed = isinstance(one.reply, Failure)
            if isinstance(one.reply, Failure):
                failures.append(one.reply)
            found[one.request.key] = Got(one.value, one.fault, None if failed else one.reply, one.asked.key)  # type: ignore[arg-type]
        self._refuse_unfinished(failures, len(found))
        return [found[request.key] for request in requests]

    def read(self, requests: Sequence[Request], read: Callable[[Reply], T | None], what: str) -> list[Got[T]]:
        """Values that `read` finds in plain replies, one a request, in order; None is a reply that does not read."""
        found: dict[str, Got[T]] = {}
        left = {request.key: request for request in requests}
        for attempt in range(self.attempts):
            asked = {(again := _again(request, attempt)).key: (key, again) for key, request in left.items()}
            failures: list[Failure] = []
            for request, result in self.ask([again for _, again in asked.values()], what):
                key = asked[request.key][0]
                if isinstance(result, Failure):
                    failures.append(result)
                    found[key] = Got(None, result.reason, None, request.key)
                    del left[key]
                    continue
                value = read(result)
                found[key] = Got(
                    value, None if value is not None else "it holds nothing that reads", result, request.key
                )
                if value is not None:
                    del left[key]
            self._refuse_unfinished(failures, len(found))
            if not left:
                break
        return [found[request.key] for request in requests]

    def _refuse_unfinished(self, failures: Sequence[Failure], asked: int) -> None:
        waiting = [failure for failure in failures if failure.retryable]
        if waiting:
            why, _ = Counter(failure.reason for failure in waiting).most_common(1)[0]
            raise UserError(
                f"{self.teacher.key}: {len(waiting):,} of {asked:,} calls got no reply, most because: {why}",
                fix="every reply that came is stored; run the same again and only the others are asked",
            )


def _once(requests: Iterable[Request]) -> Iterator[Request]:
    """Each different request once."""
    seen: set[str] = set()
    for request in requests:
        if request.key not in seen:
            seen.add(request.key)
            yield request


def _again(request: Request, attempt: int) -> Request:
    """The request of a further attempt: another sample, as structured replies count theirs."""
    if attempt == 0:
        return request
    fields = {name: getattr(request, name) for name in Request.model_fields}
    return Request(**fields | {"sample_index": request.sample_index + attempt * RE_ASK_STEP})
