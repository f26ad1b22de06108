"""Messages between the two sides: four bytes of length, then JSON. Bytes within it are base64.

`receive` raises EOFError where the other side ended, ValueError where what came is no message.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

_HEAD = struct.Struct(">I")


def pack(message: dict[str, Any]) -> bytes:
    """A message as it is sent."""
    body = json.dumps(message).encode()
    return _HEAD.pack(len(body)) + body


def send(descriptor: int, data: bytes) -> None:
    """Writes all of it."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def receive(descriptor: int) -> dict[str, Any]:
    """The next message; waits for it."""
    (size,) = _HEAD.unpack(_exactly(descriptor, _HEAD.size))
    message: dict[str, Any] = json.loads(_exactly(descriptor, size))
    return message


def _exactly(descriptor: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        chunk = os.read(descriptor, min(size - len(found), 1 << 20))
        if not chunk:
            raise EOFError
        found += chunk
    return bytes(found)
