"""Memory of this process, beyond what Python itself manages."""

from __future__ import annotations

import contextlib
import ctypes


def give_memory_back() -> None:
    """Returns memory that was freed to the system: glibc keeps it in its heap otherwise. Does nothing elsewhere."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
