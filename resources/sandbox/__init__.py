"""Where programs that nobody trusts are run: bubblewrap, with a warm server that forks a guarded process a test.

`Sandbox.available()` says whether this machine can, `SandboxPool.run` runs one program and says what came of it. The
expected results of a test never enter: what comes out is compared outside, so a program has no verdict to forge.

The walls: user, process, network, mount, IPC, host name and cgroup namespaces; a file system of the system's own
programs and the interpreter, read-only, with nothing of the project, no home, no /etc, an empty environment; for every
test its own process namespace, its own empty /tmp with a size, limits on time, memory, processes, files and output, no
capabilities, no new privileges, and a filter of system calls. Linux only; kernel 5.14 or newer.
"""

from resources.sandbox.available import Availability, Sandbox
from resources.sandbox.box import SandboxBroken
from resources.sandbox.pool import SandboxPool
from resources.sandbox.runs import Doctests, Ended, Function, Program, Run, SandboxLimits, Script

__all__ = [
    "Availability",
    "Doctests",
    "Ended",
    "Function",
    "Program",
    "Run",
    "Sandbox",
    "SandboxBroken",
    "SandboxLimits",
    "SandboxPool",
    "Script",
]
