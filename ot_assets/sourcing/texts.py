"""Text files in any encoding as UTF-8: what a byte order mark says, what the spec states, or what a file plainly is.

`as_utf8` hands back a stream of UTF-8 without a mark. Bytes that the encoding does not know come through as bytes that
are no UTF-8 either, so that whoever reads rows finds them in their own row and no other is lost. Nothing is guessed that
could be guessed wrongly: a file without a mark is UTF-8, unless every second byte of its beginning is zero (UTF-16).
Memory holds a block.
"""

from __future__ import annotations

import codecs
import io
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MARKED = "utf-8-sig"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, _MARKED),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_BLOCK = 1 << 16
_HEAD = 64
_BROKEN = "ot-broken"
_UTF8 = frozenset({"utf-8", _MARKED, "ascii"})


def as_utf8(stream: IO[bytes], encoding: str | None = None) -> IO[bytes]:
    """The stream as UTF-8. `encoding` is what the spec states. A byte order mark of UTF-8 is dropped where there is one,
    unless an encoding is stated that has none (latin-1).

    LookupError for an encoding that Python does not know.
    """
    head, whole = peeked(stream)
    found = _encoding(head, encoding)
    if found == _MARKED and head.startswith(codecs.BOM_UTF8):
        whole.read(len(codecs.BOM_UTF8))
    if codecs.lookup(found).name in _UTF8:
        return whole
    return io.BufferedReader(_Recoded(whole, found), _BLOCK)


def peeked(stream: IO[bytes], size: int = _HEAD) -> tuple[bytes, IO[bytes]]:
    """The first bytes of a stream, fewer only where it has fewer, and the whole of it to read."""
    head = _read(stream, size)
    return head, io.BufferedReader(_Joined(head, stream), _BLOCK)


def _encoding(head: bytes, stated: str | None) -> str:
    """The encoding of a file that begins like this."""
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked is not None and (stated is None or codecs.lookup(stated).name.startswith("utf")):
        return marked
    if stated is not None:
        return stated
    pairs = head[: len(head) // 2 * 2]
    if len(pairs) >= 4 and not any(pairs[1::2]) and all(pairs[::2]):
        return "utf-16-le"
    if len(pairs) >= 4 and not any(pairs[::2]) and all(pairs[1::2]):
        return "utf-16-be"
    return "utf-8"


def _read(stream: IO[bytes], size: int) -> bytes:
    """So many bytes, fewer only at the end: a packed stream may hand out less at a time."""
    parts = b""
    while len(parts) < size and (more := stream.read(size - len(parts))):
        parts += more
    return parts


class _Joined(io.RawIOBase):
    """Bytes that were read ahead, then the rest of the stream."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fills the buffer as far as there is something."""
        view = memoryview(buffer)
        block = self._head[: len(view)] or self._stream.read(len(view))
        self._head = self._head[len(block) :] if self._head else b""
        view[: len(block)] = block
        return len(block)


class _Recoded(io.RawIOBase):
    """A stream of another encoding as UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_BROKEN)
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fills the buffer as far as there is something."""
        while not self._ready and not self._ended:
            block = self._stream.read(_BLOCK) or b""
            self._ended = not block
            text = self._decoder.decode(block, final=self._ended)
            self._ready = text.encode("utf-8", "surrogatepass")
        view = memoryview(buffer)
        taken = self._ready[: len(view)]
        self._ready = self._ready[len(taken) :]
        view[: len(taken)] = taken
        return len(taken)


def _broken(error: UnicodeError) -> tuple[str, int]:
    """Half a character for bytes that are none, which is no UTF-8 and so found in its row."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error(_BROKEN, _broken)
