"""The machine: Python, packages, torch and GPUs, memory, the sandbox. Imports torch when it looks at it, not before."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from resources.doctor.finding import Finding, checked
from resources.memory import available_memory

_DISTRIBUTION = "ot-assets"
_GIB = 1 << 30
# Below it even the smallest model and its training do not fit beside Dagster.
_LITTLE_MEMORY = 2 * _GIB
_LITTLE_GPU = 4 * _GIB


def machine() -> list[Finding]:
    """All of it."""
    return [
        *checked("machine", "python", _python),
        *checked("machine", "packages", _packages),
        *checked("machine", "memory", _memory, otherwise="warning"),
        *checked("machine", "torch", _torch),
        *checked("machine", "sandbox", _sandbox, otherwise="warning"),
    ]


def _python() -> Iterator[Finding]:
    wanted = SpecifierSet(importlib.metadata.metadata(_DISTRIBUTION)["Requires-Python"])
    said = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if wanted.contains(platform.python_version()):
        yield Finding("machine", "python", "ok", said)
    else:
        yield Finding(
            "machine", "python", "fault", f"{said}; needs {wanted}", "make the environment with such a Python"
        )


def _packages() -> Iterator[Finding]:
    count = 0
    for text in importlib.metadata.requires(_DISTRIBUTION) or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("machine", wanted.name, "fault", "is not installed", f"pip install '{wanted}'")
            continue
        if not wanted.specifier.contains(version, prereleases=True):
            said = f"{version} is installed, {wanted.specifier} is asked for"
            yield Finding("machine", wanted.name, "warning", said, f"pip install '{wanted}'")
    yield Finding("machine", "packages", "ok", f"{count} looked at")


def _memory() -> Iterator[Finding]:
    free = available_memory()
    if free is None:
        yield Finding("machine", "memory", "warning", "cannot be read here", "give batch sizes (options.rows) yourself")
    elif free < _LITTLE_MEMORY:
        yield Finding(
            "machine",
            "memory",
            "warning",
            f"{free / _GIB:.1f} GiB free",
            "end other programs before asking or training models",
        )
    else:
        yield Finding("machine", "memory", "ok", f"{free / _GIB:.1f} GiB free")


def _torch() -> Iterator[Finding]:
    import torch

    said = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        if shutil.which("nvidia-smi"):
            fix = "install a torch with CUDA that fits the driver (`nvidia-smi` shows it)"
            yield Finding(
                "machine", "torch", "warning", f"{said}; there is an NVIDIA driver, but torch sees no GPU", fix
            )
        else:
            yield Finding("machine", "torch", "ok", f"{said}, CPU only")
        return
    yield Finding("machine", "torch", "ok", f"{said}, CUDA {torch.version.cuda}")
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        shown = f"{torch.cuda.get_device_name(number)}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
        fix = "" if free >= _LITTLE_GPU else "another process holds it: see `nvidia-smi`"
        yield Finding("machine", f"gpu {number}", "warning" if fix else "ok", shown, fix)


def _sandbox() -> Iterator[Finding]:
    from resources.sandbox.available import Sandbox

    found = Sandbox.available()
    fix = found.fix or ("" if found.ok else "without it code is not run and its verdict is unverifiable")
    yield Finding("machine", "sandbox", "ok" if found.ok else "warning", found.why, fix)
