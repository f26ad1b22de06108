"""A real HTTP server on loopback that speaks OpenAI's batch protocol (files, batches, results), and misbehaves when told to."""

from __future__ import annotations

import email.parser
import email.policy
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from resources.generation.reply import completion_payload
from tests.resources.generation.endpoint import Server

Line = dict[str, Any]


def answered(custom_id: str, body: Line) -> Line:
    said = body["messages"][-1]["content"]
    payload = completion_payload(
        f"you said {said}",
        reasoning=None,
        finish_reason="stop",
        prompt_tokens=2,
        completion_tokens=5,
        model=body["model"],
    )
    return result(custom_id, 200, json.loads(payload))


def result(custom_id: str, status: int, body: Any) -> Line:
    return {"custom_id": custom_id, "response": {"status_code": status, "request_id": "r", "body": body}, "error": None}


def refused(custom_id: str, status: int, message: str) -> Line:
    return result(custom_id, status, {"error": {"message": message, "code": None}})


def not_asked(custom_id: str, code: str) -> Line:
    return {
        "custom_id": custom_id,
        "response": None,
        "error": {"code": code, "message": "This request was not executed."},
    }


@dataclass
class Batch:
    """`looks` are how often it must be looked at before it has ended with `final`."""

    id: str
    input_file_id: str
    metadata: dict[str, str]
    output: list[Line]
    errors: list[Line]
    final: str
    looks: int
    faults: list[dict[str, Any]] = field(default_factory=list)
    created_at: int = field(default_factory=lambda: int(time.time()))
    files: dict[str, str] = field(default_factory=dict)


@dataclass
class Act:
    """One act of a client, as the server saw it, and what the test wants of it besides: `status` answers so instead,
    `drop_after` does it and says nothing, `kill_before`/`kill_after` end the client's process.
    """

    method: str
    path: str
    number: int
    headers: dict[str, str]
    status: int | None = None
    retry_after: str | None = None
    drop_after: bool = False
    kill_before: bool = False
    kill_after: bool = False
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """`upload`, `create`, `list`, `get`, `content`, `delete`, `cancel`."""
        parts = self.path.strip("/").split("/")
        if self.method == "DELETE":
            return "delete"
        if self.method == "POST":
            return {"files": "upload", "batches": "create"}.get(parts[-1], parts[-1])
        return "content" if parts[-1] == "content" else "get" if len(parts) == 3 else "list"


