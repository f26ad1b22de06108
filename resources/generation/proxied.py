"""Calls that go through a proxy of the environment: by aiohttp, which knows proxies.

Contract: as transport.Transport, but slower. Nothing but aiohttp's errors is handled here.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from resources.generation.connection import Came, Limits, notice_who_vanished, too_large
from resources.generation.http_reply import Answer, TryAgain
from resources.generation.reply import Failure

_PIECE = 1 << 16


class Proxied:
    """A pool of connections through `proxy`. Make it inside the loop; `close` it there."""

    def __init__(self, proxy: str, headers: dict[str, str], limits: Limits, connect: float) -> None:
        self._proxy, self._limits, self._connect = proxy, limits, connect
        self._session = aiohttp.ClientSession(
            # The gates limit connections; a second limit here would only hide calls that wait.
            connector=aiohttp.TCPConnector(limit=0, socket_factory=_socket),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=limits.timeout, connect=connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
        )

    async def exchange(self, url: str, body: bytes | None) -> Came:
        """The outcome of a call, or of a look when `body` is None."""
        began = time.monotonic()
        try:
            return await self._exchange(url, body, began)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ServerTimeoutError):
            why = f"{url}: no connection through the proxy within {self._connect:g} s"
            return TryAgain(why, "connection", away=True, silent=True)
        except _Late as late:
            return TryAgain(f"no reply from {url} within {late}", "timeout", away=True)
        except TimeoutError:
            return TryAgain(f"no reply from {url} within {self._limits.timeout:g} s", "timeout", away=True)
        except (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError) as error:
            return TryAgain(f"{url}: {_said(error)}", "connection", away=True, silent=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return TryAgain(f"{url}: {_said(error)}", "connection", away=True)

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()

    async def _exchange(self, url: str, body: bytes | None, began: float) -> Answer | Failure:
        method = "GET" if body is None else "POST"
        limits = self._limits
        async with _within(limits.first_byte, "first byte"):
            response = await self._session.request(method, url, data=body, allow_redirects=False, proxy=self._proxy)
        async with response:
            pieces, size = [], 0
            while not response.content.at_eof():
                async with _within(limits.stall, "the body stopped"):
                    pieces.append(await response.content.read(_PIECE))
                size += len(pieces[-1])
                if size > limits.most:
                    response.close()
                    return too_large(size, limits.most)
            return Answer(response.status, response.headers, b"".join(pieces), time.monotonic() - began)


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    notice_who_vanished(made)
    return made


class _Late(Exception):
    """A part of the call took longer than it may."""


@asynccontextmanager
async def _within(seconds: float | None, part: str) -> AsyncIterator[None]:
    """`asyncio.timeout` that says which part of a call it was."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise _Late(f"{seconds:g} s ({part})") from None
        raise


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ") or "no connection"
