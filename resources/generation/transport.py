"""Calls over HTTP, with every limit that keeps one from hanging: the only place that knows aiohttp.

Contract: lives in one asyncio loop. `post` returns the whole answer, or why there is none; it raises nothing but
cancellation. A body over `max_reply_bytes` is a failure that another try would not mend, and is not read to its end.
Connections are kept and reused; a peer that vanished without a word is found out by the kernel's keepalive within
minutes, however long the call may take. Proxies come from the environment, but not for this machine itself.

aiohttp was chosen by measuring (benchmarks/bench_transport.py): a bare loop of it makes thirty times the calls of httpx.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from resources.generation.http_reply import Answer, TryAgain
from resources.generation.options import OpenAIOptions
from resources.generation.reply import Failure

_LOCAL = ("127.0.0.1", "localhost", "::1")
_PIECE = 1 << 16
# Seconds: a silent peer is asked after a minute, and given up after four questions.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}


class Transport:
    """A pool of connections. Make it inside the loop; `close` it there."""

    def __init__(self, options: OpenAIOptions, secret: str | None) -> None:
        self._options = options
        key = {"Authorization": f"Bearer {secret}"} if secret else {}
        self._session = aiohttp.ClientSession(
            # The gates limit connections; a second limit here would only hide calls that wait.
            connector=aiohttp.TCPConnector(limit=0, socket_factory=_socket, keepalive_timeout=60),
            headers={"Content-Type": "application/json"} | options.headers | key,
            timeout=aiohttp.ClientTimeout(total=None, connect=options.connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
        )
        self._proxies: dict[str, str | None] = {}

    async def post(self, url: str, body: bytes) -> Answer | Failure | TryAgain:
        """The answer to a call."""
        return await self._guarded(url, body)

    async def get(self, url: str, seconds: float) -> Answer | None:
        """The answer to a look at `url`; None when there is none within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                came = await self._guarded(url, None)
        except TimeoutError:
            return None
        return came if isinstance(came, Answer) else None

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()

    async def _guarded(self, url: str, body: bytes | None) -> Answer | Failure | TryAgain:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._options.timeout):
                return await self._exchange(url, body, began)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ServerTimeoutError):
            seconds = self._options.connect_timeout
            return TryAgain(f"{url}: no connection within {seconds:g} s", "connection", away=True, silent=True)
        except _Hung as hung:
            return TryAgain(f"no reply from {url} within {hung}", "timeout", away=True)
        except TimeoutError:
            return TryAgain(f"no reply from {url} within {self._options.timeout:g} s", "timeout", away=True)
        except (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError) as error:
            return TryAgain(f"{url}: {_said(error)}", "connection", away=True, silent=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return TryAgain(f"{url}: {_said(error)}", "connection", away=True)

    async def _exchange(self, url: str, body: bytes | None, began: float) -> Answer | Failure:
        response = await self._headed(url, body)
        async with response:
            most = self._options.max_reply_bytes
            if (response.content_length or 0) > most:
                response.close()
                return _too_large(response.content_length or 0, most)
            if response.content.is_eof():
                # All of it came with the headers: a small reply needs no further wait and no timer.
                whole = response.content.read_nowait()
                if len(whole) > most:
                    return _too_large(len(whole), most)
                return Answer(response.status, response.headers, whole, time.monotonic() - began)
            pieces: list[bytes] = []
            size = 0
            while piece := await self._piece(response.content):
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    response.close()
                    return _too_large(size, most)
            whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            return Answer(response.status, response.headers, whole, time.monotonic() - began)

    async def _headed(self, url: str, body: bytes | None) -> aiohttp.ClientResponse:
        """The response once its first bytes are there."""
        method = "GET" if body is None else "POST"
        proxy = self._proxy(url)
        if self._options.first_byte_timeout is None:
            return await self._session.request(method, url, data=body, allow_redirects=False, proxy=proxy)
        try:
            async with asyncio.timeout(self._options.first_byte_timeout):
                return await self._session.request(method, url, data=body, allow_redirects=False, proxy=proxy)
        except TimeoutError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise
            raise _Hung(f"{self._options.first_byte_timeout:g} s (first byte)") from None

    async def _piece(self, content: aiohttp.StreamReader) -> bytes:
        """The next bytes of a body; empty at its end."""
        if content.at_eof():
            return b""
        try:
            async with asyncio.timeout(self._options.stall_timeout):
                return await content.read(_PIECE)
        except TimeoutError:
            raise _Hung(f"{self._options.stall_timeout:g} s (the body stopped)") from None

    def _proxy(self, url: str) -> str | None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host not in self._proxies:
            bypassed = host in _LOCAL or bool(proxy_bypass(host))
            self._proxies[host] = None if bypassed else getproxies().get(parts.scheme)
        return self._proxies[host]


class _Hung(Exception):
    """A part of the call took longer than it may."""


def _too_large(size: int, most: int) -> Failure:
    return Failure(
        f"the reply has {size:,} bytes or more, the limit is {most:,} (max_reply_bytes)", "malformed", retryable=False
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ") or "no connection"


def _socket(info: Any) -> socket.socket:
    """A socket that notices a peer which vanished."""
    family, kind, protocol = info[:3]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
