"""A lean chat endpoint on loopback, in a process of its own: hand-written HTTP over an asyncio Protocol.

    python benchmarks/transport_server.py --seconds 0.05 [--faults SEED] [--counts FILE]

It prints its port. Every answer comes `seconds` after its request. With --faults 5 % of the calls get 429, 2 % 500, 1 % are
dropped, 1 % answered with half a body, 0.5 % never. With --counts each answered prompt is a line of FILE (`half ...` if
malformed), written before the answer leaves, so that whoever was killed can be compared with what it was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
from typing import Any

WORDS = " ".join(f"word{n}" for n in range(60))
FAULTS = ((0.05, "429"), (0.07, "500"), (0.08, "drop"), (0.09, "half"), (0.095, "hang"))


class Chat(asyncio.Protocol):
    def __init__(self, seconds: float, draw: random.Random | None, counts: int | None) -> None:
        self.seconds, self.draw, self.counts = seconds, draw, counts
        self.buffer = b""
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if head.startswith(b"get"):
                self.send(404, b"{}")
            else:
                self.loop.call_later(self.seconds, self.answer, body)

    def answer(self, body: bytes) -> None:
        if self.transport.is_closing():
            return
        kind = self.fault()
        if kind == "drop":
            self.transport.abort()
        elif kind == "429":
            self.send(429, b'{"error":{"message":"slow down","code":429}}')
        elif kind == "500":
            self.send(500, b'{"error":{"message":"oops","code":500}}')
        elif kind != "hang":
            said = body[body.rfind(b'"content":"') + 11 :].split(b'"', 1)[0].decode()
            if self.counts is not None:
                os.write(self.counts, (f"{kind} {said}".strip() + "\n").encode())
            reply = chat_reply(said)
            self.send(200, reply[: len(reply) // 2] if kind == "half" else reply)

    def fault(self) -> str:
        if self.draw is None:
            return ""
        at = self.draw.random()
        return next((kind for limit, kind in FAULTS if at < limit), "")

    def send(self, status: int, body: bytes) -> None:
        self.transport.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n" % status)
        self.transport.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def chat_reply(said: str) -> bytes:
    text = json.dumps(f"you said {said}: {WORDS}")
    return (
        '{"id":"c","object":"chat.completion","model":"org/Teacher","choices":[{"index":0,"message":{"role":"assistant",'
        f'"content":{text}}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":12,"completion_tokens":60}}}}'
    ).encode()


async def serve(arguments: argparse.Namespace) -> None:
    draw = random.Random(arguments.faults) if arguments.faults is not None else None
    counts = os.open(arguments.counts, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if arguments.counts else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Chat(arguments.seconds, draw, counts), "127.0.0.1", arguments.port, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # It ends with whoever started it: their end of stdin closes.
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--faults", type=int)
    parser.add_argument("--counts")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))
