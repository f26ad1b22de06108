"""Columns of lists, built flat: labels of messages, turns of a chat, the order of a ballot.

Belongs here: nothing but the shape. A Python list or dict a cell costs polars many times what the values themselves
cost. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any

import polars as pl

from schemas.distillation import MESSAGES


def lists(rows: Sequence[Sequence[Any]], dtype: pl.List) -> pl.Series:
    """A list a row."""
    flat = pl.Series(list(chain.from_iterable(rows)), dtype=dtype.inner).to_arrow()
    return _cut(flat, rows, dtype)


def structs(rows: Sequence[Sequence[tuple[Any, ...]]], dtype: pl.List) -> pl.Series:
    """A list a row, a struct a tuple, whose values stand in the order of the struct's fields."""
    import pyarrow as pa

    kind = dtype.inner
    assert isinstance(kind, pl.Struct)
    flat = list(chain.from_iterable(rows))
    columns = [
        pl.Series([one[place] for one in flat], dtype=field.dtype).to_arrow() for place, field in enumerate(kind.fields)
    ]
    return _cut(pa.StructArray.from_arrays(columns, names=[field.name for field in kind.fields]), rows, dtype)


def chats(rows: Iterable[Iterable[tuple[str, str]]]) -> pl.Series:
    """Chats: a list of (role, content) a row."""
    return structs([list(row) for row in rows], MESSAGES)


def _cut(flat: Any, rows: Sequence[Sequence[Any]], dtype: pl.List) -> pl.Series:
    import pyarrow as pa

    offsets = pa.array(list(accumulate(map(len, rows), initial=0)), pa.int64())
    return pl.Series(pa.LargeListArray.from_arrays(offsets, flat), dtype=dtype)
