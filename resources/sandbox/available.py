"""Whether this machine can run untrusted programs, and if not, why and what to do.

`Sandbox.available()` finds bubblewrap and runs one program in it, once a process; it raises nothing.
"""

from __future__ import annotations

import shutil
import sys
import threading
from dataclasses import dataclass

from resources.sandbox.box import Box, SandboxBroken
from resources.sandbox.runs import SandboxLimits, Script

_INSTALL = "install bubblewrap (Debian and Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap)"
_ALLOW = (
    "allow user namespaces to unprivileged users (sysctl kernel.unprivileged_userns_clone=1, "
    "user.max_user_namespaces > 0, kernel.apparmor_restrict_unprivileged_userns=0); in a container, run it with a "
    "seccomp profile that allows them"
)


@dataclass(frozen=True)
class Availability:
    """Whether code can be run here."""

    ok: bool
    why: str
    """What was found, in words; where it is not ok, what stands in the way."""
    fix: str
    """What to do about it; empty where it is ok."""


class Sandbox:
    """The machine's ability to run untrusted programs."""

    _known: Availability | None = None
    _asking = threading.Lock()

    @classmethod
    def available(cls) -> Availability:
        """Whether programs can be run in a sandbox here. The first call in a process tries it, in a tenth of a second."""
        with cls._asking:
            if cls._known is None:
                cls._known = _tried()
            return cls._known


def bwrap() -> str | None:
    """Path of bubblewrap; None where there is none."""
    return shutil.which("bwrap")


def _tried() -> Availability:
    """Runs one program in a sandbox of its own."""
    if not sys.platform.startswith("linux"):
        return Availability(False, f"the sandbox needs Linux, and this is {sys.platform}", "judge code on Linux")
    program = bwrap()
    if program is None:
        return Availability(False, "bubblewrap (bwrap) is not installed", _INSTALL)
    box = Box(program)
    try:
        run = box.run(Script("print(sum(map(int, input().split())))", b"40 2\n"), SandboxLimits())
    except SandboxBroken as broken:
        return Availability(False, f"bubblewrap cannot make a sandbox here: {broken}", _ALLOW)
    finally:
        box.stop()
    if run.stdout != b"42\n":
        why = run.stderr.decode(errors="replace").strip()[-200:] or f"it ended by {run.ended} {run.code}"
        return Availability(False, f"a first program did not run in the sandbox: {why}", _ALLOW)
    return Availability(True, f"bubblewrap at {program} runs programs", "")
