"""Python values as JSON and back, on both sides of the wall; never pickle.

null, booleans, numbers, texts, lists and objects with text keys stand for themselves. Everything else is an object
with the key `$`: `{"$": "tuple", "v": [...]}`, likewise `set` and `bytes` (base64), `dict` (a list of pairs), `int`
(hexadecimal, beyond 64 bits), `float` (`nan`, `inf`), `complex`, `decimal`, `fraction` (as text). What is none of
these becomes `{"$": "other", "type": name, "repr": text}`, which equals nothing. `encode` may run whatever code the
value's own class brings, so it belongs inside; `decode` runs none.
"""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

_WORD = 2**63
_LONGEST_REPR = 200


def encode(value: Any) -> Any:
    """A value as what `json.dumps` takes. RecursionError for one that is nested too deeply or holds itself."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        number = int.__add__(value, 0)
        return number if -_WORD <= number < _WORD else {"$": "int", "v": hex(number)}
    if isinstance(value, float):
        number_ = float.__add__(value, 0.0)
        return number_ if number_ - number_ == 0 else {"$": "float", "v": float.__repr__(number_)}
    if isinstance(value, str):
        return str.__str__(value)
    return _collection(value)


def _collection(value: Any) -> Any:
    if isinstance(value, list):
        return [encode(one) for one in value]
    if isinstance(value, tuple):
        return {"$": "tuple", "v": [encode(one) for one in value]}
    if isinstance(value, (set, frozenset)):
        return {"$": "set", "v": sorted((encode(one) for one in value), key=json.dumps)}
    if isinstance(value, dict):
        return _dict(value)
    if isinstance(value, (bytes, bytearray)):
        return {"$": "bytes", "v": base64.b64encode(value).decode()}
    for kind, name in ((complex, "complex"), (Decimal, "decimal"), (Fraction, "fraction")):
        if isinstance(value, kind):
            return {"$": name, "v": str(value)}
    return {"$": "other", "type": type(value).__name__, "repr": repr(value)[:_LONGEST_REPR]}


def _dict(value: dict[Any, Any]) -> Any:
    pairs = list(dict.items(value))
    if all(type(key) is str and key != "$" for key, _ in pairs):
        return {key: encode(one) for key, one in pairs}
    return {"$": "dict", "v": [[encode(key), encode(one)] for key, one in pairs]}


def decode(value: Any) -> Any:
    """The value that `encode` was given. ValueError for a `$` that there is not, `other` among them."""
    if isinstance(value, list):
        return [decode(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: decode(one) for key, one in value.items()}
    reader = _READERS.get(str(value["$"]))
    if reader is None:
        raise ValueError(f"{value['$']!r} is no value that can be compared")
    try:
        return reader(value["v"])
    except (KeyError, TypeError, ArithmeticError) as error:
        raise ValueError(f"{str(value)[:80]} cannot be read: {error}") from error


_READERS: dict[str, Any] = {
    "tuple": lambda v: tuple(decode(one) for one in v),
    "set": lambda v: frozenset(decode(one) for one in v),
    "dict": lambda v: {decode(key): decode(one) for key, one in v},
    "bytes": lambda v: base64.b64decode(v),
    "int": lambda v: int(v, 16),
    "float": float,
    "complex": complex,
    "decimal": Decimal,
    "fraction": Fraction,
}
