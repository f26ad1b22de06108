"""A stand-in for `vllm serve`: its command line, /health, /v1/models and /v1/chat/completions, and its ways to die.

It stands where a GPU would be. How it behaves is in FAKE_BEHAVIOUR, a JSON object: `slow` (seconds until healthy), `die`
(text for the log, then exit 1 at once), `die_at_start` (the number of the start that does so), `port_taken` (the first
start finds its port taken), `die_after` (replies, then death for want of memory, in the first `deaths` starts), `serve_as`
(another model's name), `stubborn` (ignores SIGTERM), `children` (forks one that stays in the group and one that calls
setsid and forks again), `refuse_seed` (dies when a request has a seed), `seconds` (of each answer). Starts, children and
answered requests are noted in the files FAKE_COUNTER, FAKE_PIDS and FAKE_ASKED.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOW: dict[str, Any] = json.loads(os.environ.get("FAKE_BEHAVIOUR", "{}"))
BORN = time.monotonic()
ANSWERED = 0
LOCK = threading.Lock()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    given, rest = parser.parse_known_args()
    print("started with", rest, "pid", os.getpid(), flush=True)
    starts = count_start()
    if "die" in HOW:
        sys.exit(HOW["die"])
    if HOW.get("die_at_start") == starts:
        sys.exit("Segmentation fault")
    if HOW.get("port_taken") and starts == 1:
        sys.exit("OSError: [Errno 98] error while attempting to bind on address: address already in use")
    if HOW.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if HOW.get("children"):
        have_children()
    server = ThreadingHTTPServer((given.host, given.port), handler(given, starts))
    server.daemon_threads = True
    server.serve_forever()


def count_start() -> int:
    """How often this stand-in was started, this time included."""
    counter = Path(os.environ["FAKE_COUNTER"])
    with counter.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return len(counter.read_text().splitlines())


def note_pid(pid: int) -> None:
    with Path(os.environ["FAKE_PIDS"]).open("a") as file:
        file.write(f"{pid}\n")


def have_children() -> None:
    """One child in the group, and one that daemonises: a session of its own, and its parent gone."""
    if os.fork() == 0:
        idle()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        idle()


def idle() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note_pid(os.getpid())
    while True:
        time.sleep(60)


def handler(given: argparse.Namespace, starts: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/health":
                self.send(200 if time.monotonic() - BORN >= HOW.get("slow", 0) else 503, {})
            elif self.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
                self.send(401, {"error": "Unauthorized"})
            else:
                served = HOW.get("serve_as", given.served_model_name)
                self.send(200, {"object": "list", "data": [{"id": served, "root": given.model}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
                self.send(401, {"error": "Unauthorized"})
                return
            if HOW.get("refuse_seed") and "seed" in body:
                die("RuntimeError: CPU Generator does not use offset")
            time.sleep(HOW.get("seconds", 0))
            self.answer(body)

        def answer(self, body: dict[str, Any]) -> None:
            global ANSWERED
            said = body["messages"][-1]["content"]
            message = {"role": "assistant", "content": f"you said {said}"}
            usage = {"prompt_tokens": 3, "completion_tokens": 4}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            reply = {"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}
            with LOCK:  # what is noted as answered was sent, wherever the others die
                if starts <= HOW.get("deaths", 1) and HOW.get("die_after", 10**9) <= ANSWERED:
                    die("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")
                ANSWERED += 1
                with Path(os.environ["FAKE_ASKED"]).open("a") as file:
                    file.write(said + "\n")
                self.send(200, reply)

        def send(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler


def die(why: str) -> None:
    print(why, file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    main()
