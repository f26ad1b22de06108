"""Servers that `ot serve` keeps up, as small files under `<OT_HOME>/serving`, so that runs find them.

What belongs here: one JSON a server (`ServeRecord`) and beside it a file with its key, which only its owner may read.
Contract: `find` gives the record of a server that serves exactly a plan; records of dead processes are removed when they
are met, so nothing stale is ever used. The process is known by its id and its start time: ids are used again.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from resources.home import Home
from resources.serving.command import ServePlan
from resources.serving.server import Server


@dataclass(frozen=True)
class ServeRecord:
    """A server that is kept up: what it serves (`hash` of its plan), where, by which process (`pid`, `born`)."""

    hash: str
    key: str
    name: str
    url: str
    pid: int
    born: str
    host: str
    since: str
    log: str

    def alive(self) -> bool:
        """Whether the process that keeps it up is still there."""
        return self.host == socket.gethostname() and _born(self.pid) == self.born


def write(home: Home, server: Server) -> ServeRecord:
    """Makes a server of this process known to runs. Written again after a restart."""
    plan = server.plan
    record = ServeRecord(
        plan.hash, plan.key, plan.name, server.url, os.getpid(), _born(os.getpid()) or "", socket.gethostname(),
        datetime.now(UTC).isoformat(timespec="seconds"), str(server.log_file),
    )  # fmt: skip
    _put(_key_file(home, plan.hash), server.secret)
    _put(_file(home, plan.hash), json.dumps(asdict(record), indent=1))
    return record


def remove(home: Home, plan_hash: str) -> None:
    """Makes it unknown again."""
    _file(home, plan_hash).unlink(missing_ok=True)
    _key_file(home, plan_hash).unlink(missing_ok=True)


def all_records(home: Home) -> list[ServeRecord]:
    """Servers that are kept up now, by key; what dead processes of this machine left is removed."""
    found = []
    for file in sorted(home.serving.glob("*.json")):
        record = _read(file)
        if record is None or (record.host == socket.gethostname() and not record.alive()):
            remove(home, file.stem)
        elif record.alive():
            found.append(record)
    return sorted(found, key=lambda record: record.key)


def find(home: Home, plan: ServePlan) -> tuple[ServeRecord, str] | None:
    """The record of a server for exactly this plan, and its key; None when there is none."""
    record = next((one for one in all_records(home) if one.hash == plan.hash), None)
    if record is None:
        return None
    with contextlib.suppress(OSError):
        return record, _key_file(home, plan.hash).read_text()
    return None


def _file(home: Home, plan_hash: str) -> Path:
    return home.serving / f"{plan_hash}.json"


def _key_file(home: Home, plan_hash: str) -> Path:
    return home.serving / f"{plan_hash}.key"


def _put(path: Path, text: str) -> None:
    """Whole or not at all, for its owner alone (mkstemp makes files so)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).replace(path)


def _read(path: Path) -> ServeRecord | None:
    try:
        return ServeRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _born(pid: int) -> str | None:
    """When a process began, in ticks since boot; None when it is not there. Without /proc, only that it is there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        return "there" if _exists(pid) else None
    return None if fields[0] == "Z" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
