"""The desk: hands out tasks, takes answers, and writes nothing but events.

Belongs here: `Desk`, one a language and process, behind a lock. Contract: an answer is tried on the live fold, then
appended to the log, and only then told; so what was told stands in the log, once, whatever happens to the process. The same
answer to a task again gives the same result, and another answer to it is refused (`answered_before`). Where the log cannot
be written, or has grown or shrunk under our hands, the live state is thrown away and made anew from the log; open tasks at
messages that are no more go with it. Times in the log never go back. Fails with `NothingToDo`, `NoSuchTask`, `Refused` (why
the fold or the task does not take it), and what the log fails with.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol
from uuid import uuid4

from ot_assets.conversations.authority import HEARD, Authority
from ot_assets.conversations.crowd.answers import Said, digest_of, fields_of, skip_of
from ot_assets.conversations.crowd.live import Answered, Live
from ot_assets.conversations.crowd.tasks import (
    Asking,
    NothingToDo,
    Open,
    Task,
    check_may_ask,
    choose,
    task_of,
    there_is,
)
from ot_assets.conversations.events import Event, Refused, parse, to_line, written
from ot_assets.conversations.purging import Purge, hashed
from ot_assets.registry.specs.crowd import CrowdSettings
from resources.contributions.log import Appended, Behind, Place

MENDABLE = frozenset(
    {
        "blank_text", "text_too_long", "duplicate_text", "missing_label", "unknown_label", "label_out_of_range",
        "not_a_permutation", "bad_field", "answered_before", "user_disabled",
    }
)  # fmt: skip
"""Refusals after which a task stays open: the person can answer otherwise, or later."""
_TRIES = 20


class NoSuchTask(Exception):
    """The task is not this person's, has expired, or is no more."""


