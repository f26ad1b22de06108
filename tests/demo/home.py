"""The demo recipe, run for real: killed with -9 at ten random moments, then to its end. Made once for all tests.

`OT_TEST_DEMO_HOME` names the state folder of a demo that has ended: tests then look at a copy of it, and those that ask how
it came to be are skipped. That is for work on these tests; making the demo takes ten minutes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).with_name("driver.py")
GIVEN = "OT_TEST_DEMO_HOME"


@dataclass(frozen=True)
class Moment:
    """When to kill: so many seconds after so many answers more were stored, or after the training said its first step."""

    seconds: float
    answers: int = 0
    training: bool = False

    def wait(self, process: subprocess.Popen[bytes], stored: Callable[[], int], output: Path) -> None:
        """Waits for the moment, or for the end of the process."""
        wanted = stored() + self.answers if self.answers else 0
        while process.poll() is None and not self._came(stored, wanted, output):
            time.sleep(0.1)
        if process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.seconds)

    def _came(self, stored: Callable[[], int], wanted: int, output: Path) -> bool:
        if self.training:
            return "training: step" in output.read_text()
        return stored() >= wanted


@dataclass
class DemoHome:
    """A state folder and how it came to be."""

    path: Path
    stored_before: list[set[str]] = field(default_factory=list)
    asked: list[set[str]] = field(default_factory=list)
    killed_at: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "OT_HOME": str(self.path), "HF_HUB_OFFLINE": "1", "TERM": "dumb"}

    def ot(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ot_assets.cli", *arguments]
        return subprocess.run(command, env=self.env | env, capture_output=True, text=True, check=False)

    def json(self, *arguments: str, **env: str) -> Any:
        done = self.ot(*arguments, "--json", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def stored_keys(self) -> set[str]:
        database = self.path / "responses.sqlite"
        if not database.exists():
            return set()
        with sqlite3.connect(database, timeout=30) as connection:
            tables = {name for (name,) in connection.execute("select name from sqlite_master where type='table'")}
            if "responses" not in tables:
                return set()
            keys = connection.execute("select key from responses").fetchall()
        return {key.hex() if isinstance(key, bytes) else key for (key,) in keys}

    def run_demo(self, moment: Moment | None = None) -> int:
        """One `ot run demo`, killed with -9 at the moment if it has not ended by then."""
        number = len(self.asked)
        log = self.path.parent / f"asked-{number}"
        log.touch()
        self.stored_before.append(self.stored_keys())
        output = self.path.parent / f"output-{number}"
        with output.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, str(DRIVER), "run", "demo"], env=self.env | {"ASKED": str(log)}, stdout=out, stderr=out
            )
            if moment is not None:
                moment.wait(process, lambda: len(self.stored_keys()), output)
                process.kill()
            process.wait()
        self.asked.append(set(log.read_text().split()))
        self.killed_at.append(output.read_text()[-300:])
        return process.returncode

    def copy(self, target: Path) -> DemoHome:
        """The same state in another folder, to change; without checkpoints of training and the wheels of sources."""
        shutil.copytree(self.path, target, symlinks=True, ignore=_beside(self.path, "work", "wheels"))
        return DemoHome(target)


def demo_home(folder: Path) -> DemoHome:
    """A finished demo in `folder`: the one that is given, or made now, with kills."""
    given = os.environ.get(GIVEN)
    if given:
        return DemoHome(Path(given)).copy(folder / "ot")
    home = DemoHome(folder / "ot")
    draw = random.Random(20250604)
    started = time.monotonic()
    for moment in moments(draw):
        home.run_demo(moment)
    code = home.run_demo()
    assert code == 0, home.killed_at[-1]
    home.seconds = time.monotonic() - started
    return home


def moments(draw: random.Random) -> list[Moment]:
    """Ten: by the clock, between answers (whatever the machine's speed), and while a student trains."""
    by_clock = [Moment(draw.uniform(3, 30)) for _ in range(3)]
    by_answers = [Moment(draw.uniform(0, 2), answers=draw.randint(1, 100)) for _ in range(5)]
    training = [Moment(draw.uniform(0, 10), training=True) for _ in range(2)]
    return [*by_clock, *by_answers, *training]


def _beside(root: Path, *names: str) -> Any:
    """An `ignore` for copytree that leaves out these entries of the top folder."""
    return lambda folder, entries: {entry for entry in entries if Path(folder) == root and entry in names}
