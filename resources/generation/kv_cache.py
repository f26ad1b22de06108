"""The keys and values of a running batch, in blocks that grow, so that rows can leave and new ones join.

Contract: rows are right-aligned: the newest token of every row is in the last column, padding is on the left and masked
by the caller. A step writes in place (transformers' own cache copies everything at every token). `join` makes one cache
out of rows of several.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_BLOCK = 128


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a cache, by index (an index may come twice), from column `start` on."""

    cache: Any
    rows: torch.Tensor
    start: int


def new_cache(layers: int) -> Any:
    """An empty cache for a model with so many attention layers, to be passed as `past_key_values`."""
    from transformers.cache_utils import Cache

    return Cache(layers=[_layer_class()() for _ in range(layers)])


def columns(cache_: Any) -> int:
    """How many tokens the longest row holds, padding included."""
    return int(cache_.get_seq_length())


def join(parts: list[Part]) -> Any:
    """One cache of the rows of all parts, in their order. The parts' caches are emptied layer by layer, so that the
    peak is one layer more than the result.
    """
    lengths = [columns(part.cache) - part.start for part in parts]
    most, rows = max(lengths), sum(len(part.rows) for part in parts)
    layers = len(parts[0].cache.layers)
    joined = new_cache(layers)
    for index in range(layers):
        old = [part.cache.layers[index] for part in parts]
        layer = joined.layers[index]
        layer.adopt(old[0], rows, most)
        at = 0
        for part, source, length in zip(parts, old, lengths, strict=True):
            layer.fill(at, most - length, source, part)
            at += len(part.rows)
            source.release()
    return joined


@cache
def _layer_class() -> Any:
    import torch
    from transformers.cache_utils import DynamicLayer

    base: Any = DynamicLayer

    class GrowingLayer(base):  # type: ignore[misc]
        """One layer: buffers [rows, heads, capacity, dim], of which `length` columns are in use."""

        keys: torch.Tensor
        values: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.length = 0

        def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
            self.dtype, self.device = key_states.dtype, key_states.device
            self.keys = key_states.new_zeros((*key_states.shape[:2], 0, key_states.shape[3]))
            self.values = value_states.new_zeros((*value_states.shape[:2], 0, value_states.shape[3]))
            self.is_initialized = True

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: object, **_kwargs: object
        ) -> tuple[torch.Tensor, torch.Tensor]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            length = self.length + key_states.shape[2]
            if length > self.keys.shape[2]:
                self.keys = _grown(self.keys, self.length, length)
                self.values = _grown(self.values, self.length, length)
            self.keys[:, :, self.length : length] = key_states
            self.values[:, :, self.length : length] = value_states
            self.length = length
            return self.keys[:, :, :length], self.values[:, :, :length]

        def get_seq_length(self) -> int:
            return self.length

        def adopt(self, like: Any, rows: int, length: int) -> None:
            """Empty buffers for `rows` rows of `length` columns. Zeros: what is masked must still be finite."""
            self.dtype, self.device, self.is_initialized = like.dtype, like.device, True
            capacity = _rounded(length)
            self.keys = like.keys.new_zeros((rows, like.keys.shape[1], capacity, like.keys.shape[3]))
            self.values = like.values.new_zeros((rows, like.values.shape[1], capacity, like.values.shape[3]))
            self.length = length

        def fill(self, at: int, left: int, source: Any, part: Part) -> None:
            """Copies a part's rows to row `at` and on, with `left` columns of padding."""
            rows = slice(at, at + len(part.rows))
            for mine, theirs in ((self.keys, source.keys), (self.values, source.values)):
                mine[rows, :, left : self.length] = theirs[part.rows, :, part.start : source.length]

        def release(self) -> None:
            """Gives the memory back."""
            self.keys = self.values = torch.empty(0)
            self.length, self.is_initialized = 0, False

    def _grown(old: torch.Tensor, used: int, needed: int) -> torch.Tensor:
        new = old.new_zeros((*old.shape[:2], _rounded(needed), old.shape[3]))
        new[:, :, :used] = old[:, :, :used]
        return new

    return GrowingLayer


def _rounded(length: int) -> int:
    """A capacity with room for at least one more token, in whole blocks."""
    return (length // _BLOCK + 1) * _BLOCK
