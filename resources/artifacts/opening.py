"""From a root as a person writes it to the place that it names.

What belongs here: which roots are local, and where work on remote ones is done. Fails with UserError for a URL whose
file system is not known or not installed.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from resources.artifacts.local import LocalPlace
from resources.artifacts.places import Place
from resources.artifacts.remote import RemotePlace, without_password
from resources.errors import UserError


def open_place(root: str | Path, work: Path | None = None) -> Place:
    """A local path (also `file://`) or any fsspec URL, chained ones too."""
    if isinstance(root, Path) or ("://" not in root and "::" not in root):
        if not str(root).strip():
            raise UserError("the artifact store has no root", fix="name a folder or an fsspec URL")
        return LocalPlace(Path(root))
    import fsspec
    from fsspec.implementations.cached import CachingFileSystem
    from fsspec.implementations.dirfs import DirFileSystem
    from fsspec.implementations.local import LocalFileSystem

    try:
        system, path = fsspec.core.url_to_fs(root)
    except Exception as error:  # a file system may connect here, and fail in any way of its own
        fix = "use a local path or an fsspec URL (s3://, gs://, ...), install what it needs, and see that it answers"
        reason = f"{type(error).__name__}: {error}"[:300]
        raise UserError(f"artifact store {without_password(root)} cannot be opened: {reason}", fix=fix) from error
    if isinstance(system, CachingFileSystem):
        # Its copy of a pointer would never see another machine's publication; files are copied here anyway.
        return open_place(root.partition("::")[2], work)
    if isinstance(system, LocalFileSystem):
        return LocalPlace(Path(path))
    if isinstance(system, DirFileSystem):
        path = ""  # fsspec gives the folder twice: in the file system, and again as the path in it
    return RemotePlace(system, path, root, (work or default_work()).absolute())


def default_work() -> Path:
    """OT_HOME's folder for work on remote roots, else one of this user's own in the temporary folder."""
    if home := os.environ.get("OT_HOME"):
        return Path(home) / "remote"
    folder = Path(tempfile.gettempdir()) / f"ot-artifacts-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UserError(f"{folder} belongs to another user", fix="set OT_HOME to a folder of your own")
    return folder
