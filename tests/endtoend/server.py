"""An OpenAI-compatible endpoint on loopback that answers sums, counts what it is asked, and fails as it is told to."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any]]


@dataclass
class Endpoint:
    """What the server was asked, and how it behaves. Change `behaviour` at any time."""

    port: int = 0
    seconds: float = 0.0
    behaviour: Callable[[dict[str, Any]], Answer | None] = lambda body: None
    """Returns a status and body to send instead of the right answer, or None."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    keys_seen: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def forget(self) -> None:
        with self.lock:
            self.bodies.clear()
            self.answered.clear()

    def times_answered(self) -> Counter[str]:
        """Each different request body, with how often it was answered well."""
        with self.lock:
            return Counter(json.dumps(body, sort_keys=True) for body in self.answered)

    def prompts(self) -> list[str]:
        with self.lock:
            return [body["messages"][-1]["content"] for body in self.bodies]


def completion(text: str, model: str) -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
    }


def solve(prompt: str, seed: int | None) -> str:
    """Right for most sums, wrong for every fifth, always the same for the same request."""
    found = re.search(r"(-?\d+) \+ (\d+)", prompt)
    if not found:
        return "<think>I see no sum.</think>\n\nI do not know."
    a, b = int(found[1]), int(found[2])
    total = a + b + (1 if (a * 7 + b * 3 + (seed or 0)) % 5 == 0 else 0)
    return f"<think>{a} and {b} make {total}.</think>\n\nThe answer is \\boxed{{{total}}}."


@contextmanager
def endpoint(port: int = 0) -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with state.lock:
                state.bodies.append(body)
                state.keys_seen.add(self.headers.get("authorization", ""))
            if state.seconds:
                time.sleep(state.seconds)
            status, said = state.behaviour(body) or (200, None)
            if said is None:
                said = completion(solve(body["messages"][-1]["content"], body.get("seed")), body["model"])
            data = json.dumps(said).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                self.wfile.flush()
            except OSError:  # whoever asked is gone
                return
            if status == 200:
                with state.lock:
                    state.answered.append(body)

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", port), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
