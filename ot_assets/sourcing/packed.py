"""Posts.xml as it was published: as a file, packed by itself, or inside a .7z.

A .7z is unpacked by `py7zr` (the extra `dumps`) in a thread that writes into a pipe, so that nothing of it lies in memory
or on the disk. Fails with UserError: py7zr is not installed, an archive that is torn or has a password, no Posts.xml in
it, an archive that does not lie on this machine.
"""

from __future__ import annotations

import lzma
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ot_assets.sourcing.places import Place
from resources.errors import UserError

MEMBER = "Posts.xml"
"""What is read of an archive."""


@contextmanager
def open_posts(place: Place, key: str) -> Iterator[IO[bytes]]:
    """The XML of a dump, as a stream. `key` is the source that errors name."""
    if PurePosixPath(place.name).suffix.lower() != ".7z":
        with place.open(key) as stream:
            yield stream
        return
    if place.local is None:
        raise UserError(f"{key}: {place.name}: an archive is only read on this machine", fix="copy it here first")
    with _archived(place.local, place.name, key) as stream:
        yield stream


@contextmanager
def _archived(path: Path, name: str, key: str) -> Iterator[IO[bytes]]:
    """The Posts.xml in an archive."""
    archive, member = _opened(path, name, key)
    reading, writing = os.pipe()
    failed: list[BaseException] = []
    thread = threading.Thread(target=_unpack, args=(archive, member, writing, failed), daemon=True)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as stream:
            yield stream
    finally:
        thread.join()
        archive.close()
        if failed and not isinstance(failed[0], BrokenPipeError):  # whatever the reader made of half a file
            raise UserError(f"{key}: {name} cannot be unpacked: {failed[0]}", fix="fetch it again") from failed[0]


def _opened(path: Path, name: str, key: str) -> tuple[Any, str]:
    """An archive and the name of its Posts.xml."""
    try:
        import py7zr
    except ImportError:
        raise UserError(
            f"{key}: {name}: py7zr, which reads .7z archives, is not installed",
            fix="pip install 'ot-assets[dumps]', or unpack the archive",
        ) from None
    try:
        archive = py7zr.SevenZipFile(path)
        names = archive.getnames()
        locked = archive.needs_password()
    except py7zr.exceptions.PasswordRequired:  # even the names of what it holds are encrypted
        locked = True
    except (py7zr.exceptions.ArchiveError, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        raise UserError(f"{key}: {name} is no readable archive: {error}", fix="fetch it again") from error
    if locked:
        raise UserError(f"{key}: {name} wants a password", fix="unpack it first")
    found = [one for one in names if PurePosixPath(one).name == MEMBER]
    if len(found) != 1:
        raise UserError(
            f"{key}: {name} holds {'no' if not found else 'more than one'} {MEMBER}: {', '.join(names[:5])}",
            fix=f"name an archive with one {MEMBER}",
        )
    return archive, found[0]


def _unpack(archive: Any, member: str, writing: int, failed: list[BaseException]) -> None:
    """Writes a member into a pipe, as fast as it is read; a reader that has gone ends it."""
    import py7zr.io

    class Pipe(py7zr.io.Py7zIO):
        def write(self, s: bytes | bytearray) -> int:
            view = memoryview(s)
            while view:
                view = view[os.write(writing, view) :]
            return len(s)

        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return 0

        def flush(self) -> None:
            return None

        def size(self) -> int:
            return 0

    class Pipes(py7zr.io.WriterFactory):
        def create(self, filename: str) -> Pipe:
            return Pipe()

    try:
        archive.extract(targets=[member], factory=Pipes())
    except BaseException as error:
        failed.append(error)
    finally:
        os.close(writing)
