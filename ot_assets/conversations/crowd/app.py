"""The web page of a language: its addresses, and what contributors do there.

Belongs here: `make_app`, and an action for each thing that a contributor does; what moderators do is in `moderating`.
Contract: a page of GET changes nothing; an answer is told as taken only when it stands in the log; texts of people reach
pages through templates alone, which show them as text. What cannot be taken is said in words, with what the person wrote.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ot_assets.conversations.crowd import words
from ot_assets.conversations.crowd.answers import Said
from ot_assets.conversations.crowd.desk import MENDABLE, Desk, NoSuchTask
from ot_assets.conversations.crowd.gate import Gate
from ot_assets.conversations.crowd.live import Answered
from ot_assets.conversations.crowd.moderating import Moderating
from ot_assets.conversations.crowd.people import People, Person
from ot_assets.conversations.crowd.site import Site, go
from ot_assets.conversations.crowd.tasks import NothingToDo, Task
from ot_assets.conversations.crowd.views import standing_of, thread_of
from ot_assets.conversations.crowd.web import Fields, Guard, Rejected
from ot_assets.conversations.events import Refused
from ot_assets.conversations.kinds import TASKS
from resources.contributions.log import Behind
from resources.errors import UserError

log = logging.getLogger(__name__)

_STATUS = {
    "not_a_moderator": 403, "user_disabled": 403, "unknown_tree": 404, "unknown_message": 404,
    "blank_text": 422, "text_too_long": 422, "bad_field": 422,
}  # fmt: skip
"""Rule -> HTTP status of what is refused; of every other rule 409: things are not, or not any more, as the form has them."""
_FILES = {"crowd.css": "text/css", "crowd.js": "text/javascript", "crowd.svg": "image/svg+xml"}


def make_app(desk: Desk, people: People, gate: Gate) -> ASGIApp:
    """The app."""
    site = Site(desk, people, gate)
    pages, moderating = _Pages(site), Moderating(site)
    shows, takes = site.shows, site.takes
    routes = [
        Route("/", shows(pages.start)),
        Route("/sign-in", site.sign_in_page),
        Route("/sign-in", site.sign_in, methods=["POST"]),
        Route("/sign-out", takes(site.sign_out), methods=["POST"]),
        Route("/tasks", takes(pages.hand), methods=["POST"]),
        Route("/tasks/{task}", shows(pages.task)),
        Route("/tasks/{task}", takes(pages.answer), methods=["POST"]),
        Route("/tasks/{task}/skip", takes(pages.skip), methods=["POST"]),
        Route("/reactions", takes(pages.react), methods=["POST"]),
        Route("/reports", takes(pages.report), methods=["POST"]),
        Route("/moderate", shows(moderating.overview)),
        Route("/moderate/people", shows(moderating.persons)),
        Route("/moderate/people", takes(moderating.shut_out), methods=["POST"]),
        Route("/moderate/tree", shows(moderating.tree)),
        Route("/moderate/tree", takes(moderating.change), methods=["POST"]),
        Route("/static/{name}", _static),
    ]

    def rejected(request: Request, error: Exception) -> Response:
        assert isinstance(error, Rejected)
        if error.status == 401 and not error.kept:
            return site.sign_in_page(request, 401, error.words)
        return site.notice(request, "Not taken", error.words, error.status, error.kept)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return site.notice(request, "Not taken", words.refusal(error.rule, error.note), _STATUS.get(error.rule, 409))

    def lost(request: Request, error: Exception) -> Response:
        return site.notice(request, "Not there", "This task has expired, or is somebody else's.", 404)

    def broken(request: Request, error: Exception) -> Response:
        log.error("%s %s: %s", request.method, request.url.path, error)
        return site.notice(request, "Not kept", "This could not be kept just now. Send it again in a moment.", 503)

    def missing(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return site.notice(request, "Not there", "There is no such page.", status)

    handlers: Mapping[Any, Any] = {
        Rejected: rejected, Refused: refused, NoSuchTask: lost, UserError: broken, Behind: broken, HTTPException: missing,
    }  # fmt: skip
    return Guard(Starlette(routes=routes, exception_handlers=handlers))


class _Pages:
    """What contributors see and do."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._desk = site.desk

    def start(self, request: Request, person: Person) -> Response:
        """What there is to do, what is open, and own points."""
        there = self._desk.there_is(person.user_id)
        with self._desk.look() as live:
            standing = standing_of(live, person.user_id)
            waiting = {task: sum(1 for _ in live.offers.of(task)) for task in TASKS}
        opened = self._desk.open_tasks(person.user_id)
        mine = {task: there[task] + sum(one.kind == task for one in opened) for task in TASKS}
        return self._site.page(
            request,
            "start",
            person,
            there=there,
            others={task: waiting[task] - mine[task] for task in TASKS if waiting[task] > mine[task]},
            open=opened,
            standing=standing,
            told=words.NO_TASKS.get(request.query_params.get("none", ""), ""),
        )

    def hand(self, request: Request, person: Person, fields: Fields) -> Response:
        """Hands out a task; `kind`: which."""
        kinds = [kind for kind in fields.every("kind") if kind in TASKS]
        try:
            task = self._desk.hand(person.user_id, kinds)
        except NothingToDo as nothing:
            return go(f"/?none={nothing.reason}")
        return go(f"/tasks/{task.task_id}")

    def task(self, request: Request, person: Person) -> Response:
        """The page of a task, or thanks for its answer."""
        task = self._desk.task(person.user_id, request.path_params["task"])
        if isinstance(task, Answered):
            with self._desk.look() as live:
                standing = standing_of(live, person.user_id)
            there = self._desk.there_is(person.user_id)
            skipped = task.kind == "task_skipped"
            return self._site.page(
                request, "done", person, skipped=skipped, standing=standing, more=sum(there.values())
            )
        return self._form(request, person, task, Fields([]))

    def answer(self, request: Request, person: Person, fields: Fields) -> Response:
        """Takes an answer; or, where replies are only moved, shows the task again."""
        name = request.path_params["task"]
        if fields.one("move"):
            task = self._desk.task(person.user_id, name)
            return (
                go(f"/tasks/{name}") if isinstance(task, Answered) else self._form(request, person, task, moved(fields))
            )
        try:
            self._desk.answer(person.user_id, name, said_of(fields))
        except Refused as refused:
            told = words.refusal(refused.rule, refused.note)
            if refused.rule in MENDABLE:
                task = self._desk.task(person.user_id, name)
                if isinstance(task, Task):
                    return self._form(request, person, task, fields, 422, told)
            return self._site.notice(request, "Not needed any more", told, 409, fields.text("text"))
        except NoSuchTask:
            told = "This task has expired, or is somebody else's."
            return self._site.notice(request, "Not there", told, 404, fields.text("text"))
        except (UserError, Behind) as error:
            log.error("%s %s: %s", request.method, request.url.path, error)
            told = "This could not be kept just now. Send it again in a moment."
            return self._site.notice(request, "Not kept", told, 503, fields.text("text"))
        return go(f"/tasks/{name}")

    def skip(self, request: Request, person: Person, fields: Fields) -> Response:
        """A task that somebody would not do."""
        done = self._desk.skip(person.user_id, request.path_params["task"], fields.text("why"))
        return go(f"/tasks/{request.path_params['task']}" if done is not None else "/")

    def react(self, request: Request, person: Person, fields: Fields) -> Response:
        """An emoji, put or taken back: the pressed button says `on` or `off`, the emoji and the message."""
        turned, _, rest = fields.one("react").partition(" ")
        emoji, _, message = rest.partition(" ")
        if emoji not in words.OFFERED:
            raise Rejected(400, "There is no such emoji.")
        self._desk.react(person.user_id, message, emoji, on=turned == "on")
        return go(_back(fields))

    def report(self, request: Request, person: Person, fields: Fields) -> Response:
        """A report of a message."""
        self._desk.report(person.user_id, fields.one("message"), fields.text("why"))
        return go(_back(fields))

    def _form(
        self, request: Request, person: Person, task: Task, said: Fields, status: int = 200, wrong: str = ""
    ) -> Response:
        with self._desk.look() as live:
            thread = thread_of(live, task, said.every("ranking"))
            most = live.fold.settings.message_max_characters
        return self._site.page(
            request,
            "task",
            person,
            status,
            task=task,
            thread=thread,
            questions=[words.QUESTIONS[name] for name in task.labels],
            said=said,
            wrong=wrong,
            most=most,
        )


