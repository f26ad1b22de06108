"""A house whose teacher is SmolLM2 behind vLLM: the demo's teacher and source, with a few questions, and a small exam."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from resources.home import Home
from tests.endtoend.house import ROOT, House

MODEL = "smollm2-vllm"
QUESTIONS, ANSWERS, EXAM, REPEATS = 48, 4, 24, 2
SERVE = {
    "max_model_len": 2048,
    "max_num_seqs": 64,
    "enforce_eager": True,
    "seeds": False,  # a seed per request crashes vLLM's CPU build
    "environment": {"VLLM_CPU_KVCACHE_SPACE": 1},
    "start_seconds": 600,
}


def shipped(place: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "ot_assets/registry" / f"{place}.yaml").read_text())
    return found


def build(folder: Path) -> House:
    house = House(folder, {"OT_VLLM_PYTHON": os.environ["OT_VLLM_PYTHON"]})
    house.write(f"models/{MODEL}", shipped("models/smollm2-135m-instruct") | {"engine": "vllm", "serve": SERVE})
    teacher = shipped("teachers/smollm2-135m")
    house.write(f"teachers/{MODEL}", teacher | {"model": MODEL, "sampling": teacher["sampling"] | {"seed": 11}})
    exam = shipped("benchmarks/arithmetic")
    exam["origin"] |= {"size": EXAM, "seed": 992}
    house.write("benchmarks/few-sums", exam | {"questions": EXAM, "repeats": REPEATS})
    demo = shipped("recipes/demo")
    arithmetic = demo["parts"]["arithmetic"] | {"select": [{"kind": "random", "rows": QUESTIONS}]}
    own = {
        "parts": {"arithmetic": arithmetic},
        "answers_per_question": ANSWERS,
        "teachers": [MODEL],
        "benchmarks": ["few-sums"],
        "choose_on": ["few-sums"],
        "screen_against": ["few-sums"],
    }
    house.write("recipes/served", demo | own)
    return house


def stored_keys(house: House) -> set[str]:
    """Keys of all stored replies."""
    database = house.home / "responses.sqlite"
    if not database.exists():
        return set()
    with sqlite3.connect(database, timeout=30) as connection:
        if not connection.execute("select 1 from sqlite_master where name='responses'").fetchone():
            return set()
        return {str(key) for (key,) in connection.execute("select key from responses")}


def processes(house: House) -> list[str]:
    """Command lines of all other processes that run for this house: its path is in their environment."""
    mark = f"OT_HOME={house.home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in found if line]


def until(condition: Callable[[], bool], seconds: float, alive: Callable[[], None] = lambda: None) -> None:
    end = time.monotonic() + seconds
    while not condition():
        alive()
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.1)


@dataclass(frozen=True)
class Calls:
    """Counts the calls in a server's access log since it was made."""

    log: Path
    before: int

    @classmethod
    def of(cls, log: str) -> Calls:
        return cls(Path(log), _posts(Path(log)))

    def count(self) -> int:
        return _posts(self.log) - self.before


def _posts(log: Path) -> int:
    return log.read_text().count('POST /v1/chat/completions HTTP/1.1" 200')


def home_of(house: House) -> Home:
    return Home(house.home)
