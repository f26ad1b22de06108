"""A server that sends exact bytes, and the transport that calls it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from resources.generation.connection import Came
from resources.generation.options import OpenAIOptions
from resources.generation.transport import Transport

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def read_call(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """First line, headers (lower case) and body of a request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    return head[0], headers, await reader.readexactly(int(headers.get("content-length", 0)))


def says(*pieces: bytes, pause: float = 0.0, close: bool = False) -> Talk:
    """Every call is answered with these bytes, one after the other."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while True:
            await read_call(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            if close:
                return

    return talk


@asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """`talk` is called with each connection and its number; the address."""
    count = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        try:
            await talk(reader, writer, count - 1)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/v1/chat/completions"
    finally:
        server.close()


@asynccontextmanager
async def transport(secret: str | None = None, **options: Any) -> AsyncIterator[Transport]:
    made = Transport(OpenAIOptions(**{"timeout": 5.0} | options), secret)
    try:
        yield made
    finally:
        await made.close()


def post(talk: Talk, times: int = 1, **options: Any) -> list[Came]:
    async def run() -> list[Came]:
        async with serving(talk) as url, transport(**options) as wire:
            return [await wire.post(url, b'{"a":1}') for _ in range(times)]

    return asyncio.run(run())
