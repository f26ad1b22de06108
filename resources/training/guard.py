"""Starts a command that dies with its parent: `python -m resources.training.guard PARENT_PID COMMAND...`.

A killed parent (kill -9, a lost worker) cannot stop its children itself, and a training that nobody waits for would
keep the machine busy and write into a work folder that the next run uses. The kernel does it: the wish to die with
the parent is set here and survives the exec of the command. Only Linux has it; elsewhere the command runs without.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Asks the kernel to kill this process when the thread that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> None:
    """Becomes the command, unless the parent is gone already."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    die_with_parent()
    if os.getppid() != parent:  # it died before the wish was known
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
