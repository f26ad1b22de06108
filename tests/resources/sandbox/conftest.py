"""Sandboxes for tests, in both forms: with a user of its own for the program (where we are root) and with one user for all."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.sandbox import Run, Sandbox, SandboxLimits, SandboxPool, Script

LIMITS = SandboxLimits(seconds=8, memory_mb=256, processes=16, file_mb=4, tmp_mb=8, output_kb=64)


def needs_sandbox() -> None:
    """Skips where programs cannot be run."""
    able = Sandbox.available()
    if not able.ok:
        pytest.skip(f"no sandbox here: {able.why}")


@dataclass
class Target:
    """A sandbox, and what of the host an attack would like to reach."""

    pool: SandboxPool
    secret: str
    file: Path
    """Holds the secret."""
    port: int
    """A server listens there, on the loopback."""
    abstract: str
    """A server listens on the unix socket of that abstract name."""
    unlimited: bool
    """Whether the kernel counts no processes here: tested programs run as root's own user."""

    def run(self, source: str, limits: SandboxLimits = LIMITS, stdin: bytes = b"") -> Run:
        return self.pool.run(Script(source, stdin), limits)

    def server(self) -> int:
        """The process in which the sandbox lives; another one after it had to be replaced."""
        process = self.pool._all[0]._process
        assert process is not None
        return process.pid


@pytest.fixture(scope="module", params=["two users", "one user"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    needs_sandbox()
    if request.param == "two users" and os.geteuid() != 0:
        pytest.skip("only root can give tested programs a user of their own")
    secret = f"secret-{secrets.token_hex(8)}"
    file = tmp_path_factory.mktemp("host") / "secret.txt"
    file.write_text(secret)
    unlimited = request.param == "one user" and os.geteuid() == 0
    name = f"host-{secrets.token_hex(8)}"
    patch = pytest.MonkeyPatch()
    patch.setenv("OT_TEST_SECRET", secret)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as unix,
        SandboxPool(1, LIMITS) as pool,
    ):
        unix.bind(f"\0{name}")
        unix.listen()
        if request.param == "one user":
            patch.setattr("resources.sandbox.box.os.geteuid", lambda: 1000)
        pool.warm()
        patch.undo()
        yield Target(pool, secret, file, server.getsockname()[1], name, unlimited)
