"""What this machine knows of each batch, on disk before and after every act at the endpoint.

What belongs here: one folder a job under `OT_HOME/work/batches/<model key>/<job>/`, its record and its files. Contract: a
record is replaced whole and synced, so `kill -9` at any moment leaves one that is true. A job goes through

    spooling -> submitting -> running -> fetched -> delivered

`spooling`: requests are gathered or uploaded; nothing is paid for, and a job whose process is gone is thrown away.
`submitting`: the batch may or may not exist at the endpoint; whoever finds such a job must look there first. `running`:
it exists, under `batch_id`. `fetched`: its results lie here. `delivered`: every result was handed out in one run.
A process holds the lock of a job until it runs. Fails with OSError (a full disk), and UserError for a record that cannot
be read: it may be all that is known of something paid for, so it is never removed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from resources.artifacts.disk import sync_file, sync_folder, write_file
from resources.errors import UserError

State = Literal["spooling", "submitting", "running", "fetched", "delivered"]

# Seconds after which a folder without a record is nobody's.
_MAKING = 60.0
# Endpoints keep results for a month; what was not asked for again in two is not missed.
_KEEP_UNASKED_DAYS = 60.0


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a job. Times are seconds since 1970; ids are None until they are known; `status` is the last that
    the endpoint said.
    """

    job: str
    model: str
    base_url: str
    state: State
    created: float
    changed: float
    requests: int = 0
    input_file_id: str | None = None
    batch_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    status: str | None = None


class Job:
    """A folder and its record."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder, self.record = folder, record
        self._lock: int | None = None

    @classmethod
    def create(cls, root: Path, *, model: str, base_url: str) -> Job:
        """A new job in state spooling, locked by this process."""
        now = time.time()
        name = f"{int(now)}-{uuid.uuid4().hex[:12]}"
        job = cls(root / name, Record(name, model, base_url, "spooling", now, now))
        job.folder.mkdir(parents=True)
        if not job.lock():
            raise RuntimeError(f"{job.folder} is new and yet locked")
        job._write()
        sync_folder(root)
        return job

    @property
    def input(self) -> Path:
        """The file that is uploaded: one request a line."""
        return self.folder / "input.jsonl"

    @property
    def output(self) -> Path:
        """The endpoint's answers."""
        return self.folder / "output.jsonl"

    @property
    def errors(self) -> Path:
        """The endpoint's file of requests that failed."""
        return self.folder / "errors.jsonl"

    @property
    def index(self) -> Path:
        """`key offset` of each reply in `output`."""
        return self.folder / "index"

    def request_keys(self) -> list[str]:
        """The keys of its requests."""
        return (self.folder / "keys").read_text().split()

    def note(self, state: State, **known: Any) -> None:
        """Moves on to a state, durably."""
        self.record = replace(self.record, state=state, changed=time.time(), **known)
        self._write()

    def lock(self) -> bool:
        """Takes the job for this process; False when another has it. The kernel frees it when the process ends."""
        if self._lock is None:
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return False
            self._lock = handle
        return True

    def unlock(self) -> None:
        """Lets others have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove(self) -> None:
        """Forgets the job. The record goes first: a folder without one is nobody's."""
        (self.folder / "record.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.unlock()

    def reread(self) -> None:
        """Takes over what another process has noted."""
        self.record = _read(self.folder) or self.record

    def _write(self) -> None:
        beside = self.folder / f"record.{uuid.uuid4().hex[:8]}"
        write_file(beside, json.dumps(asdict(self.record), indent=1).encode())
        beside.replace(self.folder / "record.json")
        sync_folder(self.folder)


class Spool:
    """Gathers the requests of one job on disk, up to `requests` and `size` bytes."""

    def __init__(self, job: Job, requests: int, size: int) -> None:
        self.job = job
        self._most, self._size = requests, size
        self.count = self.written = 0
        self._input = job.input.open("wb")
        self._keys = (job.folder / "keys").open("w")

    def fits(self, line: bytes) -> bool:
        """Whether a line may be added; the first one always may."""
        return not self.count or (self.count < self._most and self.written + len(line) <= self._size)

    def add(self, key: str, line: bytes) -> None:
        """Adds a request: its line in the file, newline included."""
        self._input.write(line)
        self._keys.write(f"{key}\n")
        self.count += 1
        self.written += len(line)

    def seal(self) -> Job:
        """Ends the file; everything is on disk."""
        self.close()
        sync_file(self.job.input)
        sync_file(self.job.folder / "keys")
        self.job.note("spooling", requests=self.count)
        return self.job

    def close(self) -> None:
        """Closes the files."""
        self._input.close()
        self._keys.close()

    def discard(self) -> None:
        """Throws the gathered requests away: nothing was paid for them."""
        self.close()
        self.job.remove()


def load_jobs(root: Path, *, keep_days: float) -> Iterator[Job]:
    """The jobs of a model that matter, oldest first. Leavings of killed processes and results long delivered are removed."""
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        record = _read(folder)
        if record is None:
            # Another process may be making it at this moment.
            if folder.is_dir() and time.time() - folder.stat().st_mtime > _MAKING:
                shutil.rmtree(folder, ignore_errors=True)
            continue
        job = Job(folder, record)
        if _matters(record, keep_days):
            yield job
        elif job.lock():
            # It may have moved on before the lock was free.
            job.reread()
            if _matters(job.record, keep_days):
                job.unlock()
                yield job
            else:
                job.remove()


def _matters(record: Record, keep_days: float) -> bool:
    days = (time.time() - record.changed) / 86_400
    keep = {"spooling": -1.0, "delivered": keep_days, "fetched": _KEEP_UNASKED_DAYS}.get(record.state)
    return keep is None or days < keep


def _read(folder: Path) -> Record | None:
    try:
        return Record(**json.loads((folder / "record.json").read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{folder / 'record.json'} cannot be read ({error}): what is known of a batch stands in it",
            fix="mend it, or look at the endpoint that no batch of it is running, remove the folder and run again",
        ) from None
