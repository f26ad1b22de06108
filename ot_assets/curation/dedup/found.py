"""Pairs of places that a search found. Belongs here: the shape alone. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Found(NamedTuple):
    """Pairs of places (left < right, where nothing else is said), each once, and their similarity in percent."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]

    def kept(self, mask: npt.NDArray[np.bool_]) -> Found:
        """The pairs that the mask names."""
        return Found(self.left[mask], self.right[mask], self.similarity[mask])


def nothing() -> Found:
    """No pairs."""
    return Found(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
