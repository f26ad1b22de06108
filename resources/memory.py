"""Memory of this process and machine, beyond what Python itself manages."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path


def give_memory_back() -> None:
    """Returns memory that was freed to the system: glibc keeps it in its heap otherwise. Does nothing elsewhere."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def available_memory() -> int | None:
    """Bytes that this process may still take without swapping: the system's estimate, or less where a control group
    allows less; None where neither can be read.
    """
    found = [size for size in (_system_memory(), _group_memory()) if size is not None]
    return min(found) if found else None


def _system_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
    return None


def _group_memory(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What the control group (version 2, else 1) leaves; file caches count as free, for the kernel gives them up."""
    for most, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            limit = int((root / most).read_text())
            taken = int((root / used).read_text())
            stat = dict(line.split() for line in (root / used).with_name("memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        return max(0, limit - taken + int(stat.get(cache, 0)))
    return None
