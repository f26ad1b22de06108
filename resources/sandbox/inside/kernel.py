"""The few system calls that Python has no name for: namespaces, mounts, capabilities, prctl.

What belongs here: thin calls that raise OSError with the name of what failed. Linux only.
"""

from __future__ import annotations

import ctypes
import os

NEW_MOUNTS = 0x00020000
NEW_PIDS = 0x20000000
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 22, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4
_FILTER = 2
_CAP_VERSION = 0x20080522
_LAST_CAP = 63

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def unshare(flags: int) -> None:
    """Leaves the namespaces named by `flags` for new ones."""
    _check(_libc.unshare(flags), "unshare")


def enter(namespace: int, flags: int) -> None:
    """Goes into the namespace behind a file descriptor."""
    _check(_libc.setns(namespace, flags), "setns")


def mount(kind: str, target: str, options: str, *, executable: bool = False) -> None:
    """Mounts a fresh file system of a kind (`tmpfs`, `proc`): never with set-uid programs or devices in it."""
    flags = _NOSUID | _NODEV | (0 if executable else _NOEXEC)
    _check(_libc.mount(kind.encode(), target.encode(), kind.encode(), flags, options.encode()), f"mount {target}")


def hide_from_debuggers() -> None:
    """Nobody without privilege may read or trace this process or what it forks."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl dumpable")


def forgo_privileges() -> None:
    """No program that is started from here on can have a capability that this process does not hand it."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs")
    _check(_libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl ambient")
    for capability in range(_LAST_CAP + 1):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # this kernel has no more of them


def drop_capabilities() -> None:
    """Gives up every capability of this process."""
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(nothing)), "capset")


def filter_calls(program: bytes) -> None:
    """Installs a seccomp filter (instructions of 8 bytes) on this thread and all that comes of it."""
    code = ctypes.create_string_buffer(program, len(program))
    filled = _Program(len(program) // 8, ctypes.cast(code, ctypes.c_void_p))
    _check(_libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(filled), 0, 0), "prctl seccomp")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
