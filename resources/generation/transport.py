"""Calls over HTTP, with every limit that keeps one from hanging.

Contract: lives in one asyncio loop. `post` returns the whole answer, or why there is none; it raises nothing but
cancellation. A body over `max_reply_bytes` is a failure that another try would not mend, and is not read to its end.
Connections are kept and reused; a peer that vanished without a word is found out by the kernel's keepalive within
minutes, however long the call may take. Proxies come from the environment, but not for this machine itself.

Ours, over asyncio and llhttp, was chosen by measuring (benchmarks/bench_transport.py; calls a second on two cores with 64
under way: httpx 225, the openai client 540, aiohttp 4,000, pyreqwest 6,100, libcurl 9,000, this 9,800).
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
import time
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from resources.errors import UserError
from resources.generation.connection import Came, Connection, Limits, notice_who_vanished
from resources.generation.http_reply import Answer, TryAgain
from resources.generation.options import OpenAIOptions
from resources.generation.proxied import Proxied

_LOCAL = ("127.0.0.1", "localhost", "::1")
_HAPPY_EYEBALLS = 0.25
_SAFE_IN_PATH = "/%:@!$&'()*+,;=-._~?"


class Transport:
    """A pool of connections. Make it inside the loop; `close` it there. UserError for a header that cannot be sent."""

    def __init__(self, options: OpenAIOptions, secret: str | None) -> None:
        self._options = options
        self._limits = Limits(
            options.timeout, options.first_byte_timeout, options.stall_timeout, options.max_reply_bytes
        )
        key = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._headers = {"Content-Type": "application/json", "Accept": "*/*"} | _sendable(options.headers) | key
        self._targets: dict[str, _Target] = {}
        self._proxies: dict[str, Proxied] = {}
        self._busy: set[Connection] = set()
        self._watch: asyncio.TimerHandle | None = None
        shortest = min(options.timeout, options.first_byte_timeout or options.timeout, options.stall_timeout)
        self._tick = min(1.0, shortest / 10)

    async def post(self, url: str, body: bytes) -> Came:
        """The answer to a call."""
        return await self._exchange(url, body)

    async def get(self, url: str, seconds: float) -> Answer | None:
        """The answer to a look at `url`; None when there is none within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                came = await self._exchange(url, None)
        except TimeoutError:
            return None
        return came if isinstance(came, Answer) else None

    async def close(self) -> None:
        """Closes all connections."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for connection in (*self._busy, *(one for target in self._targets.values() for one in target.idle)):
            connection.end(None)
        for proxied in self._proxies.values():
            await proxied.close()
        # A closed socket leaves the loop with its next turn.
        await asyncio.sleep(0)

    async def _exchange(self, url: str, body: bytes | None) -> Came:
        target = self._targets.get(url)
        if target is None:
            try:
                target = self._targets[url] = _Target(url, self._headers)
            except ValueError as error:  # a host that is no name
                return TryAgain(f"{url}: {error}", "connection", away=True, silent=True)
        if target.proxy is not None:
            return await self._through(target.proxy).exchange(url, body)
        began = time.monotonic()
        connection = target.kept(began) or await self._connect(target)
        if isinstance(connection, TryAgain):
            return connection
        self._busy.add(connection)
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._tick, self._look)
        waiting = connection.ask(target.call(body), began)
        try:
            return await waiting
        except asyncio.CancelledError:
            connection.drop(waiting)
            raise

    async def _connect(self, target: _Target) -> Connection | TryAgain:
        loop, seconds = asyncio.get_running_loop(), min(self._options.connect_timeout, self._options.timeout)

        def over(connection: Connection, usable: bool) -> None:
            self._busy.discard(connection)
            if usable:
                target.idle.append(connection)

        try:
            async with asyncio.timeout(seconds):
                transport, connection = await loop.create_connection(
                    lambda: Connection(target.url, self._limits, over),
                    target.host,
                    target.port,
                    ssl=target.tls,
                    happy_eyeballs_delay=target.eyeballs,
                )
        except TimeoutError:
            return TryAgain(f"{target.url}: no connection within {seconds:g} s", "connection", away=True, silent=True)
        except (OSError, ValueError) as error:
            why = f"{target.url}: {type(error).__name__}: {error}"
            return TryAgain(why, "connection", away=True, silent=True)
        notice_who_vanished(transport.get_extra_info("socket"))
        return connection

    def _look(self) -> None:
        """Ends what took too long. One clock for all calls: a timer for each would cost more than the call's parsing."""
        now = time.monotonic()
        for connection in list(self._busy):
            connection.overdue(now)
        self._watch = asyncio.get_running_loop().call_later(self._tick, self._look) if self._busy else None

    def _through(self, proxy: str) -> Proxied:
        if proxy not in self._proxies:
            self._proxies[proxy] = Proxied(proxy, self._headers, self._limits, self._options.connect_timeout)
        return self._proxies[proxy]


class _Target:
    """A URL taken apart once: where to connect, the bytes that every call begins with, and its idle connections."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host = parts.hostname or ""
        secure = parts.scheme == "https"
        self.port = parts.port or (443 if secure else 80)
        self.proxy = _proxy(parts.scheme, self.host)
        self.tls = ssl.create_default_context() if secure and self.proxy is None else None
        self.idle: list[Connection] = []
        # A number has no second address to race with, and the race is what a connection costs most.
        self.eyeballs = None if _is_number(self.host) else _HAPPY_EYEBALLS
        path = quote(parts.path or "/", safe=_SAFE_IN_PATH) + (f"?{parts.query}" if parts.query else "")
        named = f"[{self.host}]" if ":" in self.host else self.host.encode("idna").decode()
        host = named if parts.port is None else f"{named}:{parts.port}"
        said = {"Host": host} | _login(parts.username, parts.password) | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        self._get = f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
        self._post = f"POST {path} HTTP/1.1\r\n{lines}Content-Length: ".encode("latin-1")

    def call(self, body: bytes | None) -> bytes:
        """The bytes of a whole request."""
        return self._get if body is None else b"%b%d\r\n\r\n%b" % (self._post, len(body), body)

    def kept(self, now: float) -> Connection | None:
        """The connection that was used last and may be used again."""
        while self.idle:
            connection = self.idle.pop()
            if connection.idle_until > now:
                return connection
            connection.end(None)
        return None


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _proxy(scheme: str, host: str) -> str | None:
    return None if host in _LOCAL or proxy_bypass(host) else getproxies().get(scheme)


def _login(name: str | None, password: str | None) -> dict[str, str]:
    """What `https://name:password@host` asks for; a key of the model's own comes before it."""
    if name is None:
        return {}
    pair = f"{unquote(name)}:{unquote(password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        said = name + value
        if not name or not name.isascii() or any(mark in name for mark in " :\r\n") or not _is_latin(said):
            raise UserError(
                f"options.headers: {name!r} cannot be sent: it is no header, or has a line break or other characters in it",
                fix="a name of letters and hyphens, a value in one line of Latin letters",
            )
    return headers


def _is_latin(text: str) -> bool:
    return all(character == "\t" or (character.isprintable() and ord(character) < 256) for character in text)
