"""The wire itself: a server that sends exact bytes, a proxy, and TLS."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

from resources.errors import UserError
from resources.generation import proxied
from resources.generation.connection import Came
from resources.generation.http_reply import Answer, TryAgain
from resources.generation.options import OpenAIOptions
from resources.generation.reply import Failure
from resources.generation.transport import Transport
from tests.resources.generation.wire import OK, Talk, post, read_call, says, serving, transport


def test_a_call_is_sent_whole_with_its_headers_and_key() -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        seen.append(await read_call(reader))
        writer.write(OK)

    async def run() -> Came:
        async with serving(talk) as url, transport("sk-1", headers={"X-Title": "Größe"}) as wire:
            host = url.split("/")[2]
            came = await wire.post(url, '{"ü":1}'.encode())
            assert seen[0][1]["host"] == host
            return came

    came = asyncio.run(run())
    assert isinstance(came, Answer)
    assert came.status == 200
    line, headers, body = seen[0]
    assert line == "POST /v1/chat/completions HTTP/1.1"
    assert headers["authorization"] == "Bearer sk-1"
    assert headers["x-title"] == "Größe"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"ü": 1}


CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'
PACKED = gzip.compress(b'{"a":1}')


@pytest.mark.parametrize(
    ("pieces", "close"),
    [
        ((b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}',), False),
        (tuple(bytes([one]) for one in b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'), False),
        ((CHUNKED,), False),
        (tuple(bytes([one]) for one in CHUNKED), False),
        ((b'HTTP/1.1 200 OK\r\n\r\n{"a"', b":1}"), True),
        ((b'HTTP/1.0 200 OK\r\n\r\n{"a":1}',), True),
        ((b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n{"a":1}',), True),
        ((b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}',), False),
        ((b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'), False),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),), False),
    ],
    ids=[
        "length", "byte by byte", "chunked", "chunked byte by byte", "until it closes", "HTTP/1.0", "closing", "100", "103",
        "gzip",
    ],
)  # fmt: skip
def test_every_way_to_end_a_body_is_understood(pieces: tuple[bytes, ...], close: bool) -> None:
    for came in post(says(*pieces, close=close), times=3):
        assert isinstance(came, Answer), came
        assert (came.status, came.body) == (200, b'{"a":1}')


def test_headers_are_found_in_any_case_and_repeated_ones_are_joined() -> None:
    (came,) = post(says(b"HTTP/1.1 429 No\r\nRETRY-After: 3\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"))
    assert isinstance(came, Answer)
    assert (came.status, came.headers["retry-after"], came.headers["x-a"]) == (429, "3", "1, 2")


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (says(b"SSH-2.0-OpenSSH\r\n"), "no HTTP answer"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", close=True), "the connection was closed"),
        (
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", close=True),
            "the connection was closed",
        ),
        (says(close=True), "the connection was closed"),
        (says(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n"), "headers of more than 65,536 bytes"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"), "cannot be unpacked"),
        (says(b"HTTP/1.1 101 No\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), "another protocol"),
        (says(b"HTTP/1.1 200 OK\r\nX: ", *[b"x" * 50_000] * 20, pause=0.01), "headers of more than 65,536 bytes"),
        (
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"x" * 50_000] * 20, pause=0.01),
            "headers of more than 65,536 bytes",
        ),
    ],
    ids=["no HTTP", "cut", "cut chunk", "nothing", "flood", "no gzip", "101", "one line", "one line after the body"],
)
def test_what_is_no_whole_answer_is_tried_again(talk: Talk, reason: str) -> None:
    (came,) = post(talk)
    assert isinstance(came, TryAgain), came
    assert (came.kind, came.away, came.silent) == ("connection", True, False)
    assert reason in came.reason
    assert "127.0.0.1" in came.reason


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"400\r\n" + b"x" * 1024 + b"\r\n"] * 300),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 200_000),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            % len(gzip.compress(bytes(10**8))),
            gzip.compress(bytes(10**8)),
        ),
    ],
    ids=["said", "chunks", "no end", "gzip bomb"],
)
def test_a_body_over_the_limit_is_not_read_to_its_end(pieces: tuple[bytes, ...]) -> None:
    (came,) = post(says(*pieces), max_reply_bytes=100_000)
    assert isinstance(came, Failure)
    assert (came.kind, came.retryable) == ("malformed", False)
    assert "the limit is 100,000" in came.reason


def test_a_connection_is_used_again_until_it_may_be_closing() -> None:
    numbers: list[int] = []

    def counting(answer: bytes) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
            while True:
                await read_call(reader)
                numbers.append(n)
                writer.write(answer)

        return talk

    assert all(isinstance(came, Answer) for came in post(counting(OK), times=3))
    assert numbers == [0, 0, 0]
    numbers.clear()
    short = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=9\r\nContent-Length: 2\r\n\r\n{}"
    assert all(isinstance(came, Answer) for came in post(counting(short), times=3))
    assert numbers == [0, 1, 2]


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
def test_bytes_that_nobody_asked_for_end_the_connection_and_no_answer_is_taken_for_another(apart: bool) -> None:
    nobodys = b"HTTP/1.1 200 OK\r\nX-Whose: nobody\r\nContent-Length: 1\r\n\r\n9"

    async def run() -> list[Came]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
            for body in (b"1", b"2"):
                await read_call(reader)
                answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%b" % body, *([nobodys] if n == 0 else [])]
                for piece in answers if apart else [b"".join(answers)]:
                    writer.write(piece)

        async with serving(talk) as url, transport() as wire:
            came = []
            for _ in range(3):
                came.append(await wire.post(url, b"{}"))
                await asyncio.sleep(0.05)
            return came

    outcomes = asyncio.run(run())
    assert all("x-whose" not in came.headers for came in outcomes if isinstance(came, Answer))
    bodies = [came.body if isinstance(came, Answer) else came for came in outcomes]
    assert b"9" not in bodies
    assert bodies[-1] == b"2"


def test_calls_side_by_side_each_get_their_own_answer() -> None:
    async def run() -> list[tuple[bytes, Came]]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
            while True:
                _, _, body = await read_call(reader)
                await asyncio.sleep(int(body) % 7 / 100)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

        async with serving(talk) as url, transport() as wire:

            async def worker(first: int) -> list[tuple[bytes, Came]]:
                return [(body, await wire.post(url, body)) for n in range(first, 400, 16) if (body := b"%d" % n)]

            return [one for some in await asyncio.gather(*(worker(n) for n in range(16))) for one in some]

    came = asyncio.run(run())
    assert len(came) == 400
    assert all(isinstance(one, Answer) and one.body == body for body, one in came)


def test_a_second_call_over_a_kept_connection_has_its_own_limit() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await read_call(reader)
        writer.write(OK)
        await read_call(reader)
        await asyncio.sleep(30)

    began = time.monotonic()
    first, second = post(talk, times=2, timeout=0.5)
    assert isinstance(first, Answer)
    assert isinstance(second, TryAgain)
    assert second.kind == "timeout"
    assert time.monotonic() - began < 10


def test_a_cancelled_call_leaves_no_connection_behind() -> None:
    async def run() -> tuple[bool, Came]:
        closed = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
            await read_call(reader)
            if n == 0:
                await reader.read()
                closed.set()
            writer.write(OK)

        async with serving(talk) as url, transport() as wire:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await wire.post(url, b"{}")
            await asyncio.wait_for(closed.wait(), 5)
            return closed.is_set(), await wire.post(url, b"{}")

    was_closed, came = asyncio.run(run())
    assert was_closed
    assert isinstance(came, Answer)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test", f"[fe80::1%{'x' * 70}]"], ids=["empty", "long", "zone"])
def test_a_host_that_is_no_name_is_a_lost_endpoint(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    url = f"http://{host}/v1/chat/completions"

    async def run() -> Came:
        async with transport() as wire:
            return await wire.post(url, b"{}")

    came = asyncio.run(run())
    assert isinstance(came, TryAgain)
    assert (came.kind, came.away, came.silent) == ("connection", True, True)
    assert came.reason.startswith(url)


def test_ipv6_addresses_are_called() -> None:
    async def run() -> Came:
        async with serving(says(OK), host="::1") as url, transport() as wire:
            return await wire.post(url, b"{}")

    try:
        came = asyncio.run(run())
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    assert isinstance(came, Answer)


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_is_spoken_and_certificates_are_checked(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    if trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def run() -> Came:
        async with serving(says(OK), tls) as url, transport() as wire:
            return await wire.post(url, b"{}")

    came = asyncio.run(run())
    if trusted:
        assert isinstance(came, Answer)
    else:
        assert isinstance(came, TryAgain)
        assert came.silent
        assert "certificate" in came.reason


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X Y": "a"}, {"": "a"}, {"X": "日本"}], ids=["line", "name", "empty", "letters"]
)
def test_a_header_that_cannot_be_sent_is_refused_before_any_call(headers: dict[str, str]) -> None:
    async def run() -> None:
        Transport(OpenAIOptions(headers=headers), None)

    with pytest.raises(UserError, match=r"options\.headers"):
        asyncio.run(run())


def through_a_proxy(talk: Talk, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Came, list[str]]:
    """The outcome of a call to another host, and the first lines that the proxy got."""
    lines: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        head = await reader.readuntil(b"\r\n")
        lines.append(head.decode().strip())
        await talk(reader, writer, n)

    async def run() -> Came:
        async with serving(proxy) as url:
            monkeypatch.setenv("http_proxy", "/".join(url.split("/")[:3]))
            monkeypatch.delenv("no_proxy", raising=False)
            async with transport(**options) as wire:
                return await wire.post("http://teacher.test/v1/chat/completions", b"{}")

    return asyncio.run(run()), lines


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[socket.socket] = []
    monkeypatch.setattr(proxied, "notice_who_vanished", watched.append)
    came, lines = through_a_proxy(says(OK), monkeypatch)
    assert len(watched) == 1
    assert isinstance(came, Answer)
    assert (came.status, came.body) == (200, b"{}")
    assert lines == ["POST http://teacher.test/v1/chat/completions HTTP/1.1"]


@pytest.mark.parametrize(
    ("talk", "option", "said"),
    [
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", pause=30), {"stall_timeout": 0.3}, "the body stopped"),
        (says(pause=30), {"first_byte_timeout": 0.3}, "first byte"),
        (says(pause=30), {"timeout": 0.3}, "within 0.3 s"),
        (says(close=True), {}, "ServerDisconnectedError"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", bytes(5000)), {"max_reply_bytes": 2000}, "the limit"),
    ],
    ids=["stall", "first byte", "all", "cut", "too large"],
)
def test_the_limits_hold_through_a_proxy_too(
    talk: Talk, option: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, _ = through_a_proxy(talk, monkeypatch, **option)
    assert isinstance(came, Failure if "max_reply_bytes" in option else TryAgain)
    assert said in came.reason


def test_a_proxy_that_is_not_there_is_a_lost_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Came:
        async with serving(says(OK)) as url:
            gone = "/".join(url.split("/")[:3])
        monkeypatch.setenv("http_proxy", gone)
        monkeypatch.delenv("no_proxy", raising=False)
        async with transport() as wire:
            return await wire.post("http://teacher.test/v1/chat/completions", b"{}")

    came = asyncio.run(run())
    assert isinstance(came, TryAgain)
    assert came.silent