class BatchServer:
    """`line(custom_id, body, n)` is what comes of a request submitted for the n-th time (from 0). `meddle(act)` may change
    an act. `paid` counts how often each request was answered by the model.
    """

    def __init__(
        self,
        line: Callable[[str, Line, int], Line] = lambda key, body, n: answered(key, body),
        *,
        final: Callable[[int], str] = lambda n: "completed",
        meddle: Callable[[Act], None] = lambda act: None,
        looks: int = 2,
        page: int = 100,
    ) -> None:
        self.line, self.final, self.meddle, self.looks, self.page = line, final, meddle, looks, page
        self.files: dict[str, bytes] = {}
        self.batches: list[Batch] = []
        self.paid: Counter[str] = Counter()
        self.submitted: Counter[str] = Counter()
        self.acts: list[Act] = []
        self.client: int | None = None
        self.damage: Callable[[bytes], bytes] = lambda content: content
        self.faults: list[dict[str, Any]] = [{"code": "invalid_json_line", "message": "line 3 is no JSON", "line": 3}]
        self._lock = threading.RLock()
        self._server = Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> BatchServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def names(self) -> list[str]:
        return [act.name for act in self.acts]

    def upload(self, content: bytes) -> Line:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return {"id": name, "object": "file", "bytes": len(content), "purpose": "batch"}

    def create(self, asked: Line) -> tuple[int, Line]:
        assert asked["endpoint"] == "/v1/chat/completions"
        assert asked["completion_window"] == "24h"
        content = self.files.get(asked["input_file_id"])
        if content is None:
            return 400, {"error": {"message": f"no file {asked['input_file_id']}"}}
        number = len(self.batches)
        batch = Batch(
            f"batch-{number}",
            asked["input_file_id"],
            asked.get("metadata") or {},
            [],
            [],
            self.final(number),
            self.looks,
        )
        self.batches.append(batch)
        if batch.final == "failed":
            batch.faults = self.faults
            return 200, self.describe(batch)
        seen: set[str] = set()
        for text in content.splitlines():
            request = json.loads(text)
            key = request["custom_id"]
            assert key not in seen
            seen.add(key)
            assert (request["method"], request["url"]) == ("POST", "/v1/chat/completions")
            line = self.line(key, request["body"], self.submitted[key])
            self.submitted[key] += 1
            good = line.get("response") is not None and line["response"]["status_code"] == 200
            self.paid[key] += good
            if line:
                (batch.output if good else batch.errors).append(line)
        return 200, self.describe(batch)

    def describe(self, batch: Batch) -> Line:
        ended = batch.looks <= 0
        if ended and not batch.files:
            for kind, lines in (("output", batch.output), ("error", batch.errors)):
                if lines:
                    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
                    batch.files[kind] = self.upload(content)["id"]
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "status": batch.final if ended else "in_progress",
            "input_file_id": batch.input_file_id,
            "output_file_id": batch.files.get("output"),
            "error_file_id": batch.files.get("error"),
            "created_at": batch.created_at,
            "metadata": batch.metadata,
            "errors": {"object": "list", "data": batch.faults} if ended and batch.faults else None,
            "request_counts": {"total": len(batch.output), "completed": len(batch.output), "failed": len(batch.errors)},
        }

    def answer(self, act: Act, content: bytes, query: dict[str, list[str]]) -> tuple[int, bytes]:
        with self._lock:
            parts = act.path.strip("/").split("/")
            if act.name == "content":
                found = self.files.get(parts[2])
                return (404, b"{}") if found is None else (200, self.damage(found))
            status, said = self._say(act, parts, content, query)
            return status, json.dumps(said).encode()

    def _say(self, act: Act, parts: list[str], content: bytes, query: dict[str, list[str]]) -> tuple[int, Line]:
        if act.name == "upload":
            return 200, self.upload(_file_of(act, content))
        if act.name == "create":
            return self.create(json.loads(content))
        if act.name == "delete":
            return (200, {"id": parts[2], "deleted": True}) if self.files.pop(parts[2], None) else (404, {"error": {}})
        if act.name == "list":
            batches = self.batches[::-1]
            if "after" in query:
                at = next(n for n, batch in enumerate(batches) if batch.id == query["after"][0])
                batches = batches[at + 1 :]
            page = batches[: self.page]
            return 200, {"data": [self.describe(batch) for batch in page], "has_more": len(batches) > len(page)}
        found = next((batch for batch in self.batches if batch.id == parts[2]), None)
        if found is None:
            return 404, {"error": {"message": "no such batch"}}
        if act.name == "cancel":
            found.final, found.looks = "cancelled", 0
        found.looks -= 1
        return 200, self.describe(found)

    def _kill(self) -> None:
        assert self.client is not None
        os.kill(self.client, signal.SIGKILL)

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.act(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self.chunks())

            def do_GET(self) -> None:
                self.act(b"")

            def do_DELETE(self) -> None:
                self.act(b"")

            def chunks(self) -> bytes:
                content = b""
                while self.headers.get("Transfer-Encoding") == "chunked":
                    size = int(self.rfile.readline(), 16)
                    content += self.rfile.read(size)
                    self.rfile.readline()
                    if not size:
                        break
                return content

            def act(self, content: bytes) -> None:
                where = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                with server._lock:
                    act = Act(self.command, where.path, len(server.acts), headers)
                    server.acts.append(act)
                    server.meddle(act)
                time.sleep(act.seconds)
                if act.kill_before:
                    server._kill()
                status, said = act.status or 0, b'{"error": {"message": "as the test wants"}}'
                if act.status is None:
                    status, said = server.answer(act, content, parse_qs(where.query))
                if act.kill_after:
                    server._kill()
                if act.drop_after or act.kill_after or act.kill_before:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(status)
                if act.retry_after:
                    self.send_header("Retry-After", act.retry_after)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                return

        return Handler


def _file_of(act: Act, content: bytes) -> bytes:
    """The file in a multipart form, whose purpose must be batch."""
    head = f"Content-Type: {act.headers['content-type']}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
    parts: dict[Any, Any] = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}  # type: ignore[attr-defined]
    assert parts["purpose"].get_payload(decode=True) == b"batch"
    assert parts["file"].get_filename().endswith(".jsonl")
    found = parts["file"].get_payload(decode=True)
    assert isinstance(found, bytes)
    return found
