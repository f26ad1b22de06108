"""Five people at once at the real server: nothing is lost, nothing is there twice, nobody is asked against the rules."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from ot_assets.conversations.crowd import words
from ot_assets.conversations.events import parse
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations.crowd.site import LANGUAGE, Site, Visitor, served
from tests.conversations.crowd.working import SMALL

NAMES = ("Ann", "Ben", "Cat", "Dan", "Eva")
KINDS = {said.title: kind for kind, said in words.TASKS.items()}
RULES = SMALL.changed(
    {"max_active_trees": 6, "max_initial_prompt_review": 20, "max_pending_tasks_per_user": 50, "moderators": ()}
)
_SENDS_FOR = 90.0
T = TypeVar("T")


@dataclass
class Book:
    """What all workers were given and told."""

    tasks: int
    """How many are to be answered."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    handed: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Task -> person, kind, text that it is about."""
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    reactions: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return len(self.answered) >= self.tasks


class Worker(threading.Thread):
    """A person who works through tasks, now and then skips one, reacts, or sends a form twice."""

    def __init__(self, visitor: Visitor, book: Book, seed: int) -> None:
        super().__init__(daemon=True)
        self.visitor, self.book, self.chance = visitor, book, random.Random(seed)
        self.failed: BaseException | None = None
        self.written = 0

    def run(self) -> None:
        try:
            idle = 0
            while not self.book.done:
                idle = 0 if self.task() else idle + 1
                assert idle < 300, "nothing to do for very long"
                time.sleep(0.01 * (idle > 0))
        except BaseException as error:
            self.failed = error

    def task(self) -> bool:
        """One task, if there is any."""
        name = self.patiently(self.visitor.hand) or self.patiently(self.begun)
        if name is None:
            return False
        kind, about = KINDS[self.visitor.kind], "\n".join(self.visitor.shown)
        with self.book.lock:
            assert (
                self.book.handed.setdefault(name, (self.visitor.person.user_id, kind, about))[0]
                == self.visitor.person.user_id
            )
        if self.chance.random() < 0.04 and kind != "prompt":
            answer = self.send(f"/tasks/{name}/skip", {"why": "not for me"})
            if answer.status_code == 303:
                with self.book.lock:
                    self.book.skipped.add(name)
                return True
        if self.chance.random() < 0.1:
            self.react()
        said = self.said(kind)
        for _ in range(1 + (self.chance.random() < 0.15)):  # a button pressed twice
            answer = self.send(f"/tasks/{name}", said)
            with self.book.lock:
                if answer.status_code == 303:
                    self.book.answered[name] = said
                else:
                    told = re.search(r'role="alert">(.*?)<', answer.text)
                    self.book.refused.append(f"{kind} {answer.status_code} {told[1] if told else answer.text}")
        return True

    def begun(self) -> str | None:
        """A task that was handed out by a server that could not say so any more: it stands on the start page."""
        self.visitor.get("/")
        found = re.search(r'<li><a href="/tasks/(\w+)"', self.visitor.page)
        if found is None:
            return None
        assert self.visitor.get(f"/tasks/{found[1]}").status_code == 200
        return found[1]

    def said(self, kind: str) -> dict[str, Any]:
        if kind in ("prompt", "reply_as_assistant", "reply_as_prompter"):
            self.written += 1
            return {"text": f"{kind} {self.written} of {self.visitor.person.name}"}
        if kind == "rank_replies":
            return {"ranking": self.chance.sample(self.visitor.replies, len(self.visitor.replies))}
        spam = "yes" if self.chance.random() < 0.1 else "no"
        return {"asked": self.visitor.asked, "label.spam": spam, "label.quality": str(self.chance.randrange(5))}

    def react(self) -> None:
        found = re.search(r'value="(o\w+ 100 \w+)"', self.visitor.page)
        if found and self.send("/reactions", {"react": found[1]}).status_code == 303:
            with self.book.lock:
                self.book.reactions += 1

    def send(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        form = {"form_token": self.visitor.form_token, **fields}
        return self.patiently(lambda: self.visitor.post(path, form))

    def patiently(self, do: Callable[[], T]) -> T:
        """Again and again while the server is down, as a person would."""
        until = time.monotonic() + _SENDS_FOR
        while True:
            try:
                return do()
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


def works(site: Site, tasks: int, seed: int) -> tuple[Book, list[Worker]]:
    book = Book(tasks)
    workers = [Worker(site.invited(name), book, seed + number) for number, name in enumerate(NAMES)]
    for worker in workers:
        worker.start()
    return book, workers


def finished(workers: list[Worker], within: float) -> None:
    until = time.monotonic() + within
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))
        assert not worker.is_alive(), "the work did not end"
        if worker.failed is not None:
            raise worker.failed


