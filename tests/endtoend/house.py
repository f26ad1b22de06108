"""A small house for tests: a registry folder of YAML, a state folder, and `ot` over both, in this process or another.

The recipe `sums` is a whole one: two sources (files and a generator), a teacher behind HTTP and the reference, a student that
starts from a random llama of a few thousand parameters, a benchmark. Everything is real but the sizes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from resources.artifacts import Artifact, ArtifactStore, Partition

ROOT = Path(__file__).parents[2]
SECRET = "sk-test-4f9c1e7d2b8a6035"
"""What the endpoint wants as its key: it must never be found again."""
_FOREIGN = ("OT_", "DAGSTER_", "HF_", "GX_")


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        assert self.code == 0, self.text
        return json.loads(self.out)


@dataclass
class House:
    """A registry folder and a state folder under one temporary folder."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def registry(self) -> Path:
        return self.path / "registry"

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore(str(self.home / "artifacts"))

    def write(self, place: str, spec: Mapping[str, Any]) -> Path:
        """Writes `sources/mine` and the like."""
        file = self.registry / f"{place}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(dict(spec), sort_keys=False))
        return file

    def read(self, place: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.registry / f"{place}.yaml").read_text())
        return found

    def edit(self, place: str, change: Mapping[str, Any]) -> None:
        """Changes fields of a spec; mappings are merged."""
        self.write(place, _merged(self.read(place), change))

    def rows(self, name: str, rows: list[dict[str, Any]], *, folder: str = "sources") -> None:
        """Writes a JSON-lines file beside the sources."""
        file = self.registry / folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return own | {
            "OT_HOME": str(self.home),
            "OT_REGISTRY": str(self.registry),
            "HF_HUB_OFFLINE": "1",
            "TERM": "dumb",
            "COLUMNS": "200",
            "PYTHONPATH": str(ROOT),
            "SOLVER_API_KEY": SECRET,
            **self.env,
        }

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The process in the house: its environment, and nothing remembered of another."""
        from ot_assets.registry import registry
        from resources.handles import _SLOT

        with patch.dict(os.environ, self.environment, clear=True), _in_folder(self.path):
            registry.cache_clear()
            try:
                yield
            finally:
                _SLOT.release()
                registry.cache_clear()

    def ot(self, *arguments: str) -> Said:
        """Runs `ot` in this process."""
        from ot_assets.cli import main

        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            self.entered(),
            patch.object(sys, "argv", ["ot", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1 if end.code else 0
        return Said(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str, **kwargs: Any) -> subprocess.Popen[str]:
        """Starts `ot` as a process of its own, in its own group."""
        command = [sys.executable, "-m", "ot_assets.cli", *arguments]
        return subprocess.Popen(
            command,
            env=self.environment,
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **kwargs,
        )

    def process(self, *arguments: str, timeout: float = 120, **kwargs: Any) -> Said:
        """Runs `ot` as a process of its own to its end."""
        started = self.start(*arguments, **kwargs)
        try:
            out, err = started.communicate(timeout=timeout)
        finally:
            if started.poll() is None:
                started.kill()
        return Said(started.returncode, out, err)

    def current(self, asset: str, **keys: str) -> Artifact:
        found = self.store.current(asset, Partition(keys))
        assert found is not None, f"{asset} {keys} is not there"
        return found

    def artifacts(self) -> dict[str, str]:
        """`asset[partition]` -> artifact id of everything that is current."""
        store = self.store
        found = {}
        for asset in store.assets():
            for partition in store.partitions(asset):
                there = store.current(asset, partition)
                if there is not None:
                    found[f"{asset}[{partition}]"] = there.artifact_id
        return found

    def problems(self) -> list[str]:
        """What is damaged among current artifacts and stored replies."""
        from resources.responses.store import ResponseStore

        store, found = self.store, []
        for asset in store.assets():
            for partition in store.partitions(asset):
                there = store.current(asset, partition)
                found += there.verify() if there else []
        if (self.home / "responses.sqlite").exists():
            with ResponseStore(f"sqlite:///{self.home / 'responses.sqlite'}", create=False) as responses:
                found += responses.problems()
        return found

    def copy(self, path: Path) -> House:
        """The same house elsewhere, with all its state."""
        shutil.copytree(self.path, path, dirs_exist_ok=True, ignore=_of_the_moment)
        return House(path, dict(self.env))


def _of_the_moment(folder: str, names: list[str]) -> set[str]:
    """Files of SQLite that are there only while another process reads: they come and go while the folder is copied."""

    def empty(name: str) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return Path(folder, name).stat().st_size == 0
        return True

    return {name for name in names if name.endswith("-shm") or (name.endswith("-wal") and empty(name))}


@contextlib.contextmanager
def _in_folder(path: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, Mapping):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new


def sums(count: int, *, first: int = 1) -> list[dict[str, Any]]:
    """Problems of addition with worked solutions."""
    found = []
    for n in range(first, first + count):
        a, b = 10 + n, 3 + (n * 7) % 11
        found.append({"problem": f"What is {a} + {b}?", "answer": str(a + b), "worked": f"{a} and {b} make {a + b}."})
    return found


FILES_SOURCE = {
    "description": "Sums that we wrote ourselves.",
    "domain": "math",
    "licence": "CC-BY-4.0",
    "origin": {"kind": "files", "paths": ["mine.jsonl"]},
    "columns": {"question": "problem", "gold": "answer", "solution": "worked"},
    "verifier": "math",
}


def generated(size: int, seed: int) -> dict[str, Any]:
    return {
        "description": "Generated sums.",
        "domain": "math",
        "licence": "Apache-2.0",
        "origin": {
            "kind": "procedural",
            "dataset": "chain_sum",
            "size": size,
            "seed": seed,
            "config": {"min_terms": 2, "max_terms": 2, "min_digits": 2, "max_digits": 2, "allow_negation": False},
            "worked": True,
        },
        "verifier": "procedural",
    }


def http_model(url_env: str, name: str = "solver") -> dict[str, Any]:
    return {
        "engine": "openai",
        "model": name,
        "licence": "Apache-2.0",
        "base_url_env": url_env,
        "api_key_env": "SOLVER_API_KEY",
        "price": {"input": 1.0, "output": 2.0},
        "options": {"concurrency": 4, "attempts": 2, "backoff": 0.01, "timeout": 20, "give_up_after": 4},
    }


def build(path: Path, base: Path, url: str) -> House:
    """The house with the recipe `sums`, nothing made yet."""
    house = House(path, {"SOLVER_URL": url})
    house.rows("mine.jsonl", sums(8))
    house.write("sources/mine", FILES_SOURCE)
    house.write("sources/made", generated(12, seed=5))
    house.write("models/tiny", {"engine": "transformers", "model": str(base), "licence": "MIT", "dtype": "float32"})
    house.write("models/solver", http_model("SOLVER_URL"))
    house.write(
        "teachers/solver",
        {
            "description": "Solves sums.",
            "model": "solver",
            "sampling": {"temperature": 0.5, "max_tokens": 64, "seed": 1},
        },
    )
    house.rows("exam.jsonl", sums(6, first=60), folder="benchmarks")
    house.write(
        "benchmarks/exam",
        {
            **FILES_SOURCE,
            "description": "Other sums.",
            "origin": {"kind": "files", "paths": ["exam.jsonl"]},
            "role": "dev",
            "repeats": 2,
            "sampling": {"temperature": 0.7, "max_tokens": 4, "seed": 3},
            "screen": {"ngram": None, "similarity": None},
        },
    )
    house.write(
        "recipes/sums",
        {
            "description": "Sums, taught to a very small model.",
            "parts": {
                "math": {"domain": "math", "sources": [{"source": "mine"}, {"source": "made"}], "rows": 12,
                         "select": [{"kind": "dedup", "method": "exact"}]},
            },
            "answers_per_question": 2,
            "teachers": ["solver"],
            "other_teachers": "any",
            "answer_filter": {"kind": "verified"},
            "student": {"base": "tiny", "max_tokens": 512,
                        "training": {"max_steps": 2, "global_batch": 4, "learning_rate": 0.001, "precision": "fp32"}},
            "benchmarks": ["exam"],
            "choose_on": ["exam"],
            "screen_against": ["exam"],
        },
    )  # fmt: skip
    return house
