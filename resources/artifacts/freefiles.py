"""Files of an artifact that are not tables: weights, a tokenizer, a log, a card.

What belongs here: what may be called what, and how files that somebody else wrote into the staging folder become part
of the artifact. Fails with UserError for a name that the store keeps for itself or that leads out of the folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from resources.artifacts.disk import sync_file
from resources.artifacts.hashing import sha256_file
from resources.artifacts.manifest import MANIFEST, FileInfo
from resources.artifacts.places import CURRENT, PINS, STAGING
from resources.errors import UserError

_PART = re.compile(r"part-\d+\.parquet")
_KEPT_NAMES = {MANIFEST, CURRENT, PINS}


def check_name(name: str, tables: Collection[str]) -> None:
    """Refuses a name for a free file that is not a path inside the artifact's folder, or is the store's own."""
    path = PurePosixPath(name)
    first = path.parts[0] if path.parts else ""
    inside = bool(path.parts) and not path.is_absolute() and ".." not in path.parts and str(path) == name
    own = first in _KEPT_NAMES or first.startswith(STAGING) or bool(len(path.parts) == 1 and _PART.fullmatch(first))
    if not inside or own or (len(path.parts) > 1 and first in tables):
        why = "the store keeps that name for itself" if inside else "it is not a path inside the artifact's folder"
        raise UserError(f"a file of an artifact cannot be called {name!r}: {why}", fix="give the file another name")


def collect_files(
    staging: Path, written: Collection[str], tables: Collection[str], annotations: Collection[str]
) -> list[FileInfo]:
    """Every file that was put into the staging folder beside the tables, synced and hashed, sorted by path."""
    found = []
    for path in _files(staging):
        name = path.relative_to(staging).as_posix()
        if name in written or name == PINS:
            continue
        check_name(name, tables)
        sync_file(path)
        size, digest = path.stat().st_size, sha256_file(path)
        found.append(FileInfo(path=name, bytes=size, sha256=digest, annotation=name in annotations))
    return sorted(found, key=lambda file: file.path)


def _files(staging: Path) -> Iterator[Path]:
    for path in sorted(staging.rglob("*")):
        if path.is_symlink():
            _replace_link(path)
        if path.is_file():
            yield path
        elif not path.is_dir():
            raise UserError(f"{path} is neither a file nor a folder", fix="an artifact holds plain files only")


def _replace_link(path: Path) -> None:
    """A link would lead out of the artifact, and one day to nothing: it becomes a copy."""
    target = path.resolve()
    if not target.is_file():
        raise UserError(
            f"{path} is a link to {target}, which is not a file", fix="copy the files instead of linking them"
        )
    path.unlink()
    shutil.copyfile(target, path)
