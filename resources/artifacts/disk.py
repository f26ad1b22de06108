"""Small acts on a local disk, and what a failing disk means in words.

What belongs here: writing so that a power cut loses nothing, sizes of folders, and the one place where errors of the
operating system (no room, quota, no permission) become messages for a person.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from resources.artifacts.errors import DiskFull
from resources.artifacts.places import Usage
from resources.errors import UserError

_FULL = {
    errno.ENOSPC: "no room is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this process or disk allows",
}
_KEPT = "nothing was published, and what was there before is still current"
_MAKE_ROOM = (
    "make room there (`ot gc` shows what nothing points to, `ot gc --delete` removes it) or move the store to a larger"
    " disk, and run again"
)
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


@contextlib.contextmanager
def clear_disk_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals inside the block into a UserError that names the path and what to do."""
    try:
        yield
    except OSError as error:
        told = explain(error, path)
        if told is None:
            raise
        raise told from error


def explain(error: OSError, path: Path) -> UserError | None:
    """The message for a disk that is full or refuses; None for any other error."""
    place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else path
    if error.errno in _FULL:
        needed, free = getattr(error, "needed", None), free_bytes(place)
        room = f"{size(needed) if needed else 'more'} needed" + (f", {size(free)} free" if free is not None else "")
        return DiskFull(f"{place}: {_FULL[error.errno]}: {room}; {_KEPT}", fix=_MAKE_ROOM)
    if error.errno in _REFUSED:
        return UserError(
            f"{place}: {error.strerror}", fix="give this user the right to write there, or name another folder"
        )
    return None


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room."""
    return isinstance(error, OSError) and error.errno in _FULL


def free_bytes(path: Path) -> int | None:
    """Free bytes of the disk that a path lies on, or would lie on."""
    for folder in [path, *path.parents]:
        with contextlib.suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


def size(count: int) -> str:
    """Bytes as a person reads them."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def write_all(handle: int, data: bytes | memoryview) -> None:
    """Writes every byte; an OSError carries in `needed` how many could not be written."""
    left = memoryview(data).cast("B")
    try:
        while left:
            left = left[os.write(handle, left) :]
    except OSError as error:
        error.needed = len(left)  # type: ignore[attr-defined]
        raise


def write_file(path: Path, data: bytes) -> None:
    """Writes a new small file and syncs it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        write_all(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Makes a file that somebody else wrote last through a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Makes a folder's own entries last through a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Syncs a folder and every folder under it; files are synced as they are written."""
    for where, _, _ in os.walk(folder, topdown=False):
        sync_folder(Path(where))


def tree_usage(top: Path) -> Usage:
    """Bytes and newest change under a folder, or of a file. What vanishes meanwhile counts nothing."""
    found = top.lstat()
    total, newest = 0 if top.is_dir() else found.st_size, found.st_mtime
    for path in top.rglob("*") if top.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            total += 0 if path.is_dir() else found.st_size
            newest = max(newest, found.st_mtime)
    return Usage(total, newest)


def freed_bytes(tops: Sequence[Path]) -> list[int]:
    """For each folder the bytes that removing all of them gives back: a file that versions share counts once, with the last
    folder that holds it, and not at all while something else holds it too.
    """
    files: list[tuple[int, os.stat_result]] = []
    for place, top in enumerate(tops):
        for path in top.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                files.append((place, path.lstat()))
    files = [(place, file) for place, file in files if not stat.S_ISDIR(file.st_mode)]
    here = Counter((file.st_dev, file.st_ino) for _, file in files)
    left, freed = here.copy(), [0] * len(tops)
    for place, file in files:
        inode = file.st_dev, file.st_ino
        left[inode] -= 1
        if not left[inode] and here[inode] >= file.st_nlink:
            freed[place] += file.st_size
    return freed


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder; nothing when it is not there."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