class Log(Protocol):
    """What the desk asks of the event log."""

    def append(self, lines: Sequence[Mapping[str, Any]], *, after: Place | None = None) -> list[Appended]:
        """As `EventLog.append`."""

    def read(self, language: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """As `EventLog.read`."""

    def place(self, language: str) -> Place:
        """As `EventLog.place`."""


class Book(Protocol):
    """Where tasks are kept over a restart."""

    def keep(self, task: Mapping[str, Any]) -> None:
        """As `TaskBook.keep`."""

    def close(self, task_id: str) -> None:
        """As `TaskBook.close`."""

    def open(self, now: int) -> list[dict[str, Any]]:
        """As `TaskBook.open`."""


def clock() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class Desk:
    """The tasks of one language."""

    def __init__(
        self,
        language: str,
        settings: CrowdSettings,
        log: Log,
        book: Book | None = None,
        *,
        now: Callable[[], int] = clock,
        chance: random.Random | None = None,
    ) -> None:
        """`book`: None forgets open tasks with the process."""
        self.language = language
        self._settings = settings
        self._log = log
        self._book = book
        self._now = now
        self._chance = chance or random.SystemRandom()
        self._lock = threading.RLock()
        self._live: Live | None = None
        """None where it must be made anew."""
        self._place = Place()
        self._open = Open()

    @contextmanager
    def look(self) -> Iterator[Live]:
        """The state as it is now. Nothing changes it inside the block; change nothing yourself."""
        with self._lock:
            yield self._current()

    def hand(self, user_id: str, kinds: Iterable[str] = ()) -> Task:
        """A task for a person; `kinds`: only these. Whoever has a prompt to write gets that again. Raises `NothingToDo`."""
        with self._lock:
            live, now = self._current(), self._now()
            self._open.forget(now)
            if live.purged(user_id):
                raise NothingToDo("shut_out")
            check_may_ask(live.fold, user_id, self._open, now)
            asking = self._asking(live, user_id, now)
            offer = choose(live.fold, live.offers, asking, self._chance, kinds)
            if offer is None and (begun := [one for one in self._open.of(user_id) if one.kind == "prompt"]):
                return begun[0]
            task = task_of(live.fold, offer, user_id, uuid4().hex, now, self._chance)
            if self._book is not None:
                self._book.keep(task.to_json())
            self._open.tasks[task.task_id] = task
            return task

    def there_is(self, user_id: str) -> dict[str, int]:
        """How much of every task there is for a person."""
        with self._lock:
            live = self._current()
            return there_is(live.fold, live.offers, self._asking(live, user_id, self._now()))

    def open_tasks(self, user_id: str) -> list[Task]:
        """What a person has open, the oldest first."""
        with self._lock:
            self._current()
            self._open.forget(self._now())
            return self._open.of(user_id)

    def task(self, user_id: str, task_id: str) -> Task | Answered:
        """A person's task, or what became of it. Raises `NoSuchTask`."""
        with self._lock:
            done = self._current().answered.get(task_id)
            if done is not None and done.user_id == user_id:
                return done
            task = self._open.tasks.get(task_id)
            if done is not None or task is None or task.user_id != user_id or task.expires <= self._now():
                raise NoSuchTask
            return task

    def answer(self, user_id: str, task_id: str, said: Said) -> Answered:
        """Takes the answer to a task. Raises `NoSuchTask` and `Refused`; after one of `MENDABLE` the task stays open."""
        with self._lock:
            task = self.task(user_id, task_id)
            if isinstance(task, Answered):
                if task.digest != digest_of(task.kind, said):
                    raise Refused("answered_before", "this task has its answer, and the first one stands")
                return task
            try:
                self._take(user_id, {**fields_of(task, said, uuid4().hex), "task_id": task_id})
            except Refused as refused:
                if refused.rule not in MENDABLE:
                    self._close(task_id)
                raise
            return self._done(task_id)

    def skip(self, user_id: str, task_id: str, text: str = "") -> Answered | None:
        """A person would not do a task, for a reason perhaps. None where nothing is written: for a prompt, and for a task that
        is not needed any more. Raises `NoSuchTask`, and `Refused` where the task stays open.
        """
        with self._lock:
            task = self.task(user_id, task_id)
            if isinstance(task, Answered):
                return task
            if task.message_id is None:
                self._close(task_id)
                return None
            try:
                self._take(user_id, {**skip_of(task, text), "task_id": task_id})
            except Refused as refused:
                if refused.rule in MENDABLE:
                    raise
                self._close(task_id)  # what it was about is gone or done: there is nothing to skip
                return None
            return self._done(task_id)

    def react(self, user_id: str, message_id: str, emoji: str, *, on: bool) -> None:
        """Puts an emoji on a message, or takes it back; nothing where it already is so. Raises `Refused`."""
        with self._lock:
            kind = "emoji_added" if on else "emoji_removed"
            try:
                self._take(user_id, {"kind": kind, **self._at(message_id), "emoji": emoji})
            except Refused as refused:
                if refused.rule not in ("second_emoji", "nothing_to_remove"):
                    raise

    def report(self, user_id: str, message_id: str, text: str) -> None:
        """Reports a message; a person once. Raises `Refused`."""
        with self._lock:
            if not text.strip():
                raise Refused("blank_text", "the text is blank")
            try:
                self._take(user_id, {"kind": "report_submitted", **self._at(message_id), "text": text})
            except Refused as refused:
                if refused.rule != "second_emoji":
                    raise

    def moderates(self, user_id: str) -> bool:
        """Whether a person may moderate here: only who is named, though where nobody is every log's word counts."""
        with self._lock:
            return user_id in self._current().fold.settings.moderators

    def moderators_without(self, user_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who would moderate here if all that a person sent were gone: by what the log says, where others may name that person
        still, and by the fold once the person is purged.
        """
        with self._lock:
            live = Live(self.language, self._settings, purge=Purge(self._named()[0] | {hashed(user_id)}))
            self._read(live, 0, Place())
            return self._named(user_id)[1], live.fold.settings.moderators

    def moderate(self, user_id: str, kind: str, fields: Mapping[str, Any]) -> None:
        """A moderator's event; nothing where it already is so. Raises `Refused`."""
        with self._lock:
            if not self.moderates(user_id):
                raise Refused("not_a_moderator", f"{user_id} is none")
            if kind == "message_edited" and self._says(fields):
                return
            try:
                self._take(user_id, {"kind": kind, **fields})
            except Refused as refused:
                if refused.rule != "nothing_changes":
                    raise

    def change(self, user_id: str | None, settings: Mapping[str, Any]) -> None:
        """Changes settings from now on, as a moderator or, where none is named yet, as whoever keeps the house."""
        with self._lock:
            self._take(user_id, {"kind": "config_changed", "settings": dict(settings)})

    def _take(self, user_id: str | None, fields: Mapping[str, Any]) -> Event:
        """An event of now, on the fold and in the log."""
        for _ in range(_TRIES):
            live = self._current()
            at = max(self._now(), self._place.at)
            base = {"event_id": uuid4().hex, "at": written(at), "language": self.language, "user_id": user_id}
            event = parse({**base, **fields})
            refused = self._tried(live, event)
            if refused is not None:
                raise refused
            self._live = None  # the fold is ahead of the log until the next lines are done
            try:
                (done,) = self._log.append([to_line(event)], after=self._place)
            except Behind:
                continue
            if done.said != "added" or done.seq is None:
                raise RuntimeError(f"the log took a new event as {done.said}")
            self._place = Place(done.seq, event.at, self._place.purges)
            self._live = live
            if event.task_id is not None:
                self._close(event.task_id)
            return event
        raise Behind

    def _tried(self, live: Live, event: Event) -> Refused | None:
        try:
            return live.take(event)
        except BaseException:
            self._live = None  # nobody knows what it did
            raise

    def _current(self) -> Live:
        """The live state with all that the log holds."""
        place = self._log.place(self.language)
        live = self._live
        if live is not None and place == self._place:
            return live
        self._live = None
        after = self._place.seq
        if live is None or place.purges != self._place.purges:
            live, after = self._empty(), 0
        place, purges = self._read(live, after, place)
        if purges and after:  # what was said of them before must go too
            live, after = self._empty(), 0
            place, _ = self._read(live, after, place)
        if not after:
            self._open = self._reopened(live)
        self._live, self._place = live, place
        return live

    def _empty(self) -> Live:
        return Live(self.language, self._settings, purge=Purge(self._named()[0]))

    def _named(self, gone: str | None = None) -> tuple[frozenset[str], tuple[str, ...]]:
        """Hashes of those who were purged by someone who may, and who moderates then: by the log as it stands, as collecting
        asks it; `gone`: as if this person had sent nothing.
        """
        authority = Authority(self._settings)
        for _, line in self._log.read(self.language):
            if line.get("kind") not in HEARD or (gone and line.get("user_id") == gone):
                continue
            with suppress(Refused):
                event = parse(line)
                authority.hear(event.kind, event.user_id, event.about_user, event.settings)
        return frozenset(authority.purged), authority.settings.moderators

    def _read(self, live: Live, after: int, place: Place) -> tuple[Place, bool]:
        """Takes in what the log holds from there on; returns how far it goes, and whether somebody is purged in it."""
        purges = False
        for seq, line in self._log.read(self.language, after):
            place = place._replace(seq=max(seq, place.seq))
            try:
                event = parse(line)
            except Refused:
                continue
            place = place._replace(at=max(event.at, place.at))
            purges = purges or event.kind == "user_purged"
            live.take(event)
        return place, purges

    def _reopened(self, live: Live) -> Open:
        """The open tasks when all is made anew, without those at messages that are no more."""
        tasks: Iterable[Task] = self._open.tasks.values()
        if self._book is not None:
            tasks = (Task.of_json(said) for said in self._book.open(self._now()))
        return Open({task.task_id: task for task in tasks if task.task_id not in live.answered and _stands(live, task)})

    def _asking(self, live: Live, user_id: str, now: int) -> Asking:
        return Asking.of(user_id, self._open, now, live.fold.settings.pending_tasks_seconds * 1000)

    def _at(self, message_id: str) -> dict[str, str]:
        found = self._current().message(message_id)
        if found is None:
            raise Refused("unknown_message", f"there is no message {message_id}")
        return {"tree_id": found[0].tree_id, "message_id": message_id}

    def _says(self, fields: Mapping[str, Any]) -> bool:
        """Whether a message already has the text that it is to get."""
        found = self._current().message(str(fields.get("message_id")))
        return found is not None and found[1].text == fields.get("text")

    def _done(self, task_id: str) -> Answered:
        return self._current().answered[task_id]

    def _close(self, task_id: str) -> None:
        self._open.tasks.pop(task_id, None)
        if self._book is not None:
            self._book.close(task_id)


def _stands(live: Live, task: Task) -> bool:
    """Whether every message that a task points at is there."""
    return all(live.message(name) is not None for name in (task.message_id, *task.shown) if name is not None)
