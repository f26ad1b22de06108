"""One sandbox: a bubblewrap process with the server in it, asked for one run at a time, replaced when it breaks.

`Box.run` gives a `Run` whatever the program does. `SandboxBroken` is raised where the sandbox itself cannot be
started or twice did not answer: that is never the program's fault. Used by one thread at a time; `kill` may come from
another.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from resources.sandbox.command import command
from resources.sandbox.inside import wire
from resources.sandbox.runs import Program, Run, SandboxLimits, read_run, request

_START_SECONDS = 30.0
_GRACE_SECONDS = 10.0
_PATIENCE = 3
"""As inside: how many times its wall time a program may get on a busy machine."""
_OTHER_USER = 65534
_FAR_USER = 2_065_534_000
"""Where root starts the sandbox, tested programs run as this user of the machine, who owns nothing."""

Start = Callable[[Callable[[], subprocess.Popen[bytes]]], subprocess.Popen[bytes]]
"""Calls a function in a thread that lives as long as the sandbox is to: it dies with the thread that started it."""


class SandboxBroken(Exception):
    """The sandbox itself failed; its words say how."""


class Box:
    """A sandbox, started when first asked."""

    def __init__(self, bwrap: str, start: Start = lambda make: make()) -> None:
        self._bwrap = bwrap
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._closed = False

    def run(self, program: Program, limits: SandboxLimits) -> Run:
        """Runs one program."""
        for attempt in (1, 2):
            self.warm()
            try:
                return self._asked(program, limits)
            except (EOFError, OSError, ValueError, TimeoutError) as error:
                said = self._last_words(error)
                self.stop()
                if attempt == 2 or self._closed:
                    raise SandboxBroken(f"the sandbox did not answer: {said}") from error
        raise AssertionError("unreachable")

    def warm(self) -> None:
        """Starts the server where it does not run, and waits until it is ready."""
        if self._closed:
            raise SandboxBroken("the sandbox was closed")
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = self._start(self._made)
            self._answer(time.monotonic() + _START_SECONDS)
        except (EOFError, OSError, ValueError, TimeoutError) as error:
            said = self._last_words(error)
            self.stop()
            raise SandboxBroken(f"the sandbox does not start: {said}") from error

    def kill(self, *, closing: bool = False) -> None:
        """Ends the sandbox and everything in it."""
        self._closed = self._closed or closing
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """Ends the sandbox, waits for its end and forgets it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            process.wait()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _asked(self, program: Program, limits: SandboxLimits) -> Run:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        nonce = secrets.token_hex(16)
        data = wire.pack(request(program, limits, nonce))
        wire.send(process.stdin.fileno(), data)
        answer = self._answer(time.monotonic() + _PATIENCE * limits.seconds + _GRACE_SECONDS)
        if answer.get("nonce") != nonce:
            raise ValueError("the answer belongs to another request")
        if answer["ended"] == "broken":
            raise OSError(str(answer.get("why")))
        return read_run(answer)

    def _answer(self, deadline: float) -> dict[str, Any]:
        """The server's next message. TimeoutError where none begins before the deadline."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        waiting = select.poll()
        waiting.register(process.stdout, select.POLLIN)
        if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError("no answer in time")
        return wire.receive(process.stdout.fileno())

    def _made(self) -> subprocess.Popen[bytes]:
        """Starts bubblewrap; where we are root, with a second user for the tested programs."""
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._stderr}
        if os.geteuid() != 0:
            return subprocess.Popen(command(self._bwrap), bufsize=0, **pipes)
        mapped, told = os.pipe(), os.pipe()
        try:
            line = command(self._bwrap, mapped=mapped[0], info=told[1])
            process = subprocess.Popen(line, bufsize=0, pass_fds=(mapped[0], told[1]), **pipes)
            os.close(told[1])
            told = (told[0], -1)
            _map_users(told[0])
            os.write(mapped[1], b"1")
            return process
        finally:
            for descriptor in (*mapped, *told):
                if descriptor >= 0:
                    os.close(descriptor)

    def _last_words(self, error: BaseException) -> str:
        """What the sandbox wrote to its standard error, else the error itself."""
        said = ""
        if self._stderr is not None:
            with suppress(OSError):
                self._stderr.seek(0)
                said = self._stderr.read(2000).decode(errors="replace").strip()
        return said or str(error) or type(error).__name__


def _map_users(told: int) -> None:
    """Gives the sandbox's user namespace two users: its own root (us), and one who owns nothing anywhere."""
    text = b""
    while chunk := os.read(told, 4096):
        text += chunk
        if b"}" in text:
            break
    if not text.strip():
        raise OSError("bubblewrap ended before it had a user namespace")
    process = Path("/proc") / str(json.loads(text)["child-pid"])
    for file in ("uid_map", "gid_map"):
        (process / file).write_text(f"0 0 1\n{_OTHER_USER} {_FAR_USER} 1\n")
