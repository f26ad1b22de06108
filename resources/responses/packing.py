"""Payloads to zstd and back.

Contract: what comes out is byte for byte what went in, or StoreDamaged naming the row: every frame carries a checksum.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import zstandard

from resources.responses.faults import StoreDamaged

# Measured on replies of 2, 4 and 27 kB: level 1 is 1 to 4% larger and takes three quarters of the time, level 6 is 2 to 4%
# smaller and takes 2.5 times as long.
_LEVEL = 3
# From here on one call for many payloads is cheaper than a call each.
_TOGETHER = 6


class Packer(threading.local):
    """Packs and unpacks payloads. Threads may share one: each has contexts of its own."""

    def __init__(self) -> None:
        self._pack = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._unpack = zstandard.ZstdDecompressor()

    def pack(self, payloads: Sequence[bytes]) -> list[bytes]:
        """One zstd frame a payload.

        Many are packed in one call, which gives the interpreter up once and not once a payload: taking it back from a
        busy thread costs up to 5 ms each time.
        """
        if len(payloads) < _TOGETHER or "multi_compress_to_buffer" not in zstandard.backend_features:
            return [self._pack.compress(payload) for payload in payloads]
        frames = self._pack.multi_compress_to_buffer(list(payloads))
        return [frames[at].tobytes() for at in range(len(frames))]

    def unpack(self, packed: bytes, key: str, where: str) -> bytes:
        """The payload of a frame."""
        try:
            return self._unpack.decompress(packed)
        except zstandard.ZstdError as error:
            raise StoreDamaged(
                f"response store {where}: the payload of response {key} is damaged ({error})",
                fix="restore the store from a backup, or delete that one row to have the answer bought again",
            ) from None
