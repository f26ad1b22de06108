"""A real HTTP server on loopback that speaks chat completions, and misbehaves when told to."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from resources.generation.reply import completion_payload


@dataclass
class Act:
    """What the server does with one call. `body` None sends an ordinary reply; `stall` is a pause within it."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    stall: float = 0.0
    cut: bool = False
    drop: bool = False


@dataclass
class Call:
    """One call as the server saw it."""

    at: float
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        said: str = self.body["messages"][-1]["content"]
        return said


def error(status: int, message: str, **headers: str) -> Act:
    return Act(status, json.dumps({"error": {"message": message, "code": status}}).encode(), headers)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *arguments: Any) -> None:
        self.connections: list[socket.socket] = []
        super().__init__(*arguments)

    def get_request(self) -> Any:
        request, address = super().get_request()
        self.connections.append(request)
        return request, address

    def handle_error(self, *_: object) -> None:
        """A client that went away is part of the tests."""


class Endpoint:
    """`behave(call, n)` says what to do with a call, n counting the calls of that text from 0."""

    def __init__(self, behave: Callable[[Call, int], Act] = lambda call, n: Act()) -> None:
        self.behave = behave
        self.calls: list[Call] = []
        self.models: bytes | None = None
        """What `GET /v1/models` answers; None: there is no such page."""
        self.running = self.most = 0
        self._times: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def drop_all(self) -> None:
        """Cuts all connections, as the end of its process would."""
        for connection in self._server.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _handler(endpoint) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                content = endpoint.models or b""
                self.send_response(404 if endpoint.models is None else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                call = Call(time.monotonic(), {k.lower(): v for k, v in self.headers.items()}, body)
                with endpoint._lock:
                    endpoint.calls.append(call)
                    times = endpoint._times[call.text] = endpoint._times.get(call.text, -1) + 1
                    endpoint.running += 1
                    endpoint.most = max(endpoint.most, endpoint.running)
                try:
                    self.act(call, endpoint.behave(call, times))
                finally:
                    with endpoint._lock:
                        endpoint.running -= 1

            def act(self, call: Call, act: Act) -> None:
                time.sleep(act.seconds)
                if act.drop:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                content = act.body if act.body is not None else reply(call)
                self.send_response(act.status)
                for name, value in act.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if act.stall:
                    self.wfile.write(content[:10])
                    time.sleep(act.stall)
                    content = content[10:]
                self.wfile.write(content[: len(content) // 2] if act.cut else content)
                self.close_connection = act.cut

            def log_message(self, *_: object) -> None:
                return

        return Handler


def reply(call: Call) -> bytes:
    return completion_payload(
        f"you said {call.text}",
        reasoning="because",
        finish_reason="stop",
        prompt_tokens=len(call.text.split()),
        completion_tokens=5,
        model=call.body["model"],
    )


def closed_port() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
