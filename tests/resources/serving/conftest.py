from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resources.generation.model import Model
from resources.home import Home
from resources.serving.options import ServeOptions

STAND_IN = Path(__file__).with_name("stand_in.py")


@dataclass
class Bench:
    """A state folder, and models that are served by the stand-in."""

    path: Path

    @property
    def home(self) -> Home:
        return Home(self.path / "home")

    def options(self, behaviour: dict[str, Any], **options: Any) -> ServeOptions:
        said: dict[str, Any] = {
            "command": (sys.executable, "-S", str(STAND_IN)),
            "environment": {
                "FAKE_BEHAVIOUR": json.dumps(behaviour),
                "FAKE_COUNTER": str(self.path / "starts"),
                "FAKE_PIDS": str(self.path / "pids"),
                "FAKE_ASKED": str(self.path / "asked"),
            },
            "start_seconds": 30.0,
            "stop_seconds": 1.0,
        }
        return ServeOptions.model_validate(said | options)

    def model(self, behaviour: dict[str, Any] | None = None, *, concurrency: int = 4, **options: Any) -> Model:
        return Model(
            key="big",
            engine="vllm",
            model="org/big",
            revision="r1",
            weights=self.path / "weights",
            serve=self.options(behaviour or {}, **options),
            options={"concurrency": concurrency},
        )

    def starts(self) -> list[int]:
        """Process ids of the stand-ins that were started, oldest first."""
        return numbers(self.path / "starts")

    def children(self) -> list[int]:
        """Process ids of what the stand-ins forked."""
        return numbers(self.path / "pids")

    def asked(self) -> list[str]:
        """What was answered, in order, over all starts."""
        file = self.path / "asked"
        return file.read_text().splitlines() if file.exists() else []

    def logs(self) -> str:
        return "".join(file.read_text() for file in (self.home.serving / "logs").glob("*.log"))


def numbers(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits, and fails when it takes absurdly long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name in list(os.environ):
        if name.startswith("OT_") or name.endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OT_HOME", str(tmp_path / "home"))
    return Bench(tmp_path)
