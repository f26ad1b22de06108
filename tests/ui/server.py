"""`ot ui` as a user starts it: over a state folder, with a registry of its own, in a process that Ctrl-C ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.demo.home import DemoHome

_STARTS_WITHIN = 180.0
_ENDS_WITHIN = 90.0


@dataclass
class UiServer:
    """The server, what it looks at, and every process that was ever seen below it."""

    home: DemoHome
    registry: Path
    log: Path
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | None = None
    below: set[psutil.Process] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        env = self.home.env | {"OT_REGISTRY": str(self.registry)}
        env.pop("DAGSTER_HOME", None)
        command = [sys.executable, "-m", "ot_assets.cli", "ui", "--port", str(self.port)]
        with self.log.open("ab") as out:
            # A test run in the background ignores SIGINT, and a child inherits that: a user's shell does not do so.
            self.process = subprocess.Popen(
                command,
                env=env,
                stdout=out,
                stderr=out,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        self._wait_until_it_answers()

    def stop(self) -> list[str]:
        """Ctrl-C; the command lines of processes that outlive it (and are ended then)."""
        if self.process is None:
            return []
        self.look()
        self.process.send_signal(signal.SIGINT)
        _, alive = psutil.wait_procs(self.below, timeout=_ENDS_WITHIN)
        left = [said for process in alive if (said := _command(process))]
        for process in alive:
            process.kill()
        self.process.wait(_ENDS_WITHIN)
        self.process = None
        return left

    def look(self) -> set[psutil.Process]:
        """All processes of the server; remembers them."""
        assert self.process is not None
        root = psutil.Process(self.process.pid)
        now = {root, *root.children(recursive=True)}
        self.below |= now
        return now

    def listens_at(self) -> set[str]:
        """Addresses at which its processes take connections from the network."""
        found = set()
        for process in self.look():
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    found.add(f"{connection.laddr.ip}:{connection.laddr.port}")
        return found

    def talks_to(self) -> set[str]:
        """Hosts that its processes are connected to."""
        return {
            connection.raddr.ip
            for process in self.look()
            for connection in process.net_connections(kind="inet")
            if connection.raddr
        }

    def _wait_until_it_answers(self) -> None:
        assert self.process is not None
        until = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                with urllib.request.urlopen(f"{self.url}/server_info", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise AssertionError(f"no answer within {_STARTS_WITHIN} s: {self.log.read_text()[-3000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(process: psutil.Process) -> str:
    """Its command line, or nothing if it has ended meanwhile."""
    try:
        return " ".join(process.cmdline()[:6]) if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.NoSuchProcess:
        return ""
