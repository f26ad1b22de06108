"""One sequence that is being generated, and the queue of those that wait.

Contract: a `Row` holds everything needed to go on from where it stands (its tokens and its source of chance), so it can
leave a batch and come back. The chance of a row comes from the key of its request alone, never from its neighbours.
`Supply` reads a bounded window of requests ahead, groups what is drawn alike, and sorts by length, so that a batch pads
little and samples of one question lie side by side.
"""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from resources.generation.reply import FinishReason
from resources.generation.request import Request, Sampling


@dataclass(slots=True, eq=False)
class Row:
    """A request on its way. `most` is how many tokens it may still be given in all: max_tokens, or what the context
    leaves.
    """

    request: Request
    prompt: list[int]
    most: int
    produced: list[int] = field(default_factory=list)
    said: Counter[int] = field(default_factory=Counter)
    finish: FinishReason | None = None
    text: str | None = None
    started: float = 0.0
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(int(self.request.key, 16))

    @property
    def length(self) -> int:
        """Tokens of prompt and answer so far."""
        return len(self.prompt) + len(self.produced)


def drawn_alike(sampling: Sampling) -> Sampling:
    """The settings that rows of one batch must share: all but length, stops and seed, which are each row's own."""
    return sampling.model_copy(update={"max_tokens": 1, "stop": (), "seed": None})


class Supply:
    """The rows that wait, in the order in which they should run."""

    def __init__(self, requests: Iterator[Request], window: int, prepare: Callable[[list[Request]], list[Row]]) -> None:
        self._requests, self._window, self._prepare = requests, window, prepare
        self._waiting: deque[Row] = deque()
        self.ended = False

    def group(self) -> Sampling | None:
        """The settings of the next row; None when there is none, for now or (`ended`) for good."""
        if not self._waiting and not self.ended:
            self._refill()
        return drawn_alike(self._waiting[0].request.sampling) if self._waiting else None

    def take(self, group: Sampling, fits: Callable[[list[Row], Row], bool]) -> list[Row]:
        """The next rows of a group, as long as `fits(rows so far, next row)`."""
        taken: list[Row] = []
        while self.group() == group and fits(taken, self._waiting[0]):
            row = self._waiting.popleft()
            row.started = row.started or time.monotonic()
            taken.append(row)
        return taken

    def put_back(self, rows: list[Row]) -> None:
        """Rows that left a batch unfinished come first again."""
        self._waiting.extendleft(reversed(rows))

    def _refill(self) -> None:
        """Reads one window. It may hold no row that can run: then the caller yields their failures before it reads on."""
        window = list(islice(self._requests, self._window))
        self.ended = not window
        self._waiting.extend(sorted(self._prepare(window), key=_order))


def _order(row: Row) -> tuple[str, int, list[int]]:
    return drawn_alike(row.request.sampling).model_dump_json(), len(row.prompt), row.prompt
