"""What every request and response goes through: headers, where a form comes from, and how its fields are read.

Belongs here: `Guard`, around the whole app, and `fields_of`. Contract: every response forbids scripts that are not the page's
own, frames, sniffing and caching; a POST is refused unless its `Origin` is this host, which browsers always send with one and
another site's page cannot choose; a body longer than `LONGEST_BODY` is refused before it is kept. Fails with `Rejected`,
which `app` shows.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_BODY = 1_500_000
"""100,000 characters, each up to four bytes and each byte written with three characters, with some to spare."""
_FIELDS = 500

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: with it browsers send `Origin: null`.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Rejected(Exception):
    """A request that is not answered. `status` and words for a page; `kept`: what the person wrote, to be given back."""

    def __init__(self, status: int, words: str, kept: str = "") -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.kept = kept


class Guard:
    """Around the app: headers on everything, and no POST from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["method"] not in ("GET", "HEAD") and not from_here(Headers(scope=scope)):
            refused = PlainTextResponse("This form was not sent by a page of this site.", 403)
            await refused(scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)


def from_here(headers: Headers) -> bool:
    """Whether the page that sent a form is one of ours."""
    origin = urlsplit(headers.get("origin", ""))
    return origin.scheme in ("http", "https") and bool(origin.netloc) and origin.netloc == headers.get("host")


class Fields:
    """The fields of a form. A field that is not there is empty."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def one(self, name: str) -> str:
        """The first value, or nothing."""
        return next((value for key, value in self.pairs if key == name), "")

    def every(self, name: str) -> list[str]:
        """All values, in order."""
        return [value for key, value in self.pairs if key == name]

    def text(self, name: str) -> str:
        """A text that a person wrote: browsers end its lines with two characters."""
        return self.one(name).replace("\r\n", "\n")


async def fields_of(request: Request) -> Fields:
    """The fields of a request's form. Raises `Rejected`."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Rejected(415, "Only forms are read here.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise Rejected(413, "That is too long to be read.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_FIELDS
        )
    except ValueError:
        raise Rejected(400, "The form cannot be read.") from None
    return Fields(pairs)
