"""The bubblewrap command line: what of this machine a tested program can see, and nothing else.

Bound, read-only: /usr with the links into it, the interpreter with its standard library, and the folder `inside`.
Installed packages of the interpreter are covered up. Fails with nothing; what is missing is left out, and the
sandbox's own first test finds out.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

JUDGE = "/judge"
_INSIDE = Path(__file__).parent / "inside"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_CAPABILITIES = ("SYS_ADMIN", "SYS_PTRACE", "KILL", "SETUID", "SETGID", "SETPCAP")
"""Of the server, in its own user namespace only: to make namespaces, to watch, to end, and to drop all of these."""
_SERVE = f"import sys; sys.path.insert(0, {JUDGE!r}); from resources.sandbox.inside.server import main; main()"
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MALLOC_ARENA_MAX": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def interpreter() -> Path:
    """The interpreter itself, virtual environments seen through."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return Path(base).resolve()


def command(bwrap: str, *, mapped: int | None = None, info: int | None = None) -> list[str]:
    """The whole command line. `mapped` and `info` are descriptors for a caller that maps the users itself: the
    sandbox waits on the first, and tells its process on the second.
    """
    line = [bwrap, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--as-pid-1", "--die-with-parent", "--new-session", "--hostname", "sandbox"]
    if mapped is not None and info is not None:
        line += ["--uid", "0", "--gid", "0", "--userns-block-fd", str(mapped), "--info-fd", str(info)]
    else:
        line += ["--uid", "65534", "--gid", "65534"]
    line += ["--cap-drop", "ALL", *(word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}"))]
    line += [*_files(), "--remount-ro", "/", "--chdir", "/", "--clearenv"]
    for name, value in _ENVIRONMENT.items():
        line += ["--setenv", name, value]
    return [*line, "--", str(interpreter()), "-s", "-S", "-P", "-c", _SERVE]


def _files() -> list[str]:
    line = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        folder = Path("/") / name
        if folder.is_symlink():
            line += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            line += ["--ro-bind", str(folder), str(folder)]
    line += [*_folder("/etc"), "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", *_python()]
    inside = f"{JUDGE}/resources/sandbox/inside"
    line += [
        *_folder(f"{JUDGE}/resources/sandbox"),
        "--ro-bind",
        str(_INSIDE),
        inside,
        *_folder("/dev/shm"),
        *_folder("/tmp"),
    ]
    for device in _DEVICES:
        line += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for link, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        line += ["--symlink", f"/proc/self/{target}", f"/dev/{link}"]
    return [*line, "--proc", "/proc"]


def _folder(path: str) -> list[str]:
    """A folder and those above it, open to all: bubblewrap alone would make them its own."""
    folders = [Path(path), *Path(path).parents][-2::-1]
    return [word for folder in folders for word in ("--perms", "0755", "--dir", str(folder))]


def _python() -> list[str]:
    """The interpreter's own files where they are not part of the system, without packages installed beside them."""
    program, prefix = interpreter(), Path(sys.base_prefix)
    line: list[str] = []
    if not program.is_relative_to("/usr"):
        line += [*_folder(str(program.parent)), "--ro-bind", str(program), str(program)]
        for name in ("lib", "lib64"):
            if (prefix / name).is_dir():
                line += [*_folder(str(prefix)), "--ro-bind", str(prefix / name), str(prefix / name)]
    packages = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(prefix)})) / "site-packages"
    if packages.is_dir() and not os.path.islink(packages):  # noqa: PTH114
        line += ["--tmpfs", str(packages), "--remount-ro", str(packages)]
    return line
