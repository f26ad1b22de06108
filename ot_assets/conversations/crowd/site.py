"""What all pages share: who asks, how a page is filled, and how a form is taken.

Belongs here: `Site`. Contract: nothing is shown or done for who is not signed in, but the page to sign in; nothing is done by
a form that does not carry its person's form token. Forms are read by the event loop, and whatever touches the desk runs in a
thread of its own, for it may wait for the disk. Fails with `Rejected`, which holds what the person wrote.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ot_assets.conversations.crowd import words
from ot_assets.conversations.crowd.desk import Desk
from ot_assets.conversations.crowd.gate import SESSION_SECONDS, Gate
from ot_assets.conversations.crowd.people import People, Person
from ot_assets.conversations.crowd.views import when
from ot_assets.conversations.crowd.web import Fields, Rejected, fields_of
from ot_assets.pages import page_template

PAGES = "conversations/crowd/pages"
Page = Callable[[Request, Person], Response]
Action = Callable[[Request, Person, Fields], Response]


@dataclass(frozen=True)
class Site:
    """One language's pages."""

    desk: Desk
    people: People
    gate: Gate

    def person(self, request: Request) -> Person | None:
        """Who is signed in."""
        return self.gate.person_of(request.cookies.get(self.gate.session_cookie), self.people, int(time.time()))

    def page(
        self, request: Request, name: str, person: Person | None = None, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A page of a template."""
        cookie = request.cookies.get(self.gate.session_cookie) if person else None
        text = page_template(f"{PAGES}/{name}.html").render(
            person=person,
            moderates=person is not None and self.desk.moderates(person.user_id),
            language=self.desk.language,
            form_token=self.gate.form_token(cookie) if cookie else "",
            words=words,
            when=when,
            **values,
        )
        return HTMLResponse(text, status)

    def notice(self, request: Request, title: str, text: str, status: int, kept: str = "") -> HTMLResponse:
        """A page that says something; `kept`: what the person wrote, so that it is not lost to them."""
        # A fault of the log must not be met again while it is told.
        person = self.person(request) if status < 500 else None
        return self.page(request, "notice", person, status, title=title, text=text, kept=kept)

    def shows(self, page: Page) -> Callable[[Request], Response]:
        """An address that shows a page to who is signed in, and the page to sign in to others."""

        def endpoint(request: Request) -> Response:
            person = self.person(request)
            return page(request, person) if person is not None else go("/sign-in")

        return endpoint

    def takes(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        """An address that takes a form from who is signed in."""

        async def endpoint(request: Request) -> Response:
            fields = await fields_of(request)
            cookie = request.cookies.get(self.gate.session_cookie)
            person = await run_in_threadpool(self.person, request)
            if person is None:
                raise Rejected(401, "You are not signed in, or not any more.", written_in(fields))
            if not self.gate.meant(fields.one("form_token"), cookie):
                told = "This form was not made for you. Go back, load the page again, and send it once more."
                raise Rejected(403, told, written_in(fields))
            return await run_in_threadpool(action, request, person, fields)

        return endpoint

    def sign_in_page(self, request: Request, status: int = 200, wrong: str = "") -> Response:
        """The page to sign in, with a cookie on which its form token hangs."""
        name = self.gate.form_cookie
        nonce = request.cookies.get(name) or self.gate.nonce()
        token = self.gate.form_token(nonce)
        text = page_template(f"{PAGES}/sign_in.html").render(
            person=None, moderates=False, language=self.desk.language, form_token=token, words=words, wrong=wrong
        )
        response = HTMLResponse(text, status)
        self._set(request, response, name, nonce, 24 * 3600)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Takes a token."""
        fields = await fields_of(request)
        if not self.gate.meant(fields.one("form_token"), request.cookies.get(self.gate.form_cookie)):
            return await run_in_threadpool(
                self.sign_in_page, request, 403, "Your browser did not send its cookie. Try again."
            )
        person = await run_in_threadpool(self.people.by_token, fields.one("token"))
        if person is None:
            return await run_in_threadpool(self.sign_in_page, request, 401, "Nobody has this token.")
        response = go("/")
        session = self.gate.session_of(person, int(time.time()))
        self._set(request, response, self.gate.session_cookie, session, SESSION_SECONDS)
        return response

    def sign_out(self, request: Request, person: Person, fields: Fields) -> Response:
        """Ends the session in this browser."""
        response = go("/sign-in")
        response.delete_cookie(self.gate.session_cookie, httponly=True, samesite="strict")
        return response

    def _set(self, request: Request, response: Response, name: str, value: str, seconds: int) -> None:
        secure = request.url.scheme == "https"
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="strict", secure=secure)


def written_in(fields: Fields) -> str:
    """The texts that a person wrote into a form, whatever form it is."""
    return "\n\n".join(text for name in ("text", "why") if (text := fields.text(name)).strip())


def go(where: str) -> RedirectResponse:
    """To another page of this site, by a plain request for it."""
    return RedirectResponse(where, 303)
