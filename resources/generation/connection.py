"""One HTTP/1.1 connection that carries one exchange after another: what a chat call needs of HTTP, parsed by llhttp.

Contract: lives in one asyncio loop; `ask` is for a connection that is `idle`. The outcome of an exchange is a value: the
whole answer, a Failure for a body that is too large (not read to its end), or why there was none. A connection that was
ended in the middle, or over which more came than was asked for, is closed and never used again. Time is not measured
here: `overdue` says what took too long, whoever holds the connections asks.

Why not aiohttp here: its client takes 230 µs of a core for a call, this one 60 (benchmarks/bench_transport.py), and a
call, with its answer stored, may take 500.
"""

from __future__ import annotations

import asyncio
import socket
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import httptools

from resources.generation.http_reply import Answer, TryAgain
from resources.generation.reply import Failure

Came = Answer | Failure | TryAgain

_MOST_HEADERS = 64 * 1024
_ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
# Seconds: a silent peer is asked after a minute, and given up after four questions.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for a whole call, until its first byte (None: as long as the call) and for a pause in its body; the most
    bytes of a body.
    """

    timeout: float
    first_byte: float | None
    stall: float
    most: int


class Connection(asyncio.Protocol):
    """`url` is for messages; `over` is called at the end of every exchange, with whether it may carry another."""

    def __init__(self, url: str, limits: Limits, over: Callable[[Connection, bool], None]) -> None:
        self._url, self._limits, self._over = url, limits, over
        self._unpacking: zlib._Decompress | None
        self._headers: dict[str, str]
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Came] | None = None
        self.idle_until = 0.0
        """When the peer may close it for being idle, by the monotonic clock; 0 once it is closed."""
        self._forget()

    def ask(self, call: bytes, began: float) -> asyncio.Future[Came]:
        """Sends a whole request; `began` is when its time started."""
        assert self._transport is not None and self._waiting is None
        self._forget()
        self._began = self._heard = began
        waiting = self._waiting = self._loop.create_future()
        if self._transport.is_closing():
            # The peer hung up before anything was asked; nothing more would ever be heard.
            self._cut("the connection was closed")
        else:
            self._transport.write(call)
        return waiting

    def overdue(self, now: float) -> None:
        """Ends an exchange that took longer than it may."""
        if self._waiting is None:
            return
        first, limits = self._limits.first_byte, self._limits
        if now - self._began > limits.timeout:
            within = f"{limits.timeout:g} s"
        elif not self._begun and first is not None and now - self._began > first:
            within = f"{first:g} s (first byte)"
        elif self._begun and now - self._heard > limits.stall:
            within = f"{limits.stall:g} s (the body stopped)"
        else:
            return
        self.end(TryAgain(f"no reply from {self._url} within {within}", "timeout", away=True))

    def drop(self, waiting: asyncio.Future[Came]) -> None:
        """Ends the exchange that `waiting` stands for, unless it is over: the next one is not touched."""
        if self._waiting is waiting:
            self.end(None)

    def end(self, why: Came | None) -> None:
        """Closes it; an exchange under way comes to `why`, or is cancelled."""
        self.idle_until = 0.0
        if self._transport is not None:
            self._transport.abort()
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        self._over(self, False)
        if waiting.done():
            return
        if why is None:
            waiting.cancel()
        else:
            waiting.set_result(why)

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """The peer sent something."""
        if self._waiting is None:
            # Nobody asked: whatever this is, the next answer could not be told from it.
            self.end(None)
            return
        self._heard, self._begun = time.monotonic(), True
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, zlib.error):
                raise
            self._cut(f"the body cannot be unpacked ({error.__context__})")
        except httptools.HttpParserError as error:
            self._cut(f"no HTTP answer ({error})")
        except httptools.HttpParserUpgrade:
            self._cut("no HTTP answer (it changes to another protocol)")
        if self._unread > _MOST_HEADERS:
            self._headers_too_large()

    def eof_received(self) -> None:
        """The peer sends nothing more: the end of a body without a length."""
        self.idle_until = 0.0
        if self._waiting is not None and self._to_the_end:
            self.on_message_complete()

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed."""
        if self._waiting is not None and self._to_the_end and error is None:
            self.on_message_complete()
        self._cut(f"{type(error).__name__}: {error}" if error else "the connection was closed")

    # llhttp's side.

    def on_message_begin(self) -> None:
        """An answer begins; a second one that came along with the first belongs to nobody."""
        if self._waiting is None:
            self._headers = {}
            self.end(None)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the headers."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MOST_HEADERS:
            self._headers_too_large()
        key, said = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {said}" if key in self._headers else said

    def on_headers_complete(self) -> None:
        """The body follows."""
        self._unread = 0
        headers = self._headers
        length = headers.get("content-length")
        self._to_the_end = length is None and "transfer-encoding" not in headers
        if length is not None and length.isdecimal() and int(length) > self._limits.most:
            self.end(too_large(int(length), self._limits.most))
        if (packed := _ENCODINGS.get(headers.get("content-encoding", ""))) is not None:
            self._unpacking = zlib.decompressobj(packed)

    def on_body(self, piece: bytes) -> None:
        """A part of the body."""
        self._unread = 0
        if self._waiting is None:
            return
        if self._unpacking is not None:
            # One byte more than the limit is enough to see that it is passed.
            piece = self._unpacking.decompress(piece, self._limits.most + 1 - self._size)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._limits.most:
            self.end(too_large(self._size, self._limits.most))

    def on_message_complete(self) -> None:
        """The answer is whole."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            began, heard = self._began, self._heard
            self._forget(keep_parser=True)
            self._began, self._heard = began, heard
            return
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        now = self._heard
        kept = not self._to_the_end and self._parser.should_keep_alive()
        self.idle_until = now + _idle(self._headers.get("keep-alive", "")) if kept else 0.0
        if not waiting.done():
            waiting.set_result(Answer(status, self._headers, body, now - self._began))
        if not kept and self._transport is not None:
            self._transport.abort()
        self._over(self, kept)

    def _cut(self, why: str) -> None:
        self.end(TryAgain(f"{self._url}: {why}", "connection", away=True))

    def _headers_too_large(self) -> None:
        self._cut(f"headers of more than {_MOST_HEADERS:,} bytes")

    def _forget(self, *, keep_parser: bool = False) -> None:
        """Makes ready for the next answer."""
        if not keep_parser:
            self._parser = httptools.HttpResponseParser(self)
        self._headers = {}
        self._pieces: list[bytes] = []
        self._unpacking = None
        self._size = self._header_bytes = 0
        # Bytes of headers, and of whatever else is no body, since the parser last told of a whole block.
        self._unread = 0
        self._to_the_end = self._begun = False
        self._began = self._heard = 0.0


def too_large(size: int, most: int) -> Failure:
    """What comes of a body over the limit."""
    reason = f"the reply has {size:,} bytes or more, the limit is {most:,} (max_reply_bytes)"
    return Failure(reason, "malformed", retryable=False)


def notice_who_vanished(made: socket.socket) -> None:
    """Has the kernel find out a peer that vanished without a word, within minutes."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _idle(said: str) -> float:
    """Seconds for which an idle connection may be used again: less than the peer said (`Keep-Alive: timeout=5`), or than
    the shortest that servers are known for (uvicorn, and so vLLM: 5), lest a call meets a connection that is closing.
    """
    for part in said.split(","):
        name, _, value = part.partition("=")
        if name.strip().lower() == "timeout" and value.strip().isdecimal():
            return max(0.0, min(60.0, int(value) - 1.0))
    return 4.0
