"""One connection without the pool around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from resources.generation.connection import Came, Connection, Limits
from resources.generation.http_reply import Answer, TryAgain
from tests.resources.generation.wire import OK, Talk, says, serving

LIMITS = Limits(5.0, None, 5.0, 1_000)
CALL = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def connected(talk: Talk, over: Callable[[Connection, bool], None]) -> AsyncIterator[Connection]:
    async with serving(talk) as url:
        port = int(url.split(":")[2].partition("/")[0])
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(url, LIMITS, over), "127.0.0.1", port
        )
        yield connection
        connection.end(None)


def test_a_connection_that_was_closed_while_idle_answers_at_once_when_it_is_asked() -> None:
    kept: list[bool] = []

    async def run() -> tuple[Came, Came]:
        async with connected(says(OK, close=True), lambda _, usable: kept.append(usable)) as connection:
            first = await connection.ask(CALL, time.monotonic())
            while connection.idle_until:
                await asyncio.sleep(0.01)
            return first, await asyncio.wait_for(connection.ask(CALL, time.monotonic()), 5)

    first, second = asyncio.run(run())
    assert isinstance(first, Answer)
    assert isinstance(second, TryAgain)
    assert (second.kind, second.away) == ("connection", True)
    assert "the connection was closed" in second.reason
    assert kept == [True, False]


def test_a_connection_is_not_idle_from_the_moment_the_peer_ends_it() -> None:
    async def run() -> tuple[bool, float]:
        async with connected(says(OK), lambda _, usable: None) as connection:
            await connection.ask(CALL, time.monotonic())
            was_idle = connection.idle_until > 0
            connection.eof_received()
            return was_idle, connection.idle_until

    assert asyncio.run(run()) == (True, 0.0)


def test_who_drops_an_exchange_that_is_over_leaves_the_next_one_alone() -> None:
    async def run() -> Came:
        async with connected(says(OK, pause=0.05), lambda _, usable: None) as connection:
            over = connection.ask(CALL, time.monotonic())
            await over
            next_one = connection.ask(CALL, time.monotonic())
            connection.drop(over)
            return await next_one

    assert isinstance(asyncio.run(run()), Answer)
