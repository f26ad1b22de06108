"""Small registry folders on disk, written as a person would write them."""

from __future__ import annotations

from pathlib import Path

from ot_assets.registry import Registry, RegistryErrors, load_registry
from ot_assets.registry.errors import Problem

SOURCE = """\
description: Sums.
domain: math
licence: MIT
origin:
  kind: procedural
  dataset: chain_sum
  size: 200
  seed: {seed}
  worked: true
verifier: procedural
"""
MODEL = """\
engine: scripted
model: tiny
licence: Apache-2.0
context: 8192
"""
TEACHER = """\
description: A teacher.
model: tiny
sampling: {temperature: 0.7, max_tokens: 256}
"""
BENCHMARK = """\
description: Other sums.
role: dev
domain: math
licence: MIT
origin: {kind: procedural, dataset: chain_sum, size: 50, seed: 999}
verifier: procedural
repeats: 2
"""
RECIPE = """\
description: A recipe.
parts:
  math:
    domain: math
    sources:
      - source: sums
    rows: 100
teachers: [tutor]
student:
  base: tiny
  max_tokens: 512
benchmarks: [exam]
choose_on: [exam]
"""


class House:
    """A user's registry folder beside an empty shipped one."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "mine"
        self.shipped = root / "shipped"
        self.record = root / "home" / "keys.json"
        self.folder.mkdir(parents=True)
        self.shipped.mkdir()
        (self.shipped / "keys.yaml").write_text("sources: []\n")

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def furnish(self) -> House:
        """One valid spec of each kind."""
        self.write("sources/sums.yaml", SOURCE.replace("{seed}", "1"))
        self.write("models/tiny.yaml", MODEL)
        self.write("teachers/tutor.yaml", TEACHER)
        self.write("benchmarks/exam.yaml", BENCHMARK)
        self.write("recipes/first.yaml", RECIPE)
        return self

    def load(self) -> Registry:
        return load_registry(self.folder, record=self.record, shipped=self.shipped)

    def problems(self) -> tuple[Problem, ...]:
        try:
            self.load()
        except RegistryErrors as errors:
            return errors.problems
        return ()

    def only(self) -> Problem:
        """The one error there is."""
        wrong = [problem for problem in self.problems() if problem.severity == "error"]
        assert len(wrong) == 1, [str(problem) for problem in wrong]
        return wrong[0]
