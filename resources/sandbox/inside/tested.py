"""The tested program's own process: puts the walls around itself, then runs the program and writes what it gave.

Order: streams, its own empty /tmp, /dev/shm and /proc, limits, another user where there is one, no privileges, the
filter of system calls; then `ready` is said on a descriptor that is closed before the first line of the program runs.
What is written to the result descriptor afterwards is written by a process that the program may have taken over, and
is believed accordingly: it holds what functions returned and examples printed, never a verdict, and nothing here knows
what is expected.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys
from contextlib import suppress
from typing import Any, NoReturn

from resources.sandbox.inside import kernel, programs, seccomp

_RESULT, _SETUP = 3, 4
_OTHER_USER = 65534
_FILTER = seccomp.program()


def begin(request: dict[str, Any], descriptors: tuple[int, int, int, int, int]) -> NoReturn:
    """Becomes the tested program. `descriptors`: stdin, stdout, stderr, result, setup. Never returns."""
    try:
        _streams(descriptors)
        os.setsid()
        _mount(request["limits"])
        os.chdir("/tmp")
        _limit(request["limits"])
        _alone()
        os.write(_SETUP, b"ready")
    except BaseException as error:
        os.write(_SETUP, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    os.close(_SETUP)
    programs.run(request["program"], _RESULT)


def _streams(descriptors: tuple[int, ...]) -> None:
    """Descriptors 0 to 4, and no other."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100) for descriptor in descriptors]
    for wanted, descriptor in enumerate(high):
        os.dup2(descriptor, wanted)
    os.closerange(len(high), 1 << 20)


def _mount(limits: dict[str, Any]) -> None:
    """Empty file systems for this test alone."""
    kernel.unshare(kernel.NEW_MOUNTS)
    size = int(limits["tmp_mb"])
    kernel.mount("tmpfs", "/tmp", f"size={size}m,nr_inodes={size * 64},mode=1777", executable=True)
    kernel.mount("tmpfs", "/dev/shm", "size=8m,nr_inodes=256,mode=1777")
    kernel.mount("proc", "/proc", "hidepid=2,subset=pid")


def _limit(limits: dict[str, Any]) -> None:
    memory = int(limits["memory_mb"]) * 1024 * 1024
    seconds = int(float(limits["seconds"])) + 1
    processes = int(limits["processes"]) + (0 if os.geteuid() == 0 else 1)  # the server is of the same user
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, int(limits["file_mb"]) * 1024 * 1024),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_NOFILE, int(limits["files"])),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _alone() -> None:
    """Another user where the sandbox has one; no capabilities; only harmless system calls."""
    kernel.forgo_privileges()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_OTHER_USER, _OTHER_USER, _OTHER_USER)
        os.setresuid(_OTHER_USER, _OTHER_USER, _OTHER_USER)
    kernel.drop_capabilities()
    with suppress(ValueError):
        sys.path.remove("/judge")
    if _FILTER is not None:
        kernel.filter_calls(_FILTER)
