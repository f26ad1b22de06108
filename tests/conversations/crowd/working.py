"""People at the desk without a page: a log in memory, a clock that is turned by hand, and answers that chance writes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ot_assets.conversations.crowd.answers import Said
from ot_assets.conversations.crowd.desk import Desk
from ot_assets.conversations.crowd.tasks import REPLIES, NothingToDo, Task
from ot_assets.conversations.events import milliseconds
from ot_assets.registry.specs.crowd import CrowdSettings
from resources.contributions.log import Appended, Behind, Place

NOW = milliseconds("2026-01-01T00:00:00+00:00")
SMALL = CrowdSettings(
    max_active_trees=3, goal_tree_size=5, max_children_count=2, num_reviews_initial_prompt=2, num_reviews_reply=2,
    num_required_rankings=1, max_initial_prompt_review=3, max_prompt_lottery_waiting=3,
)  # fmt: skip
"""Rules under which five people finish trees soon."""


@dataclass
class MemoryLog:
    """An event log that is gone with the test."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    broken: list[BaseException] = field(default_factory=list)
    """What the next appends fail with, the next one last."""

    def append(self, lines: Sequence[Mapping[str, Any]], *, after: Place | None = None) -> list[Appended]:
        if self.broken:
            raise self.broken.pop()
        if after is not None and after != self.place(""):
            raise Behind
        self.lines += map(dict, lines)
        first = len(self.lines) - len(lines)
        return [Appended("added", first + number + 1) for number in range(len(lines))]

    def read(self, language: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from ((number, line) for number, line in enumerate(self.lines, 1) if number > after)

    def place(self, language: str) -> Place:
        return Place(len(self.lines), milliseconds(self.lines[-1]["at"])) if self.lines else Place()


@dataclass
class Clock:
    """Time as the test wants it."""

    at: int = NOW

    def __call__(self) -> int:
        return self.at


@dataclass
class Office:
    """A desk, its log and its clock."""

    settings: CrowdSettings = SMALL
    seed: int = 1
    log: MemoryLog = field(default_factory=MemoryLog)
    clock: Clock = field(default_factory=Clock)
    written: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.desk = self.opened()

    def opened(self) -> Desk:
        """Another desk over the same log."""
        return Desk("en", self.settings, self.log, now=self.clock, chance=random.Random(self.seed))

    def said(self, task: Task, spam: float = 0.1) -> Said:
        """An answer to a task."""
        if task.kind == "prompt" or task.kind in REPLIES:
            self.written += 1
            return Said(text=f"{task.kind} {self.written}")
        if task.kind == "rank_replies":
            return Said(ranking=self.chance.sample(task.shown, len(task.shown)))
        values = {name: self.chance.randrange(5) / 4 for name in task.labels}
        return Said(labels={**values, "spam": float(self.chance.random() < spam), "lang_mismatch": 0.0})

    def works(self, user_id: str, *kinds: str) -> Task | None:
        """One task handed out and answered; None where there is nothing."""
        try:
            task = self.desk.hand(user_id, kinds)
        except NothingToDo:
            return None
        self.desk.answer(user_id, task.task_id, self.said(task))
        self.clock.at += 1000
        return task

    def work(self, tasks: int, people: Sequence[str] = ("ann", "ben", "cat", "dan", "eva")) -> list[Task]:
        """Some people do so many tasks."""
        done: list[Task] = []
        idle = 0
        while len(done) < tasks:
            task = self.works(self.chance.choice(people))
            idle = 0 if task else idle + 1
            assert idle < 200, f"nothing to do for anybody after {len(done)} tasks"
            if task:
                done.append(task)
        return done