def said_of(fields: Fields) -> Said:
    """An answer from its form. Raises `Refused` for a label's value that is none of its buttons'."""
    labels: dict[str, float] = {}
    for name in fields.every("asked"):
        value = fields.one(f"label.{name}")
        question = words.QUESTIONS.get(name)
        if question is None:
            raise Refused("unknown_label", name)
        if question.form == "flag":
            labels[name] = float(value == "yes")
        elif value and question.form == "yes_no":
            labels[name] = {"yes": 1.0, "no": 0.0}.get(value, -1.0)
        elif value:
            labels[name] = words.value_of(name, int(value)) if value in {"0", "1", "2", "3", "4"} else -1.0
    if -1.0 in labels.values():
        raise Refused("label_out_of_range", "a value is on none of the buttons")
    return Said(
        text=fields.text("text"),
        labels=labels,
        ranking=tuple(fields.every("ranking")),
        not_rankable=fields.one("not_rankable") == "yes",
        synthetic=fields.one("synthetic") == "yes",
        model_name=fields.one("model_name").strip() or None,
    )


def moved(fields: Fields) -> Fields:
    """The same form with one reply moved by one place."""
    way, _, name = fields.one("move").partition(":")
    order = fields.every("ranking")
    if name in order:
        at = order.index(name)
        to = at - 1 if way == "up" else at + 1
        if 0 <= to < len(order):
            order[at], order[to] = order[to], order[at]
    others = [(key, value) for key, value in fields.pairs if key not in ("ranking", "move")]
    return Fields([*others, *(("ranking", one) for one in order)])


def _back(fields: Fields) -> str:
    """The task that the form was on."""
    name = fields.one("task")
    return f"/tasks/{name}" if name.isalnum() else "/"


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        raise HTTPException(404)
    place = Path(__file__).parent / "pages" / name
    return FileResponse(place, media_type=_FILES[name], headers={"cache-control": "no-cache"})