def everything(site: Site) -> dict[str, str]:
    """Every page on which a moderator sees the state: all trees with all messages, labels, ranks and histories."""
    moderator = site.moderator()
    pages = {path: moderator.get(path).text for path in ("/moderate", "/moderate/people")}
    states = re.findall(r"/moderate\?state=(\w+)", pages["/moderate"])
    for state in states:
        pages[state] = moderator.get(f"/moderate?state={state}").text
        for tree in re.findall(r'href="(/moderate/tree\?id=\w+)"', pages[state]):
            pages[tree] = moderator.get(tree).text
    plain = re.compile(r'name="form_token" value="\w+"')
    return {path: plain.sub("", page) for path, page in pages.items()}


def check_log(lines: list[dict[str, Any]], book: Book, rules: CrowdSettings) -> None:
    """The log against what people were told, and against the rules, event by event."""
    of_task = Counter(line["task_id"] for line in lines if "task_id" in line)
    assert set(of_task.values()) <= {1}
    assert of_task.keys() == book.answered.keys() | book.skipped
    assert not book.answered.keys() & book.skipped
    assert len({line["event_id"] for line in lines}) == len(lines)
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    fold = Fold(LANGUAGE, Shelf(rules))
    wrote: dict[str, str] = {}
    children: dict[str, list[str]] = {}
    did: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        event = parse(line)
        assert fold.apply(event) is None, line
        user, kind = str(event.user_id), event.kind
        target = event.parent_id or event.message_id or ""
        if event.task_id:
            assert book.handed[event.task_id][0] == user
        if kind == "labels_submitted":
            assert wrote[target] != user
        if kind == "ranking_submitted":
            assert event.ranking is not None and user not in {wrote[name] for name in children[target]}
            assert sorted(event.ranking) == sorted(event.shown or ())
        if kind in ("prompt_submitted", "reply_submitted"):
            assert event.message_id
            wrote[event.message_id] = user
            if event.parent_id is not None:
                children.setdefault(event.parent_id, []).append(event.message_id)
            assert event.text == book.answered[event.task_id or ""]["text"]
        if kind in ("labels_submitted", "ranking_submitted", "reply_submitted"):
            did[user, kind, target] += 1
        if kind == "task_skipped":
            did[user, {"rank_replies": "ranking_submitted"}.get(event.task or "", "labels_submitted")
                if not (event.task or "").startswith("reply") else "reply_submitted", target] += 1  # fmt: skip
    assert set(did.values()) == {1}  # nobody is asked for the same again, nor for what they skipped


@pytest.mark.parametrize("tasks", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_nothing_is_lost_or_doubled(tasks: int, tmp_path: Path):
    with served(tmp_path, RULES.model_dump(mode="json", exclude_defaults=True)) as site:
        began = time.monotonic()
        book, workers = works(site, tasks, seed=tasks)
        finished(workers, within=500)
        seconds = time.monotonic() - began
        assert book.refused == []
        lines = site.lines()
        check_log(lines, book, RULES)
        assert len(book.answered) >= tasks
        assert Counter(line["kind"].startswith("emoji") for line in lines)[True] <= book.reactions
        before = everything(site)
        site.kill()
        site.start()
        assert everything(site) == before  # the live state is the fold of the log
        print(f"{len(book.answered)} answers in {seconds:.1f} s, {len(lines)} events")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(tmp_path, RULES.model_dump(mode="json", exclude_defaults=True)) as up:
        yield up


@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_keeps_every_answer(site: Site):
    book, workers = works(site, 300, seed=7)
    for stop in (40, 110, 190, 260):
        while len(book.answered) < stop:
            assert any(worker.is_alive() for worker in workers), [worker.failed for worker in workers]
            time.sleep(0.02)
        site.kill()
        held = set(book.answered)
        assert held <= {line.get("task_id") for line in site.lines()}  # what was told as kept is kept
        site.start()
    finished(workers, within=300)
    assert book.refused == []
    check_log(site.lines(), book, RULES)
