"""A server of one model on this machine: started, waited for, watched, stopped with all its children.

Contract: `Server.start` returns when the server is healthy and serves the asked model, on a free port of the loopback,
under a key that nobody else has. It cannot outlive this process, however that ends (`guardian`). `stop` may be called
twice and from a signal handler's exception. The log lies under `<OT_HOME>/serving/logs` and holds no key.

How it fails: `UserError` with the cause, what to do and the end of the log: no such program, dead at start, not healthy
within `start_seconds`, another model under that name. A port that somebody took meanwhile is no failure: another is tried.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from resources.errors import UserError
from resources.home import Home
from resources.serving.causes import explain, port_was_taken, read_tail, shown
from resources.serving.command import HOST, ServePlan

log = logging.getLogger(__name__)

_PORT_TRIES = 3
_FIRST_LOOK, _LONGEST_LOOK = 0.1, 1.0
_STRANGER_SECONDS = 5.0
_TELL_EVERY = 60.0
_LOGS_KEPT = 20
# The server's loopback is never behind the proxy that the environment may name.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server:
    """A running server. `url` is its OpenAI-compatible root (`.../v1`), `secret` the key that it wants."""

    def __init__(
        self, plan: ServePlan, process: subprocess.Popen[bytes], port: int, secret: str, log_file: Path
    ) -> None:
        self.plan, self.port, self.secret, self.log_file = plan, port, secret, log_file
        self.url = f"http://{HOST}:{port}/v1"
        self._process = process

    @classmethod
    def start(cls, plan: ServePlan, *, home: Home | None = None) -> Server:
        """A healthy server of the plan's model. Takes from seconds to many minutes; Ctrl-C ends it."""
        folder = (home or Home.from_env()).serving / "logs"
        for tries in range(1, _PORT_TRIES + 1):
            server = cls._launch(plan, folder)
            try:
                server._wait_until_ready()
                return server
            except _PortTaken:
                if tries == _PORT_TRIES:
                    raise UserError(
                        f"model {plan.key}: {tries} ports were taken by others as its server started",
                        fix="run again",
                    ) from None
            except BaseException:
                server.stop()
                raise
        raise AssertionError("unreachable")

    @property
    def pid(self) -> int:
        """Process id of the guardian; the server is its child."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def why_dead(self) -> tuple[str, str]:
        """Cause and what to do, for a server that ended; the cause with the end of its log."""
        text = read_tail(self.log_file)
        what, fix = explain(text, self._process.poll())
        return f"{what}; the end of {self.log_file}:\n{shown(text, self.secret)}", fix

    def stop(self) -> None:
        """Ends the server and everything that it started; returns when they are gone."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # the guardian's sign to end it all
        self._process.wait()

    @classmethod
    def _launch(cls, plan: ServePlan, folder: Path) -> Server:
        port, secret = _free_port(), secrets.token_urlsafe(32)
        command = plan.command(port)
        log_file = _new_log(folder, plan.key, command)
        guardian = Path(__file__).with_name("guardian.py")
        with log_file.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(guardian), str(os.getpid()), str(plan.options.stop_seconds), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=plan.environment(secret),
                start_new_session=True,
            )
        log.warning("starting %s for %s; its log: %s", plan.options.server, plan.key, log_file)
        return cls(plan, process, port, secret, log_file)

    def _wait_until_ready(self) -> None:
        began, told = time.monotonic(), time.monotonic()
        pause, stranger_since = _FIRST_LOOK, None
        while True:
            if not self.alive():
                self._raise_dead()
            faults = serving_fault(self.url, self.secret, self.plan)
            if faults is None:
                return
            now = time.monotonic()
            if faults:  # something answers, and it is not what was asked for: ours, or a stranger on our port
                stranger_since = stranger_since or now
                if now - stranger_since > _STRANGER_SECONDS:
                    raise UserError(f"model {self.plan.key}: {faults}", fix="correct model, or serve.command")
            if now - began > self.plan.options.start_seconds:
                self._raise_late()
            if now - told > _TELL_EVERY:
                told = now
                log.warning("%s for %s starts since %.0f s", self.plan.options.server, self.plan.key, now - began)
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK)

    def _raise_dead(self) -> None:
        if port_was_taken(read_tail(self.log_file)):
            raise _PortTaken
        what, fix = self.why_dead()
        raise UserError(f"model {self.plan.key}: its server died as it started: {what}", fix=fix)

    def _raise_late(self) -> None:
        raise UserError(
            f"model {self.plan.key}: its server was not healthy after {self.plan.options.start_seconds:g} s; "
            f"the end of {self.log_file}:\n{shown(read_tail(self.log_file), self.secret)}",
            fix="raise serve.start_seconds if it was still loading, else see the log",
        )


class _PortTaken(Exception):
    """Another program took the port between our choice and the server's start."""


def serving_fault(url: str, secret: str, plan: ServePlan, *, timeout: float = 5.0) -> str | None:
    """None when the server is healthy and serves the plan's model; the empty string while nothing answers; otherwise what
    is wrong with what answers.
    """
    if _get(url.removesuffix("/v1") + "/health", secret, timeout)[0] != 200:
        return ""
    status, body = _get(f"{url}/models", secret, timeout)
    if status in (401, 403):
        return f"what answers at {url} refuses the key of our server: it is not ours"
    try:
        served = {str(model["id"]): model.get("root") for model in json.loads(body)["data"]}
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"what answers at {url}/models (HTTP {status}) is no list of models"
    if plan.name not in served:
        return f"its server serves {', '.join(sorted(served)) or 'nothing'}, not {plan.name}"
    root = served[plan.name]
    if isinstance(root, str) and root.startswith("/") and plan.weights.startswith("/") and root != plan.weights:
        return f"its server calls other weights {plan.name}: {root}, not {plan.weights}"
    return None


def _get(url: str, secret: str, timeout: float) -> tuple[int, bytes]:
    """Status and body; status 0 when nothing answers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {secret}"})
    try:
        with _DIRECT.open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except (OSError, ValueError):
        return 0, b""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _new_log(folder: Path, key: str, command: list[str]) -> Path:
    """An empty log that begins with the command; the oldest of many are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime)[:-_LOGS_KEPT]:
        old.unlink(missing_ok=True)
    file = folder / f"{key}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}.log"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"$ {shlex.join(command)}\n")
    return file
