"""Compiling inner loops with numba.

Belongs here: `compiled`, which modules of kernels decorate their functions with. Importing this imports numba, which takes
about a second: import kernels inside functions, and where there is enough to do. Compiled code is kept by numba beside the
module, or in the user's cache folder where that is not writable; where neither is, it is compiled again each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The function as machine code that runs without Python's lock, kept on disk where that is possible."""
    try:
        made: Callable[_P, _R] = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in
        made = numba.njit(nogil=True)(function)
    return made
