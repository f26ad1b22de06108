"""Where state lies: room and speed of the disk, both stores, Dagster's home. Writes only a file that is gone again."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from resources.doctor.finding import Finding, checked
from resources.home import Home

_GB = 1e9
_LITTLE_ROOM = 10 * _GB
_NO_ROOM = 1 * _GB
_SLOW = 20e6
_WRITTEN = 32 << 20
_REPLIES = 500


def state(home: Home) -> list[Finding]:
    """All of it."""
    return [
        *checked("state", "OT_HOME", lambda: _disk(home)),
        *checked("state", "responses", lambda: _responses(home)),
        *checked("state", "artifacts", lambda: _artifacts(home)),
        *checked("state", "dagster", lambda: _dagster(home)),
    ]


def _disk(home: Home) -> Iterator[Finding]:
    there = next(folder for folder in (home.path, *home.path.parents) if folder.is_dir())
    room = shutil.disk_usage(there).free
    speed = _write_speed(there)
    made = "" if there == home.path else ", not made yet"
    said = f"{home.path}{made}: {room / _GB:.1f} GB free, {speed / 1e6:.0f} MB/s written and synced"
    if room < _NO_ROOM:
        yield Finding("state", "OT_HOME", "fault", said, "free some room, or set OT_HOME to a folder on another disk")
    elif room < _LITTLE_ROOM:
        yield Finding("state", "OT_HOME", "warning", said, "weights and traces may not fit: `ot gc` shows what can go")
    elif speed < _SLOW:
        yield Finding("state", "OT_HOME", "warning", said, "set OT_HOME to a local disk: every reply is synced to it")
    else:
        yield Finding("state", "OT_HOME", "ok", said)


def _write_speed(folder: Path) -> float:
    """Bytes a second, through to the disk."""
    block = os.urandom(1 << 20)
    with tempfile.TemporaryFile(dir=folder) as file:
        began = time.perf_counter()
        for _ in range(_WRITTEN // len(block)):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return _WRITTEN / (time.perf_counter() - began)


def _responses(home: Home) -> Iterator[Finding]:
    from resources.responses.store import ResponseStore

    url = home.responses
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield Finding("state", "responses", "ok", f"{url.removeprefix('sqlite:///')}: not made yet")
        return
    with ResponseStore(url, patience=5.0, create=False) as store:
        store.require_writable()
        read = sum(1 for _ in islice(store.rows(), _REPLIES))
        yield Finding("state", "responses", "ok", f"{store.where}: reachable, the first {read} replies are whole")


def _artifacts(home: Home) -> Iterator[Finding]:
    from resources.artifacts import ArtifactStore

    store = ArtifactStore(home.artifacts)
    count = 0
    for asset in store.assets():
        for partition in store.partitions(asset):
            name = f"artifacts {asset} {partition}"
            broken = checked("state", name, lambda a=asset, p=partition: _opened(store.current(a, p)))  # type: ignore[misc]
            yield from broken
            count += not broken
    yield Finding("state", "artifacts", "ok", f"{store.root}: {count} current artifacts can be opened")


def _opened(_: object) -> list[Finding]:
    return []


def _dagster(home: Home) -> Iterator[Finding]:
    folder = Path(os.environ.get("DAGSTER_HOME") or home.dagster).absolute()
    if not folder.is_dir():
        yield Finding("state", "dagster", "ok", f"{folder}: not made yet")
        return
    if not (folder / "dagster.yaml").is_file():
        yield Finding("state", "dagster", "warning", f"{folder} has no dagster.yaml", "`ot run` puts one there")
        return
    if not os.access(folder, os.W_OK):
        yield Finding(
            "state", "dagster", "fault", f"{folder} may not be written", "give yourself the right to write there"
        )
        return
    yield Finding("state", "dagster", "ok", f"{folder}: settings are there")
