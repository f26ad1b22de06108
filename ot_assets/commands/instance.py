"""The Dagster instance of `OT_HOME`: made from the template when it is not there, shared by `ot run` and the UI."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from resources.home import Home

_ROOM = 256 * 1024


def prepare_instance(home: Home) -> Path:
    """The instance's folder, with its settings file; sets `DAGSTER_HOME` for this process and its children.

    A `DAGSTER_HOME` that the user has set wins: a team's shared instance is theirs to configure.
    """
    folder = Path(os.environ.get("DAGSTER_HOME") or home.dagster).absolute()
    for place in (home.path, folder):
        place.mkdir(parents=True, exist_ok=True)
        _try_to_write(place)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        with as_file(files("ot_assets") / "dagster.yaml") as template:
            shutil.copyfile(template, settings)
    os.environ["DAGSTER_HOME"] = str(folder)
    # A child's working directory may differ, so it gets the absolute path.
    os.environ["OT_HOME"] = str(home.path)
    return folder


def _try_to_write(folder: Path) -> None:
    """Raises the disk's own refusal now: Dagster would wrap it in its own words, and later."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM))
    except OSError as error:
        error.filename = str(folder)
        raise
