"""BLAKE2b (RFC 7693) of many messages, compiled by numba. Imported inside functions only: numba takes about a second.

Belongs here: `hash_all`, which gives what `hashlib.blake2b` gives. It runs without Python's lock. Raises nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ot_assets.compiled import compiled

_START = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    np.uint64,
)  # fmt: skip
_ORDER = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.uint64,
)
_BLOCK = 128
_S1, _S8, _S16, _S24, _S32, _S40, _S48, _S63 = (np.uint64(bits) for bits in (1, 8, 16, 24, 32, 40, 48, 63))
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@compiled
def _mix(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    a = a + b + x
    d ^= a
    d = (d >> _S32) | (d << _S32)
    c = c + d
    b ^= c
    b = (b >> _S24) | (b << _S40)
    a = a + b + y
    d ^= a
    d = (d >> _S16) | (d << _S48)
    c = c + d
    b ^= c
    return a, (b >> _S63) | (b << _S1), c, d


@compiled
def _compress(h: Any, m: Any, read: int, last: bool) -> None:
    """One block; `read` is the number of bytes up to its end. The state is in variables, which stay in registers."""
    v0, v1, v2, v3, v4, v5, v6, v7 = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    v8, v9, v10, v11 = _START[0], _START[1], _START[2], _START[3]
    v12, v13, v14, v15 = _START[4] ^ np.uint64(read), _START[5], _START[6], _START[7]
    if last:
        v14 ^= _ALL
    for turn in range(np.uint64(12)):
        s = _ORDER[turn]
        v0, v4, v8, v12 = _mix(v0, v4, v8, v12, m[s[0]], m[s[1]])
        v1, v5, v9, v13 = _mix(v1, v5, v9, v13, m[s[2]], m[s[3]])
        v2, v6, v10, v14 = _mix(v2, v6, v10, v14, m[s[4]], m[s[5]])
        v3, v7, v11, v15 = _mix(v3, v7, v11, v15, m[s[6]], m[s[7]])
        v0, v5, v10, v15 = _mix(v0, v5, v10, v15, m[s[8]], m[s[9]])
        v1, v6, v11, v12 = _mix(v1, v6, v11, v12, m[s[10]], m[s[11]])
        v2, v7, v8, v13 = _mix(v2, v7, v8, v13, m[s[12]], m[s[13]])
        v3, v4, v9, v14 = _mix(v3, v4, v9, v14, m[s[14]], m[s[15]])
    h[0] ^= v0 ^ v8
    h[1] ^= v1 ^ v9
    h[2] ^= v2 ^ v10
    h[3] ^= v3 ^ v11
    h[4] ^= v4 ^ v12
    h[5] ^= v5 ^ v13
    h[6] ^= v6 ^ v14
    h[7] ^= v7 ^ v15


@compiled
def _load(data: Any, at: int, words: Any) -> None:
    """A whole block. Written out, so that the compiler sees that eight bytes are one word."""
    for place in range(16):
        b = data[at + 8 * place : at + 8 * place + 8]
        low = np.uint64(b[0]) | np.uint64(b[1]) << _S8 | np.uint64(b[2]) << _S16 | np.uint64(b[3]) << _S24
        high = np.uint64(b[4]) | np.uint64(b[5]) << _S8 | np.uint64(b[6]) << _S16 | np.uint64(b[7]) << _S24
        words[place] = low | high << _S32


@compiled
def hash_all(prefix: Any, data: Any, offsets: Any, size: int, out: Any) -> None:
    """The first words of the digest of `size` bytes of each message `prefix + data[offsets[i]:offsets[i + 1]]`, to out[i].

    Words are as they lie in the digest, lowest byte first. `out` has at most eight columns.
    """
    h = np.empty(8, np.uint64)
    block = np.zeros(_BLOCK, np.uint8)
    words = block.view(np.uint64)
    before = len(prefix)
    for message in range(len(offsets) - 1):
        start = offsets[message]
        length = before + offsets[message + 1] - start
        h[:] = _START
        h[0] ^= np.uint64(0x01010000) ^ np.uint64(size)
        done = 0
        while True:
            some = min(_BLOCK, length - done)
            own = min(max(before - done, 0), some)
            if own == 0 and some == _BLOCK:
                _load(data, start + done - before, words)
            else:
                for place in range(own):
                    block[place] = prefix[done + place]
                for place in range(own, some):
                    block[place] = data[start + done - before + place]
                for place in range(some, _BLOCK):
                    block[place] = 0
            done += some
            _compress(h, words, done, done == length)
            if done == length:
                break
        out[message] = h[: out.shape[1]]
